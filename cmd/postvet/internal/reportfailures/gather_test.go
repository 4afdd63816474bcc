package reportfailures

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

const zone = `
_dmarc.example.com. TXT "v=DMARC1; p=reject; ruf=mailto:f@example.com"
_dmarc.outside.example. TXT "v=DMARC1; p=reject; ruf=mailto:f@takes.example,mailto:f@silent.example"
outside.example._report._dmarc.takes.example. TXT "v=DMARC1"
_dmarc.victim.example. TXT "v=DMARC1; p=reject; ruf=mailto:f@silent.example"
_dmarc.psd.example. TXT "v=DMARC1; p=reject; psd=y; ruf=mailto:f@psd.example"
_dmarc.unknown.example. TXT "v=DMARC1; p=reject; ruf=mailto:f@broken.example"
$FAULT unknown.example._report._dmarc.broken.example TXT SERVFAIL
`

// site is a gatherer with a store, a DNS and a clock.
type site struct {
	*Gatherer
	store *reportstore.Store
	mu    sync.Mutex
	at    time.Time
	fails error
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// pass lets time pass, and has done what is due then.
func (s *site) pass(t *testing.T, d time.Duration) {
	s.mu.Lock()
	s.at = s.at.Add(d)
	s.mu.Unlock()
	s.Step(t.Context())
}

// Enqueue fails if the store is to.
func (s *site) Enqueue(ctx context.Context, r *reports.Report, due time.Time, addresses ...string) (bool, error) {
	if s.fails != nil {
		return false, s.fails
	}
	return s.store.Enqueue(ctx, r, due, addresses...)
}

type storeOf struct {
	*reportstore.Store
	*site
}

func (s storeOf) Enqueue(ctx context.Context, r *reports.Report, due time.Time, addresses ...string) (bool, error) {
	return s.site.Enqueue(ctx, r, due, addresses...)
}

func never(string) bool { return false }

func newSite(t *testing.T, change func(*Settings)) *site {
	t.Helper()
	s := &site{at: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
	_, dns := dnstest.Start(t, zone)
	var err error
	if s.store, err = reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(t.TempDir(), "reports.db"), Now: s.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	settings := Settings{
		Send: reportsending.All, Known: never, Excluded: never, Own: never, Submitter: "ours.example", Contact: "postmaster@ours.example",
		PerDestination: 1, Rate: 10, Program: "Postvet/test", Host: "mx.ours.example",
	}
	if change != nil {
		change(&settings)
	}
	s.Gatherer = idle(Options{
		Store: storeOf{s.store, s}, Settings: settings, Now: s.now,
		Destinations: func(ctx context.Context, domain string) reportsending.Destinations {
			return reportsending.DestinationsOf(ctx, dns, dmarc.Options{}, domain, reports.Failure)
		},
	})
	return s
}

// failing returns a message in the name of a domain that failed.
func failing(t testing.TB, domain, ip string) (*result.Results, *result.Verdict) {
	t.Helper()
	for line := range strings.Lines(zone) {
		name, text, ok := strings.Cut(line, " TXT ")
		if !ok || name != "_dmarc."+domain+"." {
			continue
		}
		txt := strings.Trim(text, "\"\n")
		record, err := dmarc.ParseRecord(txt)
		if err != nil {
			t.Fatal(err)
		}
		return &result.Results{
			Client: result.ClientResult{IP: ip}, MailFrom: "ann@forger.example", Author: message.Author{Domain: domain}, Recipients: []string{"bob@ours.example"},
			Header: message.Header{message.NewField("From", " Ann <ann@"+domain+">"), message.NewField("To", " Bob <bob@ours.example>"), message.NewField("Subject", " secret")},
			SPF:    []spf.Result{{Identity: spf.MailFrom, Domain: "forger.example", Status: spf.Pass}},
			DMARC: dmarc.Result{
				Status: dmarc.Fail, AuthorDomain: domain, OrganizationalDomain: domain, RecordDomain: domain, Policy: dmarc.PolicyReject, Disposition: dmarc.PolicyReject,
				Record: txt, Published: record,
			},
		}, &result.Verdict{Action: result.Reject, Intended: result.Reject, Rule: result.RuleDMARCReject, AuthenticationResults: "mx.ours.example; dmarc=fail header.from=" + domain}
	}
	t.Fatalf("no record of %s", domain)
	return nil, nil
}

func (s *site) fail(t testing.TB, domain, ip string) {
	res, v := failing(t, domain, ip)
	res.Arrived = s.now()
	s.Add(res, v)
}

// sent returns the reports in the outbox as lines "domain incidents addresses".
func (s *site) sent(t *testing.T) (lines []string) {
	t.Helper()
	all, err := s.store.Reports(t.Context(), reportstore.Query{Kind: reports.Failure})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		d, err := s.store.Deliveries(t.Context(), reportstore.Query{ID: r.ID})
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprint(r.Domain, " ", r.Messages)
		for _, one := range d {
			line += " " + one.Delivery.Address
		}
		lines = append(lines, line)
	}
	return lines
}

func (s *site) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	if got := strings.Join(s.sent(t), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestGather: one report of many messages, no more than an address may get, no body and no
// name in it.
func TestGather(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for i := range 5 {
		s.fail(t, "example.com", fmt.Sprint("192.0.2.", i))
	}
	s.pass(t, 5*time.Minute)
	s.expect(t, "too early")
	s.pass(t, 6*time.Minute)
	s.expect(t, "one report", "example.com 5 f@example.com")
	all, err := s.store.Reports(t.Context(), reportstore.Query{Kind: reports.Failure})
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	r, ok, err := s.store.Report(t.Context(), all[0].ID)
	if err != nil || !ok {
		t.Fatal(err)
	}
	text := string(r.Document)
	for _, want := range []string{
		"Content-Type: multipart/report;", "boundary=\"" + r.ID + "\"", "Incidents: 5\r\n", "Source-IP: 192.0.2.0\r\n", "User-Agent: Postvet/test\r\n", "Reporting-MTA: dns; mx.ours.example\r\n",
		"Reported-Domain: example.com\r\n", "Identity-Alignment: dkim, spf\r\n", "Delivery-Result: reject\r\n", "@ours.example>\r\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	for _, secret := range []string{"ann", "Ann ", "bob", "Bob", "secret"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in\n%s", secret, text)
		}
	}
	// Within the hour the address gets no other report, and failures are counted.
	s.fail(t, "example.com", "192.0.2.9")
	s.fail(t, "example.com", "198.51.100.9")
	s.pass(t, 11*time.Minute)
	s.fail(t, "example.com", "192.0.2.10")
	s.pass(t, 20*time.Minute)
	s.expect(t, "within the hour", "example.com 5 f@example.com")
	for range 6 {
		s.pass(t, 6*time.Minute)
	}
	if n := len(s.sent(t)); n != 2 {
		t.Errorf("%d reports after an hour: %q", n, s.sent(t))
	}
	for range 15 {
		s.pass(t, 6*time.Minute)
	}
	if n := len(s.sent(t)); n != 3 {
		t.Errorf("%d reports after two hours: %q", n, s.sent(t))
	}
	if st := s.Stats(); st.Reports != 3 || st.Incidents != 8 || st.Open != 0 || len(st.Dropped) > 0 {
		t.Errorf("%+v", st)
	}
}

