package reportstore

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func policy(domain string) reporting.Policy {
	return reporting.Policy{Policy: report.Policy{Domain: domain, Discovery: "treewalk", P: "reject", SP: "reject", NP: "reject", ADKIM: "r", ASPF: "r", FO: "0", Testing: "n"}, RUA: []string{"mailto:d@" + domain}}
}

func counted(day reports.Day, domain, ip string, n int64) reports.Counted {
	return reports.Counted{Day: day, Kind: reporting.Ordinary, Policy: policy(domain), Record: report.Record{
		Source: netip.MustParseAddr(ip), Count: n, Disposition: report.DispositionPass, DKIMAligned: true, HeaderFrom: domain,
		EnvelopeFrom: "bounce." + domain, HasEnvelopeFrom: true, DKIM: []report.DKIM{{Domain: domain, Selector: "s", Result: "pass"}},
		SPF: []report.SPF{{Domain: "bounce." + domain, Scope: "mfrom", Result: "pass"}},
	}}
}

func TestSmoke(t *testing.T) {
	ctx := t.Context()
	now := noon
	s, err := Open(ctx, Options{File: filepath.Join(t.TempDir(), "reports.db"), Now: func() time.Time { return now }})
	must(t, err)
	defer s.Close()
	d := reports.DayOf(noon)
	a, err := s.Add(ctx, []reports.Counted{counted(d, "example.com", "192.0.2.1", 2), counted(d, "example.com", "192.0.2.1", 3), counted(d, "example.com", "192.0.2.2", 9), counted(d, "example.org", "192.0.2.1", 1)})
	must(t, err)
	t.Log(a)
	must(t, s.Heartbeat(ctx, "mx1", now))
	now = noon.Add(13 * time.Hour)
	must(t, s.Heartbeat(ctx, "mx1", now.Add(-2*time.Hour)))
	t.Log(s.CloseDays(ctx))
	must(t, s.Heartbeat(ctx, "mx1", now))
	t.Log(s.CloseDays(ctx))
	all, err := s.Subjects(ctx, SubjectQuery{Progress: SubjectClosed})
	must(t, err)
	for _, x := range all {
		t.Logf("%+v", x)
		rs := s.Records(ctx, x)
		for r := range rs.All() {
			t.Logf("%+v", r)
		}
		must(t, rs.Err())
		_, n := rs.Count()
		r := &reports.Report{ID: x.Policy.Domain, Kind: reports.Aggregate, Domain: x.Policy.Domain, Begin: x.Day.Begin(), End: x.Day.End(), Submitter: "us.example", Created: now, Records: 1, Messages: n, Document: []byte("x")}
		t.Log(s.Freeze(ctx, r, x, now, "a@b.example", "c@d.example"))
		t.Log(s.Freeze(ctx, r, x, now, "a@b.example", "c@d.example"))
	}
	t.Log(s.Add(ctx, []reports.Counted{counted(d, "example.com", "192.0.2.1", 2)}))
	got, err := s.Claim(ctx, now, 3, now.Add(time.Minute))
	must(t, err)
	t.Logf("%+v", got)
	x := got[0].Delivery
	x.State = reports.Queued
	t.Log(s.Finish(ctx, x))
	t.Log(s.Finish(ctx, x))
	t.Log(s.ByToken(ctx, x.Token))
	t.Log(s.Report(ctx, "example.com"))
	t.Log(s.Deliveries(ctx, Query{Day: d, Domain: "example.com", Address: "@b.example", States: []reports.State{reports.Queued, reports.Sending}}))
	t.Log(s.Counts(ctx))
	must(t, s.Suppress(ctx, reports.Suppression{Address: "@B.example", By: "admin"}))
	t.Log(s.Suppressed(ctx, "x@b.example", now))
	t.Log(s.Suppressions(ctx))
	now = now.Add(1000 * time.Hour)
	t.Log(s.Retain(ctx, 200*time.Hour))
	t.Log(s.Forget(ctx, "example.com"))
	t.Log(s.Forget(ctx, "a@b.example"))
	t.Log(s.Counts(ctx))
}
