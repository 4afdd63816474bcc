package sqlite

import (
	"database/sql"
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// TestFindByIndex: what identifies a message, and a domain, is found by an index in a day that is
// over, of which there may be millions of rows. No search sorts rows.
func TestFindByIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator()
	write(t, dir, rows.Hashed, g.rowOf(noon, 1, false), g.rowOf(noon, 2, true))
	key, err := NewReader(dir).keys.of(noon, false)
	must(t, err)
	for name, x := range map[string]struct {
		q    rows.Query
		only []rows.Class
	}{
		"reference":  {rows.Query{Ref: 17}, []rows.Class{rows.Accepted, rows.Rest}},
		"queue id":   {rows.Query{Queue: "4X17"}, []rows.Class{rows.Accepted, rows.Rest}},
		"Message-ID": {rows.Query{MessageID: "<a@example.org>"}, []rows.Class{rows.Accepted, rows.Rest}},
		"domain":     {rows.Query{Domain: "a.b.example.org"}, []rows.Class{rows.Accepted, rows.Rest}},
		"client":     {rows.Query{Client: netip.MustParsePrefix("192.0.2.1/32")}, []rows.Class{rows.Rest}},
		"network":    {rows.Query{Client: netip.MustParsePrefix("192.0.2.0/24")}, []rows.Class{rows.Rest}},
		"MAIL FROM":  {rows.Query{From: "ann@example.org"}, []rows.Class{rows.Rest}},
		"a page":     {rows.Query{Before: 17}, []rows.Class{rows.Accepted, rows.Rest}},
	} {
		for _, c := range x.only {
			f := fileOf(dir, noon, c)
			must(t, seal(t.Context(), f))
			db, err := openReader(t.Context(), f)
			must(t, err)
			must(t, x.q.Check())
			for _, cond := range conditions(&x.q, key) {
				lines, err := db.Query("EXPLAIN QUERY PLAN SELECT "+selected+" FROM message"+cond.where()+" ORDER BY ref DESC", cond.args...)
				must(t, err)
				must(t, eachLineOf(lines, func(lines *sql.Rows) error {
					var plan string
					var n int
					err := lines.Scan(&n, &n, &n, &plan)
					if strings.Contains(plan, "SCAN") || strings.Contains(plan, "ORDER BY") && name != "network" {
						t.Errorf("%s among %s: %s", name, c, plan)
					}
					return err
				}))
			}
			must(t, db.Close())
		}
	}
}
