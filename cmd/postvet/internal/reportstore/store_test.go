//go:build linux

package reportstore

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// testPlace is where a test has its store.
type testPlace struct{ options Options }

// open opens the store once more, as another process does.
func (p testPlace) open(t testing.TB, change ...func(*Options)) *Store {
	t.Helper()
	o := p.options
	for _, f := range change {
		f(&o)
	}
	s, err := Open(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

var storeTests = map[string]func(*testing.T, testPlace){
	"life": testLife, "late": testLate, "once": testOnce, "heartbeats": testHeartbeats, "claims": testClaims, "claims_at_once": testClaimsAtOnce,
	"limits": testLimits, "suppressions": testSuppressions, "retain": testRetain, "forget": testForget, "forget_beside": testForgetBeside, "refuses": testFreezeRefuses,
	"versions": testVersions, "sums": testSums, "history": testHistory,
}

func TestFile(t *testing.T) {
	t.Parallel()
	for name, test := range storeTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, testPlace{Options{File: filepath.Join(t.TempDir(), "new", "reports.db")}})
		})
	}
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, "secret")
	for name, test := range storeTests {
		t.Run(name, func(t *testing.T) {
			test(t, testPlace{Options{DSN: server.NewDatabase(t, name), AutoMigrate: true}})
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// yesterday is a day that is over by each clock.
var yesterday = reports.DayOf(time.Now()) - 1

func policy(domain string) reporting.Policy {
	return reporting.Policy{
		Policy: report.Policy{Domain: domain, Discovery: "treewalk", P: "reject", SP: "reject", NP: "reject", ADKIM: "r", ASPF: "r", FO: "0", Testing: "n"},
		RUA:    []string{"mailto:d@" + domain},
	}
}

// record is a record as most mail has it.
func record(domain, ip string) report.Record {
	return report.Record{
		Source: netip.MustParseAddr(ip), Count: 1, Disposition: report.DispositionPass, DKIMAligned: true, HeaderFrom: domain,
		EnvelopeFrom: "bounce." + domain, HasEnvelopeFrom: true, DKIM: []report.DKIM{{Domain: domain, Selector: "s", Result: "pass"}, {Domain: "esp.example", Selector: "x", Result: "fail"}},
		SPF: []report.SPF{{Domain: "bounce." + domain, Scope: "mfrom", Result: "pass"}},
	}
}

func counted(day reports.Day, domain, ip string, n int64) reports.Counted {
	c := reports.Counted{Day: day, Kind: reporting.Ordinary, Policy: policy(domain), Record: record(domain, ip)}
	c.Record.Count = n
	return c
}

func addCounts(t testing.TB, s *Store, c ...reports.Counted) Added {
	t.Helper()
	a, err := s.Add(t.Context(), c)
	must(t, err)
	return a
}

func closeDays(t testing.TB, s *Store) []reports.Subject {
	t.Helper()
	_, waiting, err := s.CloseDays(t.Context())
	must(t, err)
	if waiting != nil {
		t.Fatalf("days are not closed, since these nodes have more: %q", waiting)
	}
	all, err := s.Subjects(t.Context(), SubjectQuery{Progress: SubjectClosed})
	must(t, err)
	return all
}

// read returns the records of a subject.
func read(t testing.TB, s *Store, x reports.Subject) (all []report.Record, messages int64) {
	t.Helper()
	rs := s.Records(t.Context(), x)
	for r := range rs.All() {
		all = append(all, *r)
	}
	must(t, rs.Err())
	n, messages := rs.Count()
	if n != len(all) {
		t.Fatalf("%d records, and Count says %d", len(all), n)
	}
	return all, messages
}

// reportOf returns a report about a subject.
func reportOf(x reports.Subject, id string, messages int64) *reports.Report {
	return &reports.Report{
		ID: id, Kind: reports.Aggregate, Domain: x.Policy.Domain, Begin: x.Day.Begin(), End: x.Day.End(), Submitter: "receiver.example",
		Created: time.Now().UTC().Truncate(time.Microsecond), Records: 1, Messages: messages, Document: []byte("\x1f\x8b\x00" + id),
	}
}

func freeze(t testing.TB, s *Store, x reports.Subject, id string, due time.Time, addresses ...string) bool {
	t.Helper()
	_, messages := read(t, s, x)
	created, err := s.Freeze(t.Context(), reportOf(x, id, messages), x, due, addresses...)
	must(t, err)
	return created
}

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// testLife follows messages from their counts to their report.
func testLife(t *testing.T, p testPlace) {
	s, other := p.open(t), p.open(t)
	mixed := counted(yesterday, "example.com", "192.0.2.2", 4)
	mixed.Kind = reporting.NullSender
	failed := counted(yesterday, "example.com", "192.0.2.9", 1)
	failed.Kind = reporting.Refused
	failed.Record = report.Record{
		Source: netip.MustParseAddr("2001:db8::9"), Count: 1, Disposition: report.DispositionReject, HeaderFrom: "sub.example.com", EnvelopeTo: "receiver.example",
		Reasons: []report.Reason{{Type: report.LocalPolicy, Comment: reporting.CommentOtherRule}, {Type: report.PolicyTestMode}},
	}
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 2), counted(yesterday, "example.com", "192.0.2.2", 5), mixed, counted(yesterday, "example.org", "192.0.2.1", 1))
	addCounts(t, other, counted(yesterday, "example.com", "192.0.2.1", 3), failed, counted(yesterday+1, "example.com", "192.0.2.1", 7))
	if _, err := s.Add(t.Context(), []reports.Counted{counted(yesterday, "example.com", "192.0.2.3", 0)}); err == nil {
		t.Error("a count of 0 was added")
	}

	subjects := closeDays(t, s)
	if len(subjects) != 2 {
		t.Fatalf("%d subjects: %+v", len(subjects), subjects)
	}
	want := reports.Subject{
		ID: subjects[0].ID, Day: yesterday, Policy: policy("example.com"), DaysSeen: 1, Passed: true,
		Messages: map[reporting.Kind]int64{reporting.Ordinary: 10, reporting.NullSender: 4, reporting.Refused: 1},
	}
	if d := cmp.Diff(want, subjects[0]); d != "" {
		t.Errorf("subject (-want +got):\n%s", d)
	}
	records, messages := read(t, other, subjects[0])
	wantRecords := []report.Record{record("example.com", "192.0.2.2"), record("example.com", "192.0.2.1"), failed.Record}
	wantRecords[0].Count, wantRecords[1].Count = 9, 5
	if d := cmp.Diff(wantRecords, records, sameAddr); d != "" || messages != 15 {
		t.Errorf("%d messages; records (-want +got):\n%s", messages, d)
	}
	due := time.Now().Add(time.Hour)
	r := reportOf(subjects[0], "5f2c", 15)
	if created, err := s.Freeze(t.Context(), r, subjects[0], due, "a@one.example", "b@two.example", "a@one.example"); !created || err != nil {
		t.Fatalf("Freeze: %v, %v", created, err)
	}
	if created, err := other.Freeze(t.Context(), r, subjects[0], due, "a@one.example"); created || err != nil {
		t.Errorf("Freeze of what is frozen: %v, %v", created, err)
	}
	if skipped, err := other.Skip(t.Context(), subjects[1], "nobody asks"); !skipped || err != nil {
		t.Errorf("Skip: %v, %v", skipped, err)
	}
	got, found, err := other.Report(t.Context(), "5f2c")
	if d := cmp.Diff(*r, got); d != "" || !found || err != nil {
		t.Errorf("Report: %v, %v (-want +got):\n%s", found, err, d)
	}
	if _, found, err := s.Report(t.Context(), "none"); found || err != nil {
		t.Errorf("a report that is not there: %v, %v", found, err)
	}
	deliveries, err := s.Deliveries(t.Context(), Query{Day: yesterday, Domain: "example.com", Kind: reports.Aggregate, ID: "5f", States: []reports.State{reports.New, reports.Done}, Limit: 5})
	must(t, err)
	r.Document = nil
	at := due.UTC().Truncate(time.Microsecond)
	wantSent := []Sent{
		{*r, reports.Delivery{Report: "5f2c", Address: "a@one.example", State: reports.New, Next: at, Changed: r.Created}},
		{*r, reports.Delivery{Report: "5f2c", Address: "b@two.example", State: reports.New, Next: at, Changed: r.Created}},
	}
	for i := range deliveries {
		if byToken, found, err := other.ByToken(t.Context(), strings.ToUpper(deliveries[i].Token)); !found || err != nil || byToken.Address != deliveries[i].Address || len(deliveries[i].Token) != 16 {
			t.Errorf("ByToken of %q: %v, %v, %v", deliveries[i].Token, byToken, found, err)
		}
		deliveries[i].Token = ""
	}
	if d := cmp.Diff(wantSent, deliveries); d != "" {
		t.Errorf("Deliveries (-want +got):\n%s", d)
	}
	for _, q := range []Query{{Day: yesterday + 1}, {Domain: "example.org"}, {Kind: reports.Failure}, {ID: "F"}, {Address: "c@one.example"}, {Address: "@three.example"}, {States: []reports.State{reports.Sending}}, {Since: time.Now().Add(time.Hour)}} {
		if some, err := s.Deliveries(t.Context(), q); len(some) != 0 || err != nil {
			t.Errorf("%+v finds %v, %v", q, some, err)
		}
	}
	if some, err := s.Deliveries(t.Context(), Query{Address: "@TWO.example"}); len(some) != 1 || err != nil {
		t.Errorf("of a domain: %v, %v", some, err)
	}
	if list, err := s.Reports(t.Context(), Query{Domain: "example.com"}); err != nil || cmp.Diff([]reports.Report{*r}, list) != "" {
		t.Errorf("Reports: %v, %v", list, err)
	}
	c, err := s.Counts(t.Context())
	must(t, err)
	// One of two was there when it was added again: the number is a bound.
	wantCounts := Counts{Records: 2, Subjects: map[Progress]int64{SubjectOpen: 1}, Deliveries: map[reports.State]int64{reports.New: 2}, Waiting: r.Created}
	if d := cmp.Diff(wantCounts, c); d != "" {
		t.Errorf("Counts (-want +got):\n%s", d)
	}
	if _, found, err := s.ByToken(t.Context(), "0123456789abcdef"); found || err != nil {
		t.Errorf("a token that nobody has: %v, %v", found, err)
	}
}

// testLate: messages of a day whose subject is closed count for the next day, and those of a
// policy without a subject for their own.
func testLate(t *testing.T, p testPlace) {
	s := p.open(t)
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 1), counted(yesterday-2, "example.org", "192.0.2.1", 1))
	closed := closeDays(t, s)
	if len(closed) != 2 || closed[0].Day != yesterday-2 {
		t.Fatalf("%+v", closed)
	}
	if a := addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 5), counted(yesterday, "example.org", "192.0.2.1", 3), counted(yesterday-2, "example.org", "192.0.2.1", 20)); a != (Added{Late: 25}) {
		t.Errorf("added %+v", a)
	}
	if !freeze(t, s, closed[1], "id", time.Now(), "a@b.example") {
		t.Error("not frozen")
	}
	sums := map[string]int64{}
	all, err := s.Subjects(t.Context(), SubjectQuery{})
	must(t, err)
	for _, x := range all {
		_, n := read(t, s, x)
		sums[x.Day.String()+" "+x.Policy.Domain] = n
	}
	want := map[string]int64{
		(yesterday - 2).String() + " example.org": 1, (yesterday - 1).String() + " example.org": 20, yesterday.String() + " example.org": 3,
		yesterday.String() + " example.com": 0, (yesterday + 1).String() + " example.com": 5,
	}
	if d := cmp.Diff(want, sums); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// A clock that is far behind finds no open day, and holds up nobody.
	for day := reports.Day(100); day < 100+maxLate; day++ {
		addCounts(t, s, counted(day, "old.example", "192.0.2.1", 1))
	}
	closeDays(t, s)
	if a := addCounts(t, s, counted(100, "old.example", "192.0.2.1", 2), counted(yesterday+1, "old.example", "192.0.2.1", 2)); a != (Added{Lost: 2}) {
		t.Errorf("added far behind: %+v", a)
	}
}

