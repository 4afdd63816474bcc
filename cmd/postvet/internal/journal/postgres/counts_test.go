//go:build linux

package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/contrib/keyservers"
)

// testCounts sends counts of hours and days that are over, and again when they have changed.
func testCounts(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "counts")
	n := newNode(t, "mx1", d, func(o *Options) { o.All = false })
	n.close()
	store, err := sqlite.Open(sqlite.Options{Dir: n.dir})
	must(t, err)
	defer store.Close()
	var counter counts.Counter
	var encoder rows.Encoder
	now := time.Now()
	count := func(rowsOf int, before time.Duration) {
		t.Helper()
		for range rowsOf {
			must(t, counter.Count(encoder.Append(nil, n.row(now.Add(-before)), rows.Domains)))
		}
		w := counter.Take(now)
		err := store.WriteCounts(w)
		counter.Done(w, err == nil)
		must(t, err)
	}
	same := func() {
		t.Helper()
		n.ship(t, d, func(o *Options) { o.All = false })
		r, err := n.shipper.spool.OpenCounts(t.Context())
		must(t, err)
		defer r.Close()
		conn, err := d.Connect(t.Context())
		must(t, err)
		defer closeConn(conn)
		counted := int64(0)
		for _, length := range sqlite.Lengths {
			for p, ok, err := r.Next(t.Context(), length, 0, now, now); ok || err != nil; p, ok, err = r.Next(t.Context(), length, p.Seq, now, now) {
				must(t, err)
				counted += p.N
			}
		}
		var recent []counts.Hour
		hours, err := r.Recent(t.Context())
		must(t, err)
		for i := range hours {
			h, err := hours[i].Counts()
			must(t, err)
			recent = append(recent, h)
			counted += h.All
		}
		eventually(t, "all counts are sent", func() (sent bool) {
			must(t, conn.QueryRow(t.Context(), "SELECT coalesce(sum(n), 0) = $1 FROM postvet.period", counted).Scan(&sent))
			return sent
		})
		n.shipper.Close(t.Context())
		for _, length := range sqlite.Lengths {
			want, got := map[string]counts.Sums{}, map[string]counts.Sums{}
			facts, total, all := int64(0), int64(0), int64(0)
			after := int64(0)
			for {
				p, ok, err := r.Next(t.Context(), length, after, now, now)
				must(t, err)
				if !ok {
					break
				}
				after = p.Seq
				all += p.N
				must(t, r.Names(t.Context(), p, func(kind, name string, sums *counts.Sums) error {
					want[fmt.Sprint(p.At.Unix(), " ", kind, " ", name)] = *sums
					return nil
				}))
				must(t, r.Facts(t.Context(), p, func(_ counts.Facts, n int64) error { facts += n; return nil }))
			}
			for i := range recent[:len(recent)*strings.Count(length, "hour")] { // those that are not over are there too
				h := &recent[i]
				all += h.All
				want[fmt.Sprint(h.At.Unix(), " all (all)")] = h.Sum()
				must(t, h.Each(func(k counts.Kind, name string, sums *counts.Sums) error {
					want[fmt.Sprint(h.At.Unix(), " ", k, " ", name)] = *sums
					return nil
				}))
				must(t, h.EachFacts(func(_ counts.Facts, n int64) error { facts += n; return nil }))
			}
			lines, err := conn.Query(t.Context(), "SELECT "+nameColumns+" FROM postvet."+length)
			must(t, err)
			var at time.Time
			var node int32
			var kind, name string
			var sums counts.Sums
			into := []any{&at, &node, &kind, &name}
			for i := range sums {
				into = append(into, &sums[i])
			}
			lineCount := 0
			_, err = pgx.ForEachRow(lines, into, func() error {
				lineCount++
				got[fmt.Sprint(at.Unix(), " ", kind, " ", name)] = sums
				return nil
			})
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" || lineCount != len(want) || len(want) == 0 {
				t.Errorf("counts of each %s in %d lines (-node +database):\n%.1000s", length, lineCount, diff)
			}
			must(t, conn.QueryRow(t.Context(), "SELECT coalesce(sum(n), 0) FROM postvet."+length+"_facts").Scan(&total))
			var periods int64
			must(t, conn.QueryRow(t.Context(), "SELECT sum(n) FROM postvet.period WHERE length = $1", length).Scan(&periods))
			if total != facts || periods != all {
				t.Errorf("facts of each %s: %d, want %d; messages %d, want %d", length, total, facts, periods, all)
			}
		}
	}
	count(50, 30*time.Hour)
	count(20, 26*time.Hour)
	count(10, 0) // not over
	same()
	count(5, 30*time.Hour) // late
	count(0, 0)
	same()
	same()
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	ses := &session{conn: conn}
	must(t, ses.removeOldCounts(t.Context(), now, 27*time.Hour))
	var left, hours int
	must(t, conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM postvet.hour WHERE at < $1), (SELECT count(*) FROM postvet.hour)", now.Add(-27*time.Hour).UTC().Truncate(24*time.Hour)).Scan(&left, &hours))
	if left != 0 || hours == 0 {
		t.Errorf("%d names of old hours are left, of %d", left, hours)
	}
	var columns int
	must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'postvet' AND table_name = 'hour'").Scan(&columns))
	if columns != int(counts.Fields)+4 {
		t.Errorf("the table hour has %d columns, want %d; add a migration", columns, counts.Fields+4)
	}
}
