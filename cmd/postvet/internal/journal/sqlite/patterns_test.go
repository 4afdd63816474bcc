package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/patterns"
)

// readPatterns returns the rows of a directory.
func readPatterns(t *testing.T, dir, org string) (all []patterns.Row) {
	t.Helper()
	must(t, NewReader(dir).Patterns(t.Context(), org, 0, func(r patterns.Row) { all = append(all, r) }))
	return all
}

// TestPatterns keeps rows, adds to them, and forgets those of a domain and those that are old.
func TestPatterns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got := readPatterns(t, dir, ""); got != nil {
		t.Errorf("%v before the service has begun", got)
	}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	today := patterns.DayOf(now)
	row := func(org string, kind patterns.Kind, name string, day, n, unsigned int64) patterns.Row {
		return patterns.Row{Org: org, Kind: kind, Name: name, Day: day, N: n, Unsigned: unsigned}
	}
	first := []patterns.Row{
		row("b.example", patterns.Network, "192.0.2.0/24", today, 3, 1),
		row("a.example", patterns.Signer, "mail.a.example", today-29, 2, 0),
		row("a.example", patterns.Forwarder, "198.51.100.0/24", today, 1, 0),
		row("old.example", patterns.Network, "192.0.2.0/24", today-31, 1, 0),
		row("future.example", patterns.Network, "192.0.2.0/24", today+9, 1, 0),
		row("sub.b.example", patterns.Network, "192.0.2.0/24", today, 1, 0),
		row("notb.example", patterns.Network, "192.0.2.0/24", today, 1, 0),
	}
	must(t, WritePatterns(dir, first))
	must(t, WritePatterns(dir, []patterns.Row{row("b.example", patterns.Network, "192.0.2.0/24", today, 4, 2)}))
	must(t, WritePatterns(dir, nil))
	if diff := cmp.Diff([]patterns.Row{row("b.example", patterns.Network, "192.0.2.0/24", today, 7, 3)}, readPatterns(t, dir, "b.example")); diff != "" {
		t.Errorf("the rows of a domain: %s", diff)
	}
	must(t, keepCounts(t.Context(), dir, now, 0))
	n, err := NewReader(dir).Forget(t.Context(), rows.Query{Domain: "b.example"})
	if n != 0 || err != nil {
		t.Errorf("%d rows forgotten, %v", n, err)
	}
	want := []patterns.Row{first[2], first[1], first[6]}
	if diff := cmp.Diff(want, readPatterns(t, dir, "")); diff != "" {
		t.Errorf("after a month, without b.example: %s", diff)
	}
	must(t, keepCounts(t.Context(), dir, now, 10*day))
	if diff := cmp.Diff([]patterns.Row{first[2], first[6]}, readPatterns(t, dir, "")); diff != "" {
		t.Errorf("counts that are kept for 10 days: %s", diff)
	}
}

// TestPatternsAreBounded: a day that is full takes no new rows, and goes on with those it has.
func TestPatternsAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all []patterns.Row
	for i := range patterns.MaxRows + 100 {
		all = append(all, patterns.Row{Org: fmt.Sprintf("d%06d.example", i), Kind: patterns.Network, Name: "192.0.2.0/24", Day: 20000, N: 1})
	}
	must(t, WritePatterns(dir, all))
	must(t, WritePatterns(dir, []patterns.Row{all[0], all[len(all)-1], {Org: "a.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: 20001, N: 1}}))
	got := readPatterns(t, dir, "")
	if len(got) != patterns.MaxRows+1 || got[0].Org != "a.example" || got[1].N != 2 {
		t.Errorf("%d rows, the first are %+v", len(got), got[:2])
	}
}

// TestPatternsOfOlderFile: a file of before is brought up to date, and keeps what it has.
func TestPatternsOfOlderFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conn, err := openConnection(stateFile(dir).path, 8192)
	must(t, err)
	st := &state{file: stateFile(dir), connection: conn}
	must(t, st.migrate(migrations[:2]))
	must(t, st.exec("INSERT INTO recent (at, octets) VALUES (1, 'a')"))
	must(t, st.close())
	if got := readPatterns(t, dir, ""); got != nil {
		t.Errorf("%v in an older file", got)
	}
	must(t, WritePatterns(dir, []patterns.Row{{Org: "a.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: 20000, N: 1}}))
	st, err = openState(dir)
	must(t, err)
	defer st.close()
	if n, err := st.number("SELECT count(*) FROM recent"); n != 1 || err != nil || len(readPatterns(t, dir, "")) != 1 {
		t.Errorf("%d rows of before, %v", n, err)
	}
	if aside, _ := filepath.Glob(stateFile(dir).path + ".*-1"); len(aside) != 0 {
		t.Errorf("set aside: %v", aside)
	}
}