// TestDestinations: who gets reports (RFC 9991 sections 2 and 5).
func TestDestinations(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, domain := range []string{"outside.example", "victim.example", "psd.example", "unknown.example"} {
		s.fail(t, domain, "192.0.2.1")
	}
	s.pass(t, 11*time.Minute)
	s.expect(t, "who consents", "outside.example 1 f@takes.example")
	st := s.Stats()
	if st.Dropped[WhyAddress] != 1 || st.Skipped[reporting.SkipSuffix] != 1 || st.Open != 1 {
		t.Errorf("%+v", st)
	}
	for range 30 {
		s.pass(t, time.Hour)
	}
	if st := s.Stats(); st.Dropped[WhyTooLate] != 1 || st.Open != 0 {
		t.Errorf("%+v", st)
	}
}

// TestChoice: the settings choose the domains that get reports.
func TestChoice(t *testing.T) {
	t.Parallel()
	only := func(domain string) bool { return domain == "example.com" }
	for _, tc := range []struct {
		name   string
		change func(*Settings)
		want   string
		why    Why
	}{
		{"all", nil, "example.com 1 f@example.com", ""},
		{"excluded", func(s *Settings) { s.Excluded = only }, "", WhyExcluded},
		{"listed", func(s *Settings) { s.Send, s.Known = reportsending.Listed, only }, "example.com 1 f@example.com", ""},
		{"not listed", func(s *Settings) { s.Send = reportsending.Listed }, "", WhyNotListed},
		{"known", func(s *Settings) { s.Send, s.Known = reportsending.Known, only }, "example.com 1 f@example.com", ""},
		{"not known", func(s *Settings) { s.Send = reportsending.Known }, "", WhyUnknown},
	} {
		s := newSite(t, tc.change)
		s.fail(t, "example.com", "192.0.2.1")
		s.pass(t, 11*time.Minute)
		if got := strings.Join(s.sent(t), "\n"); got != tc.want {
			t.Errorf("%s: %q", tc.name, got)
		}
		if st := s.Stats(); tc.why != "" && st.Dropped[tc.why] != 1 {
			t.Errorf("%s: %+v", tc.name, st)
		}
	}
	// A domain whose mail was counted on two days is known.
	s := newSite(t, func(s *Settings) { s.Send = reportsending.Known })
	for day := range 2 {
		row := reports.Counted{Day: reports.DayOf(s.now()) - reports.Day(day), Kind: reporting.Ordinary}
		res, v := failing(t, "example.com", "192.0.2.1")
		res.DMARC.Published.RUA = []string{"mailto:a@example.com"}
		of := reporting.Of(res, v)
		row.Policy, row.Record = of.Policy, of.Record
		if _, err := s.store.Add(t.Context(), []reports.Counted{row}); err != nil {
			t.Fatal(err)
		}
	}
	s.fail(t, "example.com", "192.0.2.1")
	s.pass(t, 11*time.Minute)
	s.expect(t, "seen on two days", "example.com 1 f@example.com")
}

