package arc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
)

// TestSectionChains changes, removes and repeats each field of each set of chains of one
// to four hops. A seal covers all fields of its set and those below it, so that each
// damage ends in fail (RFC 8617 section 5.2). An older ARC-Message-Signature alone may
// fail, as hops change messages.
func TestSectionChains(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, arcZone())
	check := func(name, mail string, want Status) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := verify(r, mail, dkim.Options{}); got.Status != want {
				t.Errorf("%s (%s), want %s", got.Status, got.Reason, want)
			}
		})
	}
	for hops := 1; hops <= 4; hops++ {
		mail := chain(plainMail, hops)
		check(fmt.Sprintf("5.2 %d hops, unchanged", hops), mail, Pass)
		check(fmt.Sprintf("5.2 %d hops, body changed", hops), strings.Replace(mail, "Hello there", "Hello here", 1), Fail)
		check(fmt.Sprintf("5.2 %d hops, From changed", hops), strings.Replace(mail, "Joe <joe", "Jim <joe", 1), Fail)
		check(fmt.Sprintf("4.2.1 %d hops, newest instance is repeated", hops), sealed(mail, hops, sealer{}), Fail)
		check(fmt.Sprintf("4.2.1 %d hops, an instance is skipped", hops), sealed(mail, hops+2, sealer{}), Fail)
		check(fmt.Sprintf("5.2 %d hops, then cv=fail", hops), sealed(mail, hops+1, sealer{cv: "fail"}), Fail)
		if hops < 4 {
			changed := sealed(strings.Replace(mail, "Hello there", "Hello here", 1), hops+1, sealer{})
			check(fmt.Sprintf("5.2 %d hops, changed before the next one sealed", hops), changed, Pass)
		}
		for instance := 1; instance <= hops; instance++ {
			for _, name := range fieldNames {
				prefix := fmt.Sprintf("%s: i=%d;", name, instance)
				if !strings.Contains(mail, prefix) {
					t.Fatalf("no %s in\n%s", prefix, mail)
				}
				where := fmt.Sprintf("%d hops, %s of hop %d ", hops, name, instance)
				check("5.2 "+where+"removed", strings.Replace(mail, prefix, "X-Was: i=0;", 1), Fail)
				check("4.2.1 "+where+"without i=", strings.Replace(mail, prefix, name+":", 1), Fail)
				check("4.2.1 "+where+"with i=0", strings.Replace(mail, prefix, name+": i=0;", 1), Fail)
				check("4.2.1 "+where+"twice", prefix+" x\r\n"+mail, Fail)
				if name != "ARC-Message-Signature" {
					check("5.2 "+where+"with a word more", strings.Replace(mail, prefix, prefix+" x=y;", 1), Fail)
				}
			}
		}
	}
}
