//go:build linux

package reportstore

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// testLimits: beyond a number of records messages lose parts as in report.Tally, and none
// of them is lost without being counted.
func testLimits(t *testing.T, p testPlace) {
	s := p.open(t, func(o *Options) { o.MaxRecords, o.MaxAllRecords = 40, 60 })
	domains := []string{"one.example", "two.example"}
	fed := map[string]int64{}
	tallies := map[string]*report.Tally{}
	var sum Added
	for i := range 150 {
		var batch []reports.Counted
		for j := range 3 {
			n := i*3 + j
			c := counted(yesterday, domains[n%2*min(1, n/100)], fmt.Sprintf("192.0.2.%d", n%7), 1)
			c.Record.EnvelopeFrom = fmt.Sprintf("bounce%d.example", n%90)
			batch = append(batch, c)
			fed[c.Policy.Domain]++
			if tallies[c.Policy.Domain] == nil {
				tallies[c.Policy.Domain] = report.NewTally(40)
			}
			tallies[c.Policy.Domain].Add(&c.Record)
		}
		a := addCounts(t, s, batch...)
		sum.Folded += a.Folded
		sum.LeftOut += a.LeftOut
	}
	all, leftOut := 0, int64(0)
	for _, x := range closeDays(t, s) {
		records, messages := read(t, s, x)
		if len(records) > 40 || messages+x.LeftOut != fed[x.Policy.Domain] || x.Messages[reporting.Ordinary] != messages {
			t.Errorf("%s has %d records with %d messages (%v) and %d left out, of %d", x.Policy.Domain, len(records), messages, x.Messages, x.LeftOut, fed[x.Policy.Domain])
		}
		all += len(records)
		leftOut += x.LeftOut
		if x.Policy.Domain == domains[0] {
			// Alone, it is what a tally would have made of the same messages.
			var want []report.Record
			for r := range tallies[x.Policy.Domain].Records() {
				want = append(want, *r)
			}
			sorted := cmpopts.SortSlices(func(a, b report.Record) bool { return string(AppendRecord(nil, &a)) < string(AppendRecord(nil, &b)) })
			if d := cmp.Diff(want, records, sameAddr, sorted); d != "" {
				t.Errorf("(-tally +store):\n%s", d)
			}
		}
	}
	if all > 60 || sum.Folded == 0 || sum.LeftOut != leftOut || leftOut == 0 {
		t.Errorf("%d records in all, added %+v, left out %d", all, sum, leftOut)
	}
	c, err := s.Counts(t.Context())
	must(t, err)
	if c.Records < int64(all) || c.Records > 60 {
		t.Errorf("the number of records is %d, and %d are there", c.Records, all)
	}
}

func testSuppressions(t *testing.T, p testPlace) {
	s := p.open(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	one := reports.Suppression{Address: "a@example.com", Until: now.Add(time.Hour), Reason: "550 no such user", By: "smtp", Strikes: 2, Since: now}
	domain := reports.Suppression{Address: "@example.org", By: "admin", Since: now}
	for _, x := range []reports.Suppression{one, domain, {Address: "A@EXAMPLE.com", By: "smtp"}, one} {
		must(t, s.Suppress(t.Context(), x))
	}
	check := func(address string, at time.Time, want *reports.Suppression) {
		t.Helper()
		got, found, err := s.Suppressed(t.Context(), address, at)
		must(t, err)
		if found != (want != nil) || found && cmp.Diff(*want, got) != "" {
			t.Errorf("%s at %s: %v, %+v, want %+v", address, at, found, got, want)
		}
	}
	check("A@Example.com", now, &one)
	check("a@example.com", now.Add(2*time.Hour), nil)
	check("b@example.com", now, nil)
	check("b@EXAMPLE.org", now.Add(1000*time.Hour), &domain)
	check("b@sub.example.org", now, nil)
	if got, found, err := s.Suppression(t.Context(), "a@example.com"); !found || err != nil || got.Strikes != 2 {
		t.Errorf("Suppression: %+v, %v, %v", got, found, err)
	}
	if all, err := s.Suppressions(t.Context()); err != nil || cmp.Diff([]reports.Suppression{domain, one}, all) != "" {
		t.Errorf("Suppressions: %+v, %v", all, err)
	}
	for i, want := range []bool{true, false} {
		if was, err := s.Unsuppress(t.Context(), "@Example.ORG"); was != want || err != nil {
			t.Errorf("Unsuppress %d: %v, %v", i, was, err)
		}
	}
}

// testRetain: what is old goes, but no report that is under way, and no day by which a
// domain is known.
func testRetain(t *testing.T, p testPlace) {
	s := p.open(t)
	const keep = 10 * 24 * time.Hour
	old := yesterday - 15
	addCounts(t, s, counted(old, "frozen.example", "192.0.2.1", 1), counted(old, "left.example", "192.0.2.1", 6), counted(old, "waits.example", "192.0.2.1", 1),
		counted(yesterday-40, "gone.example", "192.0.2.1", 2), counted(yesterday, "new.example", "192.0.2.1", 1))
	for _, x := range closeDays(t, s) {
		if x.Policy.Domain != "frozen.example" && x.Policy.Domain != "waits.example" {
			continue
		}
		r := reportOf(x, x.Policy.Domain, 1)
		r.Created = x.Day.End()
		if created, err := s.Freeze(t.Context(), r, x, time.Now().Add(time.Hour), "a@"+x.Policy.Domain); !created || err != nil {
			t.Fatal(created, err)
		}
	}
	must(t, s.Suppress(t.Context(), reports.Suppression{Address: "a@example.com", Until: time.Now().Add(-2 * keepStrikes)}))
	d, err := s.Deliveries(t.Context(), Query{Domain: "frozen.example"})
	must(t, err)
	d[0].State = reports.Bounced
	if changed, err := s.Change(t.Context(), d[0].Delivery, reports.New); !changed || err != nil {
		t.Fatal(changed, err)
	}
	r, err := s.Retain(t.Context(), keep)
	must(t, err)
	if want := (Removed{Messages: 8, Records: 2, Subjects: 1, Reports: 1, Deliveries: 1, Suppressions: 1}); r != want {
		t.Errorf("removed %+v, want %+v", r, want)
	}
	if again, err := s.Retain(t.Context(), keep); err != nil || again != (Removed{}) {
		t.Errorf("removed again: %+v, %v", again, err)
	}
	var left []string
	all, err := s.Subjects(t.Context(), SubjectQuery{})
	must(t, err)
	for _, x := range all {
		_, n := read(t, s, x)
		left = append(left, fmt.Sprint(x.Policy.Domain, " ", n))
	}
	if want := []string{"frozen.example 0", "left.example 0", "waits.example 0", "new.example 1"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
	var policies int
	_, err = s.row(t.Context(), s.db, []any{&policies}, "SELECT count(*) FROM postvet.report_policy")
	if err != nil || policies != 4 {
		t.Errorf("%d policies are left, want 4 (%v)", policies, err)
	}
}

func testForget(t *testing.T, p testPlace) {
	s := p.open(t)
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 3), counted(yesterday+1, "example.com", "192.0.2.1", 2), counted(yesterday, "example.org", "192.0.2.1", 1))
	for _, x := range closeDays(t, s) {
		freeze(t, s, x, x.Policy.Domain, time.Now(), "a@"+x.Policy.Domain, "shared@esp.example")
	}
	must(t, s.Suppress(t.Context(), reports.Suppression{Address: "shared@esp.example"}))
	for _, tc := range []struct {
		what string
		want Removed
	}{
		{"example.COM", Removed{Messages: 2, Records: 1, Subjects: 2, Reports: 1, Deliveries: 2}},
		{"Shared@esp.example", Removed{Deliveries: 1, Suppressions: 1}},
		{"example.com", Removed{}},
	} {
		if got, err := s.Forget(t.Context(), tc.what); got != tc.want || err != nil {
			t.Errorf("%s: removed %+v, %v, want %+v", tc.what, got, err, tc.want)
		}
	}
	if _, err := s.Forget(t.Context(), "@"); err == nil {
		t.Error("everything was forgotten")
	}
	left, err := s.Deliveries(t.Context(), Query{})
	if err != nil || len(left) != 1 || left[0].Address != "a@example.org" {
		t.Errorf("left are %+v, %v", left, err)
	}
	// The file has no trace of it.
	if p.options.File != "" {
		must(t, s.Close())
		for _, suffix := range []string{"", "-wal"} {
			text, err := os.ReadFile(p.options.File + suffix)
			if err == nil && strings.Contains(string(text), "example.com") {
				t.Errorf("the file%s still has the name", suffix)
			}
		}
	}
}