// TestBounds: a flood of failures of all kinds is counted and bounded.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *Settings) { s.PerDestination, s.Rate = 60, 2 })
	const n = 200
	for i := range n {
		s.fail(t, "example.com", fmt.Sprintf("10.0.%d.1", i))
	}
	st := s.Stats()
	if st.Open != maxOfOne || st.Incidents != maxOfOne || st.Dropped[WhyFull] != n-maxOfOne {
		t.Errorf("%+v", st)
	}
	s.pass(t, 11*time.Minute)
	if got := len(s.sent(t)); got != 2 {
		t.Errorf("%d reports in a minute, want 2", got)
	}
	for range 2 * maxOfOne {
		s.pass(t, 61*time.Second)
	}
	if got := len(s.sent(t)); got != maxOfOne {
		t.Errorf("%d reports, want %d", got, maxOfOne)
	}
}

// TestStoreFails: a report that the outbox does not take is kept, and counted on.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.fail(t, "example.com", "192.0.2.1")
	s.fails = errors.New("disk full")
	s.pass(t, 11*time.Minute)
	s.fail(t, "example.com", "192.0.2.2")
	s.fails = nil
	s.pass(t, 2*time.Minute)
	s.expect(t, "after the fault", "example.com 2 f@example.com")
}

// TestAddWhileClosed: messages are counted by several goroutines, and a gatherer that is nil
// counts nothing.
func TestAddWhileClosed(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	g := New(s.o)
	res, v := failing(t, "example.com", "192.0.2.1")
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 50 {
				g.Add(res, v)
			}
		})
	}
	wait.Wait()
	g.Close(t.Context())
	if st := g.Stats(); st.Incidents != 200 || len(st.Dropped) > 0 || st.Open != 0 {
		t.Errorf("%+v", st)
	}
	s.expect(t, "at the end", "example.com 200 f@example.com")
	var none *Gatherer
	none.Add(res, v)
	none.SetSettings(Settings{})
	none.Close(t.Context())
	if none.Stats().Reports != 0 {
		t.Error("a nil gatherer counts")
	}
}
