//go:build linux

package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/contrib/keyservers"
)

// testRemoval: numbers name a node that is silent. The statements that remove it delete its rows
// from each table, and no rows of other nodes. If it comes back, it sends all its rows again.
func testRemoval(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "removal")
	const name = "o'brien\\"
	stays, leaves := newNode(t, "mx1", d, nil), newNode(t, name, d, nil)
	for _, n := range []*node{stays, leaves} {
		n.add(40)
		n.sent(t, d)
	}
	leaves.close()
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	execute(t, d, `INSERT INTO postvet.period SELECT 'hour', date_trunc('hour', now()), id, 1, 0 FROM postvet.node;
		INSERT INTO postvet.pattern SELECT 'a', 'network', 'b', current_date, id, 1, 0 FROM postvet.node;
		UPDATE postvet.node SET seen = '2026-11-27 14:05Z' WHERE name <> 'mx1'`)
	ranking, err := (&Reader{d}).Top(t.Context(), counts.Query{Kind: counts.Domain, Since: time.Now().Add(-24 * time.Hour), Until: time.Now(), Limit: 5})
	must(t, err)
	if diff := cmp.Diff([]counts.Silent{{Node: name, Since: time.Date(2026, 11, 27, 14, 5, 0, 0, time.UTC)}}, ranking.Silent); diff != "" {
		t.Errorf("silent nodes (-want +got):\n%s", diff)
	}

	tables := column[string](t, conn, `SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'postvet'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'node' ORDER BY 1`)
	if diff := cmp.Diff(slices.Sorted(slices.Values(tablesOfNodes)), tables); diff != "" {
		t.Fatalf("tables with rows of nodes (-removed +there):\n%s", diff)
	}
	rowsOf := func(whose string) (n int) {
		t.Helper()
		for _, table := range tables {
			var some int
			must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM postvet."+table+" AS x JOIN postvet.node AS who ON who.id = x.node WHERE "+whose).Scan(&some))
			n += some
		}
		return n
	}
	before := rowsOf("who.name = 'mx1'")
	if n := rowsOf("who.name <> 'mx1'"); n < 40 {
		t.Fatalf("the node has %d rows", n)
	}
	execute(t, d, Removal(name))
	for _, table := range tables {
		var n int
		must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM postvet."+table+" WHERE node NOT IN (SELECT id FROM postvet.node)").Scan(&n))
		if n != 0 {
			t.Errorf("%s keeps %d rows of a node that was removed", table, n)
		}
	}
	nodes, err := d.Nodes(t.Context())
	must(t, err)
	if after := rowsOf("who.name = 'mx1'"); len(nodes) != 1 || nodes[0].Name != "mx1" || after < before {
		t.Errorf("nodes %+v; the one that stays has %d rows, before %d", nodes, after, before)
	}
	leaves.open(t)
	leaves.ship(t, d, nil)
	leaves.sent(t, d)
}
