package arc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
)

// The diagnosis describes each set and changes no result.
func TestDescribe(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, arcZone())
	const (
		body   = "body hash does not match: the body was changed after signing"
		header = "signature does not match: a signed header field was changed"
	)
	two := chain(plainMail, 2)
	saw := func(n string) string { return "i=" + n + "; mx.hop" + n + ".example; spf=pass" }
	for _, tt := range []struct {
		name, mail string
		want       []Set
	}{
		{"no chain", plainMail, nil},
		{"whole", two, []Set{{1, "hop1.example", "", "", saw("1")}, {2, "hop2.example", "", "", saw("2")}}},
		{"body changed before the second hop", sealed(chain(plainMail, 1)+"footer\r\n", 2, sealer{}), []Set{
			{1, "hop1.example", "", body, saw("1")}, {2, "hop2.example", "", "", saw("2")},
		}},
		{"body changed after all", two + "footer\r\n", []Set{{1, "hop1.example", "", body, saw("1")}, {2, "hop2.example", "", body, saw("2")}}},
		{"results changed", strings.Replace(two, "mx.hop1.example; spf=pass", "mx.hop1.example; spf=fail", 1), []Set{
			{1, "hop1.example", header, "", "i=1; mx.hop1.example; spf=fail"}, {2, "hop2.example", header, "", saw("2")},
		}},
		{"a set is missing", removeSet(chain(plainMail, 2), 1), []Set{{2, "hop2.example", "not verified", "not verified", saw("2")}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			without := verify(r, tt.mail, dkim.Options{})
			with := verify(r, tt.mail, dkim.Options{Diagnose: true})
			if d := cmp.Diff(tt.want, with.Sets); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			with.Sets = nil
			if d := cmp.Diff(without, with); d != "" {
				t.Errorf("the diagnosis changes the result:\n%s", d)
			}
		})
	}
}