// testForgetBeside: a domain that is forgotten beside a service that counts it begins anew.
func testForgetBeside(t *testing.T, p testPlace) {
	s, command := p.open(t), p.open(t)
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 3))
	_, err := command.Forget(t.Context(), "example.com")
	must(t, err)
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 2))
	all := closeDays(t, command)
	if len(all) != 1 {
		t.Fatalf("%d subjects, want 1", len(all))
	}
	if _, n := read(t, s, all[0]); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// testVersions: the tables of each older version become those of this one, with what they
// hold, and newer ones are refused.
func testVersions(t *testing.T, p testPlace) {
	for v := int64(1); v < Schema; v++ {
		one := testPlace{p.options}
		one.options.File += fmt.Sprint(v)
		if p.options.DSN == "" {
			p = one
		}
		atVersion(t, p, v)
		if p.options.DSN != "" {
			if _, err := Open(t.Context(), Options{DSN: p.options.DSN}); !errors.Is(err, ErrTooOld) {
				t.Errorf("opening version %d: %v, want ErrTooOld", v, err)
			}
		}
		s := p.open(t)
		x := closeDays(t, s)
		if _, n := read(t, s, x[0]); n != 3 {
			t.Errorf("from version %d: %d messages, want 3", v, n)
		}
		if found, err := s.version(t.Context()); found != Schema || err != nil {
			t.Errorf("from version %d: version %d, %v", v, found, err)
		}
		if p.options.DSN != "" {
			break // the others need databases of their own
		}
	}
	s := p.open(t)
	_, err := s.exec(t.Context(), s.db, "INSERT INTO "+versionTable+" (version_id, is_applied) VALUES ($1, $2)", Schema+1, true)
	must(t, err)
	for _, auto := range []bool{true, false} {
		o := p.options
		o.AutoMigrate = auto
		if _, err := Open(t.Context(), o); !errors.Is(err, ErrTooNew) {
			t.Errorf("opening newer tables (migrating: %v): %v, want ErrTooNew", auto, err)
		}
	}
}

// atVersion makes a store of an older version with 3 messages.
func atVersion(t *testing.T, p testPlace, v int64) {
	t.Helper()
	s := &Store{isFile: p.options.DSN == "", now: time.Now, most: 100, all: 100}
	var err error
	if s.isFile {
		s.db, err = sqlite.OpenShared(p.options.File)
	} else {
		d := &postgres.Database{DSN: p.options.DSN}
		must(t, d.CreateSchema(t.Context()))
		s.db = d.OpenSQL()
	}
	must(t, err)
	defer s.Close()
	provider, err := s.provider()
	must(t, err)
	_, err = provider.UpTo(t.Context(), v)
	must(t, err)
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 3))
}
