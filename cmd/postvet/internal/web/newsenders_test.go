package web

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// failing is the failing mail of a sender on some days. Days are counted back from the newest.
type failing struct {
	ip, signer  string
	n           int64
	oldest, new int // the first and the last day with such mail
}

// reported returns the summary of one report for each of some days. The last day ended at end.
// Each report also has mail of our own, which passes.
func reported(days int, end time.Time, policy string, all ...failing) *sources.Summary {
	a := sources.New("example.org")
	for d := range days {
		h := &report.Head{OrgName: "reporter.example", Begin: end.Add(-time.Duration(d+1) * 24 * time.Hour), End: end.Add(-time.Duration(d) * 24 * time.Hour), Policy: report.Policy{Domain: "example.org", P: policy}}
		a.Report(h)
		a.Add(h, &report.Record{Source: netip.MustParseAddr("192.0.2.1"), Count: 100, DKIMAligned: true, HeaderFrom: "example.org", DKIM: []report.DKIM{{Domain: "example.org", Result: "pass"}}})
		for _, f := range all {
			if d <= f.oldest && d >= f.new {
				a.Add(h, &report.Record{Source: netip.MustParseAddr(f.ip), Count: f.n, HeaderFrom: "example.org", DKIM: []report.DKIM{{Domain: f.signer, Result: "pass"}}})
			}
		}
	}
	return a.Summary(nil)
}

func TestNewSenders(t *testing.T) {
	t.Parallel()
	end := testNow.Truncate(24 * time.Hour)
	service := failing{ip: "203.0.113.5", signer: "m.esp.example", n: 30, oldest: 3}
	unknown := failing{ip: "198.51.100.7", n: 2, oldest: 2}
	for name, tc := range map[string]struct {
		s    *sources.Summary
		want string
	}{
		"no report":                 {nil, ""},
		"a service":                 {reported(28, end, "none", service), "esp.example, with 120 messages since 25 Nov"},
		"a network":                 {reported(28, end, "none", unknown), "198.51.100.0/24, with 6 messages since 26 Nov"},
		"both":                      {reported(28, end, "none", unknown, service), "esp.example, with 120 messages since 25 Nov; 198.51.100.0/24, with 6 messages since 26 Nov"},
		"it is there for weeks":     {reported(28, end, "none", failing{"203.0.113.5", "m.esp.example", 30, 27, 0}), ""},
		"it was there weeks before": {reported(28, end, "none", service, failing{"203.0.113.5", "m.esp.example", 1, 27, 27}), ""},
		"a few messages":            {reported(28, end, "none", failing{"198.51.100.7", "", 1, 3, 0}), ""},
		"reports of two weeks":      {reported(14, end, "none", service), ""},
		"no reports came since":     {reported(28, end.Add(-12*24*time.Hour), "none", service), ""},
		"reports came late":         {reported(28, end.Add(-9*24*time.Hour), "none", service), "esp.example, with 120 messages since 16 Nov"},
	} {
		var got []string
		for _, x := range newSenders(tc.s, testNow) {
			got = append(got, newSenderText(x))
		}
		if got := strings.Join(got, "; "); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestNewSendersShown: the first page tells new senders, and what it does not know, and leads to
// the page of our domains, which tells them too.
func TestNewSendersShown(t *testing.T) {
	t.Parallel()
	end := testNow.Truncate(24 * time.Hour)
	service := failing{ip: "203.0.113.5", signer: "m.esp.example", n: 30, oldest: 3}
	hostile := failing{ip: "203.0.113.6", signer: "<evil\u202e.example", n: 30, oldest: 3}
	const unread = "Not all could be looked at: the reports about 1 domain of yours, which are not read yet."
	s := homeSource{source: source{facts: wellFacts(), ask: func(_ access.User, q control.Request) (any, error) {
		return counts.Ranking{Complete: true}, nil
	}}}
	s.facts.OwnDomains = []string{"Example.org"}
	for name, tc := range map[string]struct {
		known         Senders
		err           error
		want, without []string
	}{
		"a service": {
			Senders{Summary: reported(28, end, "none", service), Complete: true},
			nil,
			[]string{
				"One thing needs a look", "Others report a sender that fails DMARC for your domain example.org and was not there in the weeks before: esp.example, with 120 messages since 25 Nov.",
				"have it sign as example.org, or list it in SPF. Otherwise it is a forger", `href="/own#d-example.org"`, "of 120 in all, told by 1 reporter, from 203.0.113.5: service without your name",
			},
			[]string{"Not all could"},
		},
		"p=reject": {Senders{Summary: reported(28, end, "reject", service), Complete: true}, nil, []string{"Otherwise there is nothing to do"}, []string{"forger"}},
		"two":      {Senders{Summary: reported(28, end, "none", service, hostile), Complete: true}, nil, []string{"Others report 2 senders that fail DMARC for your domain example.org and were not there in the weeks before. Most is of "}, []string{"<evil", "\u202e"}},
		"newer ones are read": {
			Senders{Summary: reported(28, end, "none", service)}, nil, []string{"One thing needs a look", "esp.example, with 120"}, []string{"Not all could"},
		},
		"nobody new":            {Senders{Summary: reported(28, end, "none"), Complete: true}, nil, []string{"All is well"}, nil},
		"no report":             {Senders{Complete: true}, nil, []string{"All is well"}, nil},
		"no store":              {Senders{}, ErrNoReports, []string{"All is well"}, nil},
		"being read":            {Senders{}, nil, []string{unread}, []string{"All is well"}},
		"a store that fails":    {Senders{}, errors.New("disk I/O error"), []string{unread}, []string{"All is well", "disk I/O error"}},
		"a store that is away ": {Senders{}, context.DeadlineExceeded, []string{unread}, []string{"All is well"}},
	} {
		s.known = func(string) (Senders, error) { return tc.known, tc.err }
		page := get(t, newTest(s), "/").Body.String()
		holds(t, name, page, tc.want...)
		lacks(t, name, page, tc.without...)
	}
	own := get(t, newTest(readingSource{startKept(t), Senders{Summary: reported(28, end, "none", service), Complete: true}}), "/own").Body.String()
	holds(t, "/own", own, ` id="d-example.org"`, "Others report a sender that fails DMARC for your domain example.org", `<span class="word warn">new</span> <span class="small">since 25 Nov</span>`)
}