// testOnce: a batch counts once, however often it is added.
func testOnce(t *testing.T, p testPlace) {
	s := p.open(t)
	for range 3 {
		for _, b := range []Batch{{"one", 1}, {"one", 2}, {"two", 1}, {"one", 1}} {
			_, err := s.AddOnce(t.Context(), b, []reports.Counted{counted(yesterday, "example.com", "192.0.2.1", 10)}, LeftOut{yesterday, policy("example.com"), 1})
			must(t, err)
		}
	}
	// A batch that ends with an error does not count, and may come again.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.AddOnce(ctx, Batch{"one", 3}, []reports.Counted{counted(yesterday, "example.com", "192.0.2.1", 10)}); err == nil {
		t.Error("no error")
	}
	_, err := s.AddOnce(t.Context(), Batch{"one", 3}, []reports.Counted{counted(yesterday, "example.com", "192.0.2.1", 10)})
	must(t, err)
	x := closeDays(t, s)[0]
	if _, n := read(t, s, x); n != 40 || x.LeftOut != 3 {
		t.Errorf("%d messages, %d left out; want 40 and 3", n, x.LeftOut)
	}
}

// testFreezeRefuses: a report must have all of its subject, and its subject must be closed.
func testFreezeRefuses(t *testing.T, p testPlace) {
	s := p.open(t)
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 3), counted(yesterday+1, "example.com", "192.0.2.1", 3))
	x := closeDays(t, s)[0]
	if _, err := s.Freeze(t.Context(), reportOf(x, "a", 2), x, time.Now(), "a@b.example"); !errors.Is(err, ErrChanged) {
		t.Errorf("with other messages: %v", err)
	}
	if _, err := s.Freeze(t.Context(), reportOf(x, "a", 3), x, time.Now()); err == nil {
		t.Error("without an address: no error")
	}
	open := x
	open.Day++
	if created, err := s.Freeze(t.Context(), reportOf(open, "a", 3), open, time.Now(), "a@b.example"); created || err != nil {
		t.Errorf("of an open subject: %v, %v", created, err)
	}
	if skipped, err := s.Skip(t.Context(), open, ""); skipped || err != nil {
		t.Errorf("Skip of an open subject: %v, %v", skipped, err)
	}
	if !freeze(t, s, x, "a", time.Now(), "a@b.example") {
		t.Error("not frozen")
	}
	addCounts(t, s, counted(yesterday, "example.org", "192.0.2.1", 3))
	y := closeDays(t, s)[0]
	if _, err := s.Freeze(t.Context(), reportOf(y, "a", 3), y, time.Now(), "a@b.example"); err == nil {
		t.Error("with the ID of another report: no error")
	}
	if _, n := read(t, s, y); n != 3 {
		t.Errorf("%d messages are left, want 3", n)
	}
}

