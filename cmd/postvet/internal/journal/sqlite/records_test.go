package sqlite

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// TestRecordsAreFound finds the record that was in force at a time.
func TestRecordsAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	must(t, err)
	defer s.Close()
	p := rows.Place{Standard: rows.DMARC, Domain: "example.org"}
	r := NewReader(dir)
	if all, err := r.Records(t.Context(), p, time.Now()); err != nil || all != nil {
		t.Errorf("without a file: %v, %v", all, err)
	}
	begin := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	met := func(after time.Duration, text string) {
		at := begin.Add(after)
		must(t, s.WriteRecords([]rows.Published{{Standard: rows.DMARC, Name: p.Name(), Text: text, First: at, Last: at}}))
	}
	met(0, "p=none")
	met(2*time.Hour, "p=none")
	met(150*time.Minute, "p=reject")
	met(5*time.Hour, "p=reject")
	met(7*time.Hour, "p=quarantine")
	met(8*time.Hour, "p=reject")
	for _, tt := range []struct {
		after time.Duration
		want  []string
	}{
		{-time.Hour, nil},
		{0, []string{"p=none"}},
		{time.Hour, []string{"p=none"}},
		{145 * time.Minute, []string{"p=none"}}, // it was met within the last hour
		{150 * time.Minute, []string{"p=reject"}},
		{6 * time.Hour, []string{"p=reject"}},
		{7 * time.Hour, []string{"p=quarantine", "p=reject"}}, // it changed to and fro
		{510 * time.Minute, []string{"p=reject"}},
		{10 * time.Hour, nil},
	} {
		all, err := r.Records(t.Context(), p, begin.Add(tt.after))
		must(t, err)
		var got []string
		for _, rec := range all {
			got = append(got, rec.Text)
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("after %s: %q, want %q", tt.after, got, tt.want)
		}
	}
	other := rows.Place{Standard: rows.SPF, Domain: "notexample.org"}
	must(t, s.WriteRecords([]rows.Published{{Standard: rows.SPF, Name: other.Domain, Text: "v=spf1", First: begin, Last: begin}}))
	defer func() {
		if _, err := r.Forget(t.Context(), rows.Query{Domain: "Example.ORG"}); err != nil {
			t.Error(err)
		}
		if all, err := r.Records(t.Context(), p, begin); err != nil || all != nil {
			t.Errorf("records of a domain that was forgotten: %v, %v", all, err)
		}
		if all, err := r.Records(t.Context(), other, begin); err != nil || len(all) != 1 {
			t.Errorf("records of another domain: %v, %v", all, err)
		}
	}()
	if all, err := r.Records(t.Context(), rows.Place{Standard: rows.SPF, Domain: "_dmarc.example.org"}, begin); err != nil || all != nil {
		t.Errorf("of another standard: %v, %v", all, err)
	}
}

// TestRecordsAreRemoved shows that records go with the rows, and that a flood of invented
// ones does not displace those of domains that send each day.
func TestRecordsAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	s, err := Open(Options{Dir: dir, Logger: zaptest.NewLogger(t), Now: func() time.Time { return now }})
	must(t, err)
	defer s.Close()
	must(t, os.WriteFile(fileOf(dir, now.Add(-2*24*time.Hour), rows.Rest).path, nil, 0o600)) // the oldest day
	text := make([]byte, rows.MaxRecordText)
	for i := range text {
		text[i] = 'x'
	}
	rec := func(name string, first, last time.Duration) rows.Published {
		return rows.Published{Standard: rows.SPF, Name: name, Text: name + string(text[:1900]), First: now.Add(-first), Last: now.Add(-last)}
	}
	const day = 24 * time.Hour
	must(t, s.WriteRecords([]rows.Published{rec("gone.example", 90*day, 4*day), rec("kept.example", 90*day, day)}))
	var flood []rows.Published
	for i := range maxRecordOctets/1900 + 2000 {
		flood = append(flood, rec(fmt.Sprintf("n%d.example", i), 0, 0))
	}
	must(t, s.WriteRecords(flood))
	s.trimRecords()
	st, err := s.stateOf()
	must(t, err)
	octets, err := st.number("SELECT sum(length(name) + length(text)) FROM record")
	must(t, err)
	if octets > maxRecordOctets || octets < maxRecordOctets/2 {
		t.Errorf("records have %d octets, of which %d are allowed", octets, maxRecordOctets)
	}
	for name, want := range map[string]int64{"gone.example": 0, "kept.example": 1} {
		if n, err := st.number("SELECT count(*) FROM record WHERE name = '" + name + "'"); err != nil || n != want {
			t.Errorf("%s has %d records, %v, want %d", name, n, err, want)
		}
	}
}

// TestRecordsOfDomain: the records of a domain are found by an index, also in a file that was
// made before there was one, and without it before the service has opened the file.
func TestRecordsOfDomain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	must(t, err)
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	var all []rows.Published
	for _, name := range []string{"example.org", "_dmarc.example.org", "a._domainkey.example.org", "b.c._domainkey.example.org", "notexample.org", "a._domainkey.notexample.org", "a._domainkey.sub.example.org", "_domainkey.example.org"} {
		all = append(all, rows.Published{Standard: rows.DKIM, Name: name, Text: "x", First: at, Last: at})
	}
	must(t, s.WriteRecords(all))
	must(t, s.inState(func(st *state) error { return st.exec("DROP INDEX record_key") }))
	must(t, s.Close())
	check := func(when string) {
		t.Helper()
		found, err := NewReader(dir).RecordsOf(t.Context(), "example.org")
		var names []string
		for _, r := range found {
			names = append(names, r.Name)
		}
		if want := "[_dmarc.example.org a._domainkey.example.org b.c._domainkey.example.org example.org]"; err != nil || fmt.Sprint(names) != want {
			t.Errorf("%s: %v, %v, want %s", when, names, err, want)
		}
	}
	check("without an index")
	st, err := openState(dir)
	must(t, err)
	var plan []string
	must(t, st.each("EXPLAIN QUERY PLAN "+recordsOfDomain, func(line *statement) error {
		plan = append(plan, string(line.octets(3)))
		return nil
	}))
	must(t, st.close())
	if text := strings.Join(plan, "; "); strings.Contains(text, "SCAN") || !strings.Contains(text, "record_key") {
		t.Errorf("records of a domain are found by %s", text)
	}
	check("with an index")
}
