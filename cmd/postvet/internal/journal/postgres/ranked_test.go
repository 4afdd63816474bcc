//go:build linux

package postgres

import (
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
