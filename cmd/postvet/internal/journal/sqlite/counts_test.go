package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// counting is a store with a counter, as a recorder has them, with a clock that tests set.
type counting struct {
	t       *testing.T
	dir     string
	store   *Store
	counter counts.Counter
	encoder rows.Encoder
}

func startCounting(t *testing.T, dir string) *counting {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	must(t, err)
	c := &counting{t: t, dir: dir, store: s}
	parts, err := s.RecentCounts()
	must(t, err)
	must(t, c.counter.Restore(parts))
	return c
}

// add counts and keeps rows.
func (c *counting) add(all ...*rows.Row) {
	c.t.Helper()
	for _, row := range all {
		b := c.encoder.Append(nil, row, rows.Domains)
		must(c.t, c.counter.Count(b))
		must(c.t, c.store.Write(row.Class(), &rows.Batch{Level: rows.Domains, Parts: [][]byte{b}, Key: c.store.Key}))
	}
}

// write writes the counts at a time.
func (c *counting) write(at time.Time) {
	c.t.Helper()
	w := c.counter.Take(at)
	err := c.store.WriteCounts(w)
	c.counter.Done(w, err == nil)
	must(c.t, err)
}

// top returns the answer to a query.
func top(t testing.TB, dir string, q counts.Query) counts.Ranking {
	t.Helper()
	r, err := NewReader(dir).Top(context.Background(), q)
	if err != nil || !r.Complete {
		t.Fatalf("Top of %+v: complete %t, %v", q, r.Complete, err)
	}
	return r
}

// agree compares counts with the rows of a time, name by name.
func agree(t *testing.T, dir string, since, until time.Time) {
	t.Helper()
	want := [counts.Kinds]map[string]int64{{}, {}, {}, {}}
	failed := map[string]int64{}
	var all int64
	must(t, NewReader(dir).Each(t.Context(), rows.Query{Since: since, Until: until}, func(r *rows.Row) error {
		all++
		org := cmp.Or(r.Results.DMARC.OrganizationalDomain, r.Results.Author.Domain)
		want[counts.Domain][org]++
		if r.Results.DMARC.Status == dmarc.Fail {
			failed[org]++
		}
		ip := netip.MustParseAddr(r.Results.Client.IP)
		network, _ := ip.Prefix(map[bool]int{true: 24, false: 48}[ip.Is4()])
		want[counts.Client][network.String()]++
		want[counts.Rule][r.Verdict.Rule]++
		if len(r.Verdict.Hints) > 0 {
			want[counts.Hint][string(r.Verdict.Hints[0].Word)]++
		}
		return nil
	}))
	for k := range counts.Kind(counts.Kinds) {
		r := top(t, dir, counts.Query{Kind: k, By: counts.All, Since: since, Until: until, Limit: counts.MaxLimit})
		got := map[string]int64{}
		for i, line := range r.Lines {
			if i > 0 && line.Sums[counts.All] > r.Lines[i-1].Sums[counts.All] {
				t.Errorf("%s: line %d has more than the one before", k, i)
			}
			got[line.Name] = line.Sums[counts.All]
			if k == counts.Domain && line.Sums[counts.Failed] != failed[line.Name] {
				t.Errorf("%s has %d that failed, want %d", line.Name, line.Sums[counts.Failed], failed[line.Name])
			}
		}
		if diff := gocmp.Diff(want[k], got); diff != "" {
			t.Errorf("%s from %s to %s (-rows +counts):\n%s", k, since, until, diff)
		}
		if r.All[counts.All] != all || r.Missing != 0 {
			t.Errorf("%s from %s to %s: %d messages and %d missing, want %d", k, since, until, r.All[counts.All], r.Missing, all)
		}
	}
}

