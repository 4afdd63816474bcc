package judgement_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// hostile returns results with every name that a sender chooses filled with line ends, percent
// signs and octets that no reply may have.
func hostile() *result.Results {
	const tail = ".bank.example"
	bad := strings.Repeat("é\r\n250 2.0.0 x%s\x00\"", 200)
	r := failing()
	r.Client.IP, r.Client.Helo, r.Client.PTR = bad, bad, bad
	r.MailFrom = bad + "=bounce@" + bad
	r.Author.Domain, r.DMARC.OrganizationalDomain = "bank.example", bad
	r.List = message.List{ID: "bank.example", Post: true}
	r.Marks.Forward = bad
	r.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: bad, Status: spf.Fail, Reason: bad, Explanation: bad}}
	r.DKIM = []dkim.Result{
		{Domain: bad + tail, Selector: bad, Status: dkim.Fail, Reason: bad, KeyBits: 2048},
		{Domain: bad + tail, Status: dkim.TempError, Reason: bad},
	}
	r.ARC = arc.Result{Status: arc.Pass, Sealers: []arc.Sealer{{Instance: 1, Domain: bad, Recorded: &arc.Recorded{DMARC: "pass", From: "bank.example"}}}}
	r.Hops, r.HopsAsked = []result.Hop{{IP: netip.MustParseAddr("198.51.100.1"), Helo: bad + tail, Domain: bad, Status: spf.Pass}}, true
	r.Observed = result.Observed{FailedDomains: 9, ImpersonatedDomains: 9}
	r.IPRev = iprev.Result{Status: iprev.Fail, Reason: bad}
	return r
}

// Each text of evidence is one line of printable octets, and bounded.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	ofNobody := hostile()
	ofNobody.DKIM, ofNobody.Client.PTR = nil, ""
	partial := hostile()
	partial.DKIM = []dkim.Result{{Domain: hostile().DKIM[0].Domain, Status: dkim.Pass, Partial: true}}
	seen := map[string]bool{}
	for _, r := range []*result.Results{hostile(), ofNobody, partial} {
		for _, e := range judgement.Gather(r) {
			seen[e.Name] = seen[e.Name] || e.State == result.Present
			if len(e.Text) > 400 || !foreign.IsPrintable(e.Text) {
				t.Errorf("%s: %d octets, %q", e.Name, len(e.Text), e.Text)
			}
		}
	}
	for _, name := range []string{"list", "altered", "arc-chain", "earlier-hop", "forward-fields", "forbidden", "nameless", "many-domains"} {
		if !seen[name] {
			t.Errorf("%s was not found", name)
		}
	}
}

// The work for a header of a thousand Received fields, each as long as it may be, is bounded.
func BenchmarkHops(b *testing.B) {
	r := failing()
	for i := range 1000 {
		r.Header = append(r.Header, received(fmt.Sprintf("from a%[1]d.example (a [198.51.%[2]d.%[3]d]) by b%[1]d.example (%[4]s); x", i, i/256, i%256, strings.Repeat("x", 4000)))...)
	}
	r.Header = append(r.Header, received("from x by mx.desk.example; x")...)
	b.ReportAllocs()
	for b.Loop() {
		judgement.Hops(r)
	}
}