// testHistory: it is told on how many days a domain was seen, by any of its policies.
func testHistory(t *testing.T, p testPlace) {
	s := p.open(t)
	other := counted(yesterday-29, "example.com", "192.0.2.1", 1)
	other.Policy.P = "none"
	never := counted(yesterday, "example.org", "192.0.2.1", 1)
	never.Record.DKIMAligned = false
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 1), other, counted(yesterday-3, "example.com", "192.0.2.1", 1), counted(yesterday-30, "example.com", "192.0.2.1", 1), never)
	for _, x := range closeDays(t, s) {
		if x.Day < yesterday {
			_, err := s.Skip(t.Context(), x, "a test")
			must(t, err)
		}
	}
	all, err := s.Subjects(t.Context(), SubjectQuery{Day: yesterday})
	must(t, err)
	if len(all) != 2 || all[0].DaysSeen != 3 || !all[0].Passed || all[1].DaysSeen != 1 || all[1].Passed {
		t.Errorf("%+v", all)
	}
	some, err := s.Subjects(t.Context(), SubjectQuery{Domain: "example.com", Limit: 2})
	if err != nil || len(some) != 2 || some[0].Day != yesterday-30 || some[0].DaysSeen != 1 || some[1].DaysSeen != 2 {
		t.Errorf("%+v, %v", some, err)
	}
}