// TestCountsAgree compares counts and rows over three days, with a restart in the middle of
// an hour, counts that are written in between and a clock that jumps both ways.
func TestCountsAgree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCounting(t, dir)
	g := newGenerator()
	at := noon.Add(-12 * time.Hour)
	jumps := map[int]time.Duration{150: 5 * time.Hour, 200: -7 * time.Hour, 260: 400 * 24 * time.Hour, 270: -400 * 24 * time.Hour}
	for i := range 400 {
		at = at.Add(10 * time.Minute).Add(jumps[i])
		g.refs = result.References{} // a clock that went back gives lower references
		row := g.rowOf(at, uint64(i%37), i%3 == 0)
		if i%3 == 0 {
			row.Verdict.Hints = []result.Hint{{Word: []result.HintWord{result.HintList, result.HintAltered}[i%2]}}
		}
		if i%5 == 0 {
			row.Results.Client.IP = fmt.Sprintf("2001:db8:%x::%x", i%7, i)
		}
		c.add(row)
		if i%2 == 0 {
			c.write(at)
		}
		if i%50 == 49 { // the process ends without notice, or is stopped
			if i%100 == 99 {
				c.write(at)
			}
			if i%100 == 49 {
				c.write(at.Add(time.Second))
			}
			must(t, c.store.Close())
			c = startCounting(t, dir)
		}
	}
	c.write(at)
	defer c.store.Close()
	midnight := noon.Add(-12 * time.Hour)
	for _, x := range [][2]time.Duration{{-48, 500 * 24}, {0, 24}, {24, 48}, {0, 72}, {5, 31}, {23, 25}, {13, 14}} {
		agree(t, dir, midnight.Add(x[0]*time.Hour), midnight.Add(x[1]*time.Hour))
	}
	all, err := files(dir)
	must(t, err)
	var want, got int64
	for _, f := range all {
		d, err := openReader(t.Context(), f)
		must(t, err)
		var n int64
		must(t, d.QueryRow("SELECT count(*) FROM message").Scan(&n))
		want += n
		d.Close()
	}
	db, err := openStateReader(t.Context(), dir)
	must(t, err)
	defer db.Close()
	must(t, db.QueryRow("SELECT sum(n) FROM period WHERE length = 'day'").Scan(&got))
	tx, err := db.Begin()
	must(t, err)
	present, err := counted{tx}.recent(t.Context())
	must(t, err)
	must(t, tx.Rollback())
	for _, h := range present {
		got += h.All
	}
	if got != want || want != 400 {
		t.Errorf("%d messages are counted, and the files have %d, want 400", got, want)
	}
	for _, query := range []string{
		"SELECT count(*) FROM period d WHERE length = 'day' AND n != (SELECT sum(n) FROM period h WHERE length = 'hour' AND h.at >= d.at AND h.at < d.at + 86400)",
		"SELECT count(*) FROM day d WHERE (n, failed) != (SELECT sum(n), sum(failed) FROM hour h WHERE h.kind = d.kind AND h.name = d.name AND h.at >= d.at AND h.at < d.at + 86400)",
		"SELECT count(*) FROM day_facts d WHERE n != (SELECT sum(n) FROM hour_facts h WHERE h.org = d.org AND h.rule = d.rule AND h.hint = d.hint AND h.dmarc = d.dmarc AND h.at >= d.at AND h.at < d.at + 86400)",
	} {
		var n int
		if must(t, db.QueryRow(query).Scan(&n)); n != 0 {
			t.Errorf("%d rows of a day are not the sum of its hours: %s", n, query)
		}
	}
}

// TestTop compares a period with the one before, and tells likely causes.
func TestTop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCounting(t, dir)
	g := newGenerator()
	for range 3 {
		c.add(g.rowOf(noon.Add(-30*time.Hour), 1, true), g.rowOf(noon.Add(-30*time.Hour), 2, true))
	}
	c.add(g.rowOf(noon.Add(-30*time.Hour), 2, true))
	for range 5 {
		monitored := g.rowOf(noon.Add(-3*time.Hour), 3, true)
		monitored.Verdict.Action, monitored.Verdict.Monitored = result.Accept, true
		monitored.Verdict.Hints = []result.Hint{{Word: result.HintAltered}}
		c.add(g.rowOf(noon.Add(-3*time.Hour), 1, true), monitored, g.rowOf(noon, 4, false))
	}
	c.add(g.rowOf(noon, 3, true))
	c.write(noon)
	defer c.store.Close()
	r := top(t, dir, counts.Query{Kind: counts.Domain, By: counts.Failed, Since: noon.Add(-23 * time.Hour), Until: noon.Add(time.Minute), Limit: 2})
	type line struct {
		name           string
		failed, former int64
		rule           string
	}
	var got []line
	for _, l := range r.Lines {
		got = append(got, line{l.Name, l.Sums[counts.Failed], l.Former[counts.Failed], l.Rule})
	}
	want := []line{{"company3.example", 6, 0, "dmarc-reject"}, {"company1.example", 5, 3, "dmarc-reject"}}
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.All[counts.All] != 16 || r.Former[counts.Failed] != 7 || r.All[counts.Would] != 5 || !r.Oldest.Equal(noon.Add(-30*time.Hour)) {
		t.Errorf("%+v", r)
	}
	if r.Lines[0].Hint != string(result.HintAltered) {
		t.Errorf("the cause is %q", r.Lines[0].Hint)
	}
	would := top(t, dir, counts.Query{Kind: counts.Domain, By: counts.Would, Since: noon.Add(-day), Until: noon.Add(time.Hour)})
	if len(would.Lines) != 1 || would.Lines[0].Name != "company3.example" || would.Lines[0].Sums[counts.Would] != 5 {
		t.Errorf("what would be refused: %+v", would.Lines)
	}
	for _, q := range []counts.Query{{Since: noon, Until: noon}, {Since: noon.Add(-time.Hour), Until: noon, By: counts.Fields}, {Since: noon.Add(-time.Hour), Until: noon, Limit: 1001}, {Until: noon}} {
		if _, err := NewReader(dir).Top(t.Context(), q); err == nil {
			t.Errorf("%+v is answered", q)
		}
	}
	if empty := top(t, t.TempDir(), counts.Query{Since: noon.Add(-day), Until: noon}); len(empty.Lines) != 0 || !empty.Oldest.IsZero() {
		t.Errorf("an empty directory has counts: %+v", empty)
	}
}

