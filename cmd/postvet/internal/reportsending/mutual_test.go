package reportsending

import (
	"bytes"
	"context"
	"net/mail"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
)

// party is a site of a domain that asks for reports, and sends its own from this domain.
type party struct {
	*site
	domain  string
	counter *reportcount.Counter
	arrived int64
	reports []int64 // messages in each report that was sent
}

func newParty(t *testing.T, domain string) *party {
	t.Helper()
	p := &party{domain: domain}
	p.site = newSite(t, `
_dmarc.a.example. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@a.example"
_dmarc.b.example. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@b.example"
`, func(o *Options) {
		o.Settings.Submitter, o.Settings.From, o.Settings.Forged, o.Node = domain, "noreply@"+domain, true, domain
	})
	p.clock.set(midnight.Add(-12 * time.Hour))
	p.counter = reportcount.New(reportcount.Options{Store: p.store, Node: domain, Every: 5 * time.Millisecond, Now: p.clock.Now})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		p.counter.Close(ctx)
	})
	return p
}

// arrives has a message arrive that passes DMARC. It is counted as the service counts it.
func (p *party) arrives(sender string, data []byte) {
	p.tb.Helper()
	header, err := message.NewReader(bytes.NewReader(data)).Header()
	if err != nil {
		p.tb.Fatal(err)
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		p.tb.Fatal(err)
	}
	from, err := mail.ParseAddress(parsed.Header.Get("From"))
	if err != nil {
		p.tb.Fatal(err)
	}
	domain := domainOf(from.Address)
	txt := "v=DMARC1; p=reject; rua=mailto:dmarc@" + domain
	published, err := dmarc.ParseRecord(txt)
	if err != nil {
		p.tb.Fatal(err)
	}
	row := reporting.Of(&result.Results{
		Client: result.ClientResult{IP: "192.0.2.1"}, MailFrom: sender, Header: header, Author: message.Author{Domain: domain},
		DKIM: []dkim.Result{{Domain: domain, Selector: "s1", Status: dkim.Pass}},
		DMARC: dmarc.Result{
			Status: dmarc.Pass, AuthorDomain: domain, OrganizationalDomain: domain, RecordDomain: domain, Policy: dmarc.PolicyReject, Disposition: dmarc.PolicyNone,
			Record: txt, Published: published, Discovery: dmarc.TreeWalk, DKIMAligned: true,
		},
	}, &result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: result.RuleDMARCPass})
	if row.Skip != "" {
		p.tb.Fatalf("it is not counted: %s", row.Skip)
	}
	p.counter.Add(row, p.clock.Now())
	p.arrived++
}

// letters has ordinary mail of a domain arrive.
func (p *party) letters(domain string, n int) {
	p.tb.Helper()
	for range n {
		p.arrives("ann@"+domain, []byte("From: ann@"+domain+"\r\nSubject: Lunch\r\n\r\nAt one?\r\n"))
	}
}

// sendsTo has the reports of a site arrive at another one, which counts them. The mailbox is
// full, so that a notification comes back, which is counted too.
func (p *party) sendsTo(other *party) {
	p.answer = func(m *submission.Message) submission.Answer {
		if m.To != "dmarc@"+other.domain {
			p.tb.Errorf("a report to %s", m.To)
		}
		v, err := report.Check(documentOf(p.tb, m.Data))
		if err != nil || !v.Valid() {
			p.tb.Errorf("%v %+v", err, v.Problems)
		}
		p.reports = append(p.reports, v.Messages)
		other.arrives(m.From, m.Data)
		p.arrives("", []byte("From: mailer-daemon@"+other.domain+"\r\nSubject: failure notice\r\n\r\nfull\r\n"))
		return submission.Answer{Result: submission.Accepted, Stage: submission.End, Code: 250}
	}
}

// TestMutualReports has two sites send each other reports for some days, from the very
// domains that ask for reports. The reports' own mail is told in the report that other mail
// causes, and causes none. The reports end when the other mail does.
func TestMutualReports(t *testing.T) {
	t.Parallel()
	a, b := newParty(t, "a.example"), newParty(t, "b.example")
	a.sendsTo(b)
	b.sendsTo(a)
	both := func(f func(*party)) { f(a); f(b) }
	kept := func(p *party) bool { s := p.counter.Stats(); return s.Rows == p.arrived && s.Trouble == "" }
	days := []struct {
		a, b         int // letters that arrive
		wantA, wantB []int64
	}{
		{3, 3, nil, nil},
		{0, 2, []int64{3}, []int64{3}},
		{0, 0, []int64{3}, []int64{3, 2 + 2}}, // with a report and a notification
		{0, 0, []int64{3}, []int64{3, 4}},
		{0, 0, []int64{3}, []int64{3, 4}},
	}
	for i, day := range days {
		begin := midnight.Add(time.Duration(i-1) * 24 * time.Hour)
		both(func(p *party) { p.clock.set(begin.Add(time.Minute)) })
		if i > 0 {
			both(func(p *party) {
				awaitTrue(t, "the end of the day", func() bool {
					_, waiting, err := p.store.CloseDays(t.Context())
					return err == nil && len(waiting) == 0
				})
			})
		}
		for minute := range 30 {
			both(func(p *party) {
				p.clock.set(begin.Add(time.Duration(minute) * time.Minute))
				p.run(p.clock.Now().Add(time.Second))
			})
		}
		both(func(p *party) { p.clock.set(begin.Add(12 * time.Hour)) })
		a.letters("b.example", day.a)
		b.letters("a.example", day.b)
		both(func(p *party) { awaitTrue(t, "what arrived", func() bool { return kept(p) }) })
		if d := cmp.Diff([][]int64{day.wantA, day.wantB}, [][]int64{a.reports, b.reports}); d != "" {
			t.Fatalf("day %d: reports (-want +got):\n%s", i, d)
		}
	}
	// Letters, reports and notifications.
	if a.arrived != 3+2+1 || b.arrived != 5+1+2 {
		t.Errorf("%d and %d messages arrived", a.arrived, b.arrived)
	}
	both(func(p *party) {
		all, err := p.store.Subjects(t.Context(), reportstore.SubjectQuery{Progress: reportstore.SubjectSkipped})
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		for _, x := range all {
			if x.Why != string(WhyRideAlong) || x.Messages[reporting.Ordinary] != 0 || x.Day < reports.DayOf(midnight) {
				t.Errorf("%s, day %s: %+v", p.domain, x.Day, x)
			}
		}
	})
}
