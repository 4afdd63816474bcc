package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/foreign"
)

// TestUpdate: whatever the DNS says one time after another, nothing is told twice, nothing
// more often than once in a time, and what stays is told in the end. What is not known
// changes nothing.
func TestUpdate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := &Domain{}
		now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
		told := map[string]time.Time{} // by what it is about
		last := map[string]string{}    // what was told
		actual := map[ID][]string{}
		check := func(unknown bool) {
			s := &seen{at: now, complete: !unknown, records: map[ID][]string{}}
			for id, texts := range actual {
				if !unknown {
					s.records[id] = texts
				}
			}
			if len(actual["b TXT"]) > 0 && !unknown {
				s.errors = []finding.Finding{{Severity: finding.Error, Text: "b is there"}}
			}
			first := d.First.IsZero()
			for _, e := range d.update("a.example", s, day) {
				about, what := e.Name+e.Text, strings.Join(e.New, " ")+string(e.Kind)
				if unknown {
					t.Fatalf("%v is told although nothing is known", e)
				}
				if before, ok := told[about]; ok && now.Sub(before) < day {
					t.Fatalf("%s is told again after %v", about, now.Sub(before))
				}
				if last[about] == what || first && e.Kind == Changed {
					t.Fatalf("%v is told twice, or at first", e)
				}
				told[about], last[about] = now, what
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "checks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour)
			id := ID(rapid.SampledFrom([]string{"a TXT", "b TXT", "c TXT"}).Draw(t, "record"))
			actual[id] = rapid.SampledFrom([][]string{nil, {"1"}, {"2"}, {"1", "2"}}).Draw(t, "texts")
			check(rapid.Bool().Draw(t, "fails"))
		}
		for range 2 {
			now = now.Add(2 * day)
			check(false)
		}
		for id, texts := range actual {
			r := d.Records[id]
			if r == nil {
				r = &Record{}
			}
			if !slices.Equal(r.Told, texts) || !slices.Equal(r.Texts, texts) {
				t.Fatalf("%s is %v, told is %v", id, texts, r)
			}
		}
	})
}

// TestHostileRecords: what is kept is bounded and printable, and what is cut off still shows
// that it changes.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, "evil.example. TXT \"v=spf1 ip4:185.0.2.%d \\027]0;x\\007\"\n", i%250)
		fmt.Fprintf(&b, "evil.example. MX %d m%d.evil.example.\nm%[1]d.evil.example. A 185.0.2.%[3]d\n", i, i, i%250)
	}
	long := strings.Repeat(strings.Repeat("a", 250)+"\" \"", 100)
	b.WriteString("_dmarc.evil.example. TXT \"v=DMARC1; p=none; " + long + "\"\n*._domainkey.evil.example. TXT \"v=DKIM1; p=\"\n")
	server, resolver := dnstest.Start(t, b.String())
	look := func() *Domain {
		r := &recorder{Resolver: resolver, answers: map[question]*dnscache.Answer{}}
		report := inspect.Inspect(t.Context(), r, "evil.example", inspect.Options{})
		d := &Domain{}
		d.update("evil.example", &seen{at: time.Now(), errors: report.All(finding.Error), records: r.records("evil.example", report)}, day)
		return d
	}
	d := look()
	size := 0
	for id, r := range d.Records {
		if len(r.Texts) > maxTexts || strings.Contains(string(id), "._domainkey.") {
			t.Errorf("%s has %d records", id, len(r.Texts))
		}
		for _, text := range append([]string{string(id)}, r.Texts...) {
			size += len(text)
			if !foreign.IsPrintable(text) || len(text) > maxText+100 {
				t.Errorf("%d octets: %q", len(text), text)
			}
		}
	}
	if len(d.Records) > maxRecords || len(d.Faults) > maxFaults || size > 1<<20 || len(d.Records) < 10 {
		t.Errorf("%d records, %d errors, %d octets", len(d.Records), len(d.Faults), size)
	}
	server.SetZone(strings.Replace(b.String(), long, long+"b", 1))
	resolver.Flush("_dmarc.evil.example")
	if before, now := d.Records["_dmarc.evil.example TXT"].Texts, look().Records["_dmarc.evil.example TXT"].Texts; slices.Equal(before, now) {
		t.Error("the end of a long record does not count")
	}
}

// TestMailIsBounded: a mail about everything has an end.
func TestMailIsBounded(t *testing.T) {
	t.Parallel()
	w, err := New(Options{Mail: func(context.Context, string, string) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		w.pend([]Event{{Domain: "a.example", Kind: Changed, Name: fmt.Sprint(i), New: []string{strings.Repeat("x", maxText)}}})
	}
	subject, text := compose(w.state.Pending, w.state.Omitted)
	if len(w.state.Pending) != maxPending || len(text) > maxMail+2*maxText || len(subject) > 200 ||
		!strings.Contains(subject, ": 1000 changed records") || !strings.Contains(text, " events more; the log has them.") {
		t.Errorf("%d events, %d octets, %s", len(w.state.Pending), len(text), subject)
	}
}
