//go:build linux

package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/contrib/keyservers"
)

// testRanked ranks names over one day and one hour of a node. The first names of the two
// together are far behind in the day.
func testRanked(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "ranked")
	execute(t, d, `INSERT INTO postvet.node (name, identity, session, version, seen) VALUES ('mx1', 1, 1, 'test', now());
		INSERT INTO postvet.period VALUES ('day', '2026-11-01', 1, 100, 0), ('hour', '2026-11-02', 1, 11, 0);
		INSERT INTO postvet.day SELECT '2026-11-01', 1, 'domain', 'n' || i, 1000 - i, 0, 1000 - i, 0,0,0,0,0,0,0,0,0,0,0,0,0 FROM generate_series(1, 100) AS i;
		INSERT INTO postvet.hour SELECT '2026-11-02', 1, 'domain', 'n' || i, 200 + i, 0, 200 + i, 0,0,0,0,0,0,0,0,0,0,0,0,0 FROM generate_series(90, 100) AS i`)
	plansRankings(t, d)
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	q := counts.Query{Kind: counts.Domain, By: counts.Failed, Since: since, Until: since.Add(30 * time.Hour), Limit: 10, Nodes: counts.Nodes{Fleet: true}}
	ranking, err := (&Reader{d}).Top(t.Context(), q)
	must(t, err)
	got := map[string]int64{}
	for _, l := range ranking.Lines {
		got[l.Name] = l.Sums[counts.Failed]
	}
	for _, name := range []string{"n90", "n91", "n92", "n93", "n94", "n95", "n96", "n97", "n98", "n99", "n100"} {
		if n, ok := got[name]; ok && n == 1200 {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(map[string]int64{}, got); diff != "" || len(ranking.Lines) != 10 {
		t.Errorf("%d lines; names that do not have the most (-want +got):\n%s", len(ranking.Lines), diff)
	}
}

// plansRankings checks the plans of the server: it reads a ranking and its causes from indexes
// alone, and not from the tables, which are large.
func plansRankings(t *testing.T, d *Database) {
	t.Helper()
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	// Otherwise the server would read the tables from their beginning to their end, as they are small.
	for _, statement := range []string{
		"INSERT INTO postvet.hour_facts SELECT timestamptz '2026-10-01' + i % 48 * interval '1 h', 1, 'company' || i % 200 || '.example', 'fail', 'reject', '', '', '', 'dmarc-reject', 1 FROM generate_series(1, 4000) AS i",
		"VACUUM ANALYZE postvet.hour", "VACUUM ANALYZE postvet.hour_facts", "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off",
	} {
		must(t, do(t.Context(), conn, statement))
	}
	at, nodes := split([]counts.Period{{At: 1_793_577_600, Node: 1}})
	for index, x := range map[string]struct {
		query string
		args  []any
	}{
		"hour_at_node_kind_failed_name_idx":      {ranked(counts.Failed), []any{at, nodes, "domain", 100}},
		"hour_at_node_kind_broken_name_idx":      {ranked(counts.Broken), []any{at, nodes, "client", 100}},
		"hour_at_node_kind_n_name_idx":           {ranked(counts.All), []any{at, nodes, "rule", 100}},
		"hour_facts_org_at_node_hint_rule_n_idx": {causes, []any{at, nodes, []string{"company7.example"}}},
	} {
		plan := column[string](t, conn, "EXPLAIN "+fmt.Sprintf(x.query, counts.HourTable), x.args...)
		if text := strings.Join(plan, "\n"); !strings.Contains(text, "Index Only Scan using "+index) {
			t.Errorf("%s is not read alone:\n%s", index, text)
		}
	}
}
