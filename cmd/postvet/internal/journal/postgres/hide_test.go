//go:build linux

package postgres

import (
	"net/netip"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/contrib/keyservers"
)

// testHide takes the clients from rows of a day that is old enough, those that are there and
// those that are sent later; the rest of a row stays.
func testHide(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "hide")
	n := newNode(t, "mx1", d, nil)
	now := time.Now()
	old, young := now.AddDate(0, 0, -10), now.AddDate(0, 0, -3)
	add := func(at time.Time, count int) {
		for i := range count {
			row := n.row(at)
			if i%2 == 0 {
				row.Results.Client.IP = "2001:db8:1:2::3"
			}
			n.recorder.Add(row)
		}
	}
	add(old, 20)
	add(young, 20)
	n.sent(t, d)
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	keep := Keep{ClientAfter: 5 * 24 * time.Hour}
	named := func() (old, young int) {
		must(t, conn.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE day < $1), count(*) FILTER (WHERE day >= $1) FROM postvet.mail
			WHERE masklen(client) NOT IN (24, 48) OR helo IS NOT NULL OR facts IS NULL`, now.AddDate(0, 0, -6)).Scan(&old, &young))
		return old, young
	}
	if a, b := named(); a != 20 || b != 20 {
		t.Fatalf("%d old rows and %d young ones name their clients", a, b)
	}
	for range 2 {
		if done, err := hideClients(t.Context(), conn, now, keep); !done || err != nil {
			t.Fatalf("hiding: %t, %v", done, err)
		}
		if a, b := named(); a != 0 || b != 20 {
			t.Errorf("%d old rows and %d young ones name their clients, want 0 and 20", a, b)
		}
	}
	n.shipper.SetKeep(keep)
	add(old, 10)
	n.recorder.Flush(t.Context())
	eventually(t, "late rows", func() bool { return len(shipped(t, d, "mx1")) == 50 })
	if a, b := named(); a != 0 || b != 20 {
		t.Errorf("after late rows %d old rows and %d young ones name their clients, want 0 and 20", a, b)
	}
	page, err := (&Reader{d}).Find(t.Context(), rows.Query{Fleet: true, Until: young.AddDate(0, 0, -1), Client: netip.MustParsePrefix("2001:db8:1::/48")})
	if err != nil || len(page.Rows) != 15 {
		t.Fatalf("%d rows of a network, %v", len(page.Rows), err)
	}
	for _, r := range page.Rows {
		if r.Results.Client.IP != "2001:db8:1::/48" || r.Results.Client.Helo != "" || r.Results.Author.Domain == "" || !r.Cut {
			t.Errorf("a row without its client: %+v", r)
		}
	}
}