// TestCountsFlood writes an hour of as many invented names as may be: the file stays small,
// the writer is not kept for long, and the day has no more names than an hour.
func TestCountsFlood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCounting(t, dir)
	defer c.store.Close()
	row := newGenerator().rowOf(noon, 1, true)
	row.Results.MailFrom, row.Results.Recipients, row.Results.DKIM, row.Results.SPF = "", nil, nil, nil
	const n = 25_000
	for i := range 2 * n { // two hours
		at := noon.Add(time.Duration(i/n) * time.Hour)
		row.Ref = result.FirstReference(at)
		org := fmt.Sprintf("'; DROP TABLE day; --%d.example", i)
		row.Results.Author.Domain, row.Results.DMARC.OrganizationalDomain = org, org
		row.Results.Client.IP = fmt.Sprintf("10.%d.%d.1", i>>8&255, i&255)
		must(t, c.counter.Count(c.encoder.Append(nil, row, rows.Domains)))
		if i%10_000 == 0 {
			c.write(at)
		}
	}
	began := time.Now()
	c.write(noon.Add(2 * time.Hour))
	c.write(noon.Add(2 * time.Hour))
	t.Logf("two hours are written in %s, the file has %d octets", time.Since(began).Round(time.Millisecond), stateFile(dir).size())
	if size := stateFile(dir).size(); size > 120<<20 {
		t.Errorf("the file has %d octets", size)
	}
	r := top(t, dir, counts.Query{Kind: counts.Domain, By: counts.Failed, Since: noon, Until: noon.Add(3 * time.Hour), Limit: 3})
	if r.All[counts.Failed] != 2*n || r.Other[counts.Failed] != 2*(n-counts.MaxNames+1) || len(r.Lines) != 3 || r.Lines[0].Sums[counts.Failed] != 1 {
		t.Errorf("%+v", r)
	}
	must(t, keepCounts(t.Context(), dir, noon.Add(day), 0))
	st, err := c.store.stateOf()
	must(t, err)
	for query, want := range map[string]int64{
		"SELECT count(*) FROM day WHERE kind = 'domain'":                                        counts.MaxNames,
		"SELECT sum(failed) FROM day WHERE kind = 'domain'":                                     2 * n,
		"SELECT sum(failed) FROM day WHERE kind = 'client'":                                     2 * n,
		"SELECT sum(n) FROM day_facts":                                                          2 * n,
		"SELECT failed FROM day WHERE kind = 'all'":                                             2 * n,
		"SELECT max(n) FROM (SELECT count(*) AS n FROM hour WHERE kind = 'domain' GROUP BY at)": hourNames,
		"SELECT n FROM period WHERE length = 'day'":                                             2 * n,
		"SELECT count(*) FROM recent":                                                           0,
		"SELECT count(*) FROM sqlite_schema WHERE name IN ('day', 'days')":                      2,
	} {
		if got, err := st.number(query); got != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", query, got, err, want)
		}
	}
}

// TestCountsForSQLite has the program sqlite3 read the counts of names that a stranger chose.
func TestCountsForSQLite(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("sqlite3 is not installed")
	}
	dir := t.TempDir()
	c := startCounting(t, dir)
	row := newGenerator().rowOf(noon, 1, true)
	row.Results.DMARC.OrganizationalDomain = "=cmd|'; DROP TABLE day; --\x1b[2J\u202e"
	c.add(row)
	c.write(noon)
	c.write(noon.Add(time.Hour))
	must(t, c.store.Close())
	out, err := exec.CommandContext(t.Context(), program, "-readonly", stateFile(dir).path,
		"SELECT time, kind, name, n, failed, rejected FROM days; SELECT time, failed FROM hours WHERE kind = 'all'; SELECT org, action, rule, n FROM day_facts").CombinedOutput()
	must(t, err)
	const want = `2026-11-29T00:00Z|all|(all)|1|1|1
2026-11-29T00:00Z|client|192.0.0.0/24|1|1|1
2026-11-29T00:00Z|domain|=cmd|'; DROP TABLE day; --?[2J?|1|1|1
2026-11-29T00:00Z|rule|dmarc-reject|1|1|1
2026-11-29T12:00Z|1
=cmd|'; DROP TABLE day; --?[2J?|reject|dmarc-reject|1
`
	if diff := gocmp.Diff(want, string(out)); diff != "" {
		t.Errorf("sqlite3 prints (-want +got):\n%s", diff)
	}
}
