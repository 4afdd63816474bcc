//go:build linux

package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/result"
)

// counting is a directory whose counts are written by a clock of its own.
type counting struct {
	dir     string
	store   *sqlite.Store
	counter counts.Counter
}

func newCounting(t *testing.T, name string) *counting {
	t.Helper()
	c := &counting{dir: filepath.Join(t.TempDir(), name)}
	var err error
	c.store, err = sqlite.Open(sqlite.Options{Dir: c.dir})
	must(t, err)
	t.Cleanup(func() { _ = c.store.Close() })
	return c
}

func (c *counting) write(t *testing.T, now time.Time) {
	t.Helper()
	w := c.counter.Take(now)
	err := c.store.WriteCounts(w)
	c.counter.Done(w, err == nil)
	must(t, err)
}

// testCounted has three nodes count random rows, and one journal all of them. What the
// database says of all nodes is what that journal says, and what it says of a node is what the
// node itself says: after each of several rounds of sending, in the middle of an hour, with
// late rows, a node that sends nothing for days, and a domain that is forgotten.
func testCounted(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "counted")
	random := rand.New(rand.NewPCG(7, 8))
	one := newCounting(t, "one")
	nodes := []*counting{newCounting(t, "mx1"), newCounting(t, "mx2"), newCounting(t, "mx3")}
	generator := &node{random: random}
	now := time.Now().UTC().Truncate(time.Hour).Add(30 * time.Minute)
	var encoder rows.Encoder
	begin := now.Add(-3 * 24 * time.Hour)
	add := func(at time.Time) {
		t.Helper()
		generator.refs = result.References{}
		b := slices.Clone(encoder.Append(nil, randomRow(generator, at), rows.Domains))
		must(t, nodes[random.IntN(3)].counter.Count(b))
		must(t, one.counter.Count(b))
	}
	send := func(of ...int) {
		t.Helper()
		for _, i := range of {
			ship(t, d, fmt.Sprint("mx", i+1), nodes[i].dir)
		}
	}
	for range 3 {
		add(begin)
	}
	for at := begin; at.Before(now); at = at.Add(time.Duration(random.IntN(90)) * time.Minute) {
		for range random.IntN(12) {
			add(at.Add(-time.Duration(random.IntN(70)) * time.Minute)) // some are late
		}
		for _, c := range append(slices.Clone(nodes), one) {
			c.write(t, at)
			c.write(t, at)
		}
		if random.IntN(30) == 0 {
			send(random.IntN(2)) // the third sends nothing
		}
	}
	all := append(slices.Clone(nodes), one)
	for i := range 3 { // as time passes
		for range 20 {
			add(now.Add(-time.Duration(random.IntN(30)) * time.Minute))
		}
		for _, c := range all {
			if i == 2 {
				c.counter.Forget("company7.example")
			}
			c.write(t, now)
			c.write(t, now)
			if i == 2 {
				_, err := sqlite.NewReader(c.dir).Forget(t.Context(), rows.Query{Domain: "company7.example"})
				must(t, err)
			}
		}
		send(0, 1, 2)
		compareCounts(t, random, d, "", one.dir, begin, now)
		for i, c := range nodes {
			compareCounts(t, random, d, fmt.Sprint("mx", i+1), c.dir, begin, now)
		}
	}
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	var left int
	must(t, conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM postvet.hour WHERE name = $1) + (SELECT count(*) FROM postvet.day WHERE name = $1) + (SELECT count(*) FROM postvet.hour_facts WHERE org = $1)", "company7.example").Scan(&left))
	if left != 0 {
		t.Errorf("%d numbers of a forgotten domain are left", left)
	}
	r := &Reader{d}
	q := counts.Query{Kind: counts.Domain, Since: begin, Until: now, Nodes: counts.Nodes{Fleet: true}}
	ranking, err := r.Top(t.Context(), q)
	must(t, err)
	if diff := cmp.Diff([]string{"mx1", "mx2", "mx3"}, ranking.Nodes); diff != "" {
		t.Errorf("nodes: %s", diff)
	}
	q.Node = "nobody\x00\xff"
	if ranking, err = r.Top(t.Context(), q); err != nil || len(ranking.Lines) != 0 || !ranking.Complete || ranking.All != (counts.Sums{}) {
		t.Errorf("of nobody: %+v, %v", ranking, err)
	}
	if _, err := r.Top(t.Context(), counts.Query{Kind: counts.Kinds, Since: begin, Until: now}); err == nil {
		t.Error("a kind that is none is ranked")
	}
	outOfTime(t, d, r, counts.Query{Kind: counts.Domain, By: counts.Failed, Since: begin, Until: now})
}

// ship sends what there is.
func ship(t *testing.T, d *Database, name, dir string) {
	t.Helper()
	n := &node{name: name, dir: dir}
	n.ship(t, d, func(o *Options) { o.every = time.Hour })
	eventually(t, "counts are sent", func() bool {
		st := n.shipper.Stats()
		if st.Trouble != "" {
			t.Fatal(st.Trouble)
		}
		return n.shipper.rounds.Load() > 0
	})
	n.shipper.Close(t.Context())
}

// randomRow returns the row of a message with any result.
func randomRow(n *node, at time.Time) *rows.Row {
	row := n.row(at)
	switch n.random.IntN(7) {
	case 0:
		row.Verdict.Hints = []result.Hint{{Word: result.HintList}}
	case 1:
		row.Verdict.Hints = []result.Hint{{Word: result.HintAltered}}
	case 2:
		row.Verdict.Action, row.Verdict.Intended, row.Verdict.Monitored = result.Accept, result.Quarantine, true
	case 3:
		row.Results.Client.IP = fmt.Sprintf("2001:db8:%x::1", n.random.IntN(20))
	case 4:
		row.Results.DMARC.Status, row.Verdict.Action = "temperror", result.TempFail
	case 5:
		row.ShadowAction, row.ShadowRule = result.Reject, "partners"
	}
	return row
}

// compareCounts compares the answers of the database with those of a directory.
func compareCounts(t *testing.T, random *rand.Rand, d *Database, name, dir string, begin, now time.Time) {
	t.Helper()
	local, fleet := sqlite.NewReader(dir), &Reader{d}
	hours := int(now.Sub(begin)/time.Hour) + 30
	for i := range 8 {
		since := begin.Add(time.Duration(random.IntN(hours)-12) * time.Hour)
		until := since.Add(time.Duration(1+random.IntN(hours)) * time.Hour)
		q := counts.Query{Kind: counts.Kind(random.IntN(counts.Kinds)), By: counts.Field(random.IntN(int(counts.Fields))), Since: since, Until: until, Limit: 1 + random.IntN(80)}
		want, err := local.Top(t.Context(), q)
		must(t, err)
		q.Fleet, q.Node = true, name
		got, err := fleet.Top(t.Context(), q)
		must(t, err)
		q.Within = time.Minute
		bounded, err := fleet.Top(t.Context(), q)
		must(t, err)
		if bounded.Query.Within = 0; !bounded.Complete || cmp.Diff(got.All, bounded.All) != "" || len(got.Lines) != len(bounded.Lines) {
			t.Fatalf("%q, ranking %d of %+v in parts: complete %t, %d lines, want %d", name, i, q, bounded.Complete, len(bounded.Lines), len(got.Lines))
		}
		whole := want
		alike(t, &whole, &bounded)
		alike(t, &want, &got)
		if diff := cmp.Diff(got, bounded); diff != "" {
			t.Fatalf("%q, ranking %d of %+v (-whole +parts):\n%.3000s", name, i, q, diff)
		}
		got.Query.Nodes, got.Nodes = counts.Nodes{}, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q, ranking %d of %+v (-file +database):\n%.3000s", name, i, q, diff)
		}
		step := []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}[i%3]
		sq := counts.SeriesQuery{Kind: q.Kind, Since: since, Until: until, Step: step}
		if i%4 > 0 && len(want.Lines) > 0 {
			sq.Name = want.Lines[random.IntN(len(want.Lines))].Name
		}
		series, err := local.Series(t.Context(), sq)
		must(t, err)
		sq.Fleet, sq.Node = true, name
		other, err := fleet.Series(t.Context(), sq)
		must(t, err)
		other.Query.Nodes, other.Nodes = counts.Nodes{}, nil
		if diff := cmp.Diff(series, other); diff != "" {
			t.Fatalf("%q, series %d of %+v (-file +database):\n%.3000s", name, i, sq, diff)
		}
	}
}

// alike leaves out names that have the last place together with others, since any of them may
// have it.
func alike(t *testing.T, want, got *counts.Ranking) {
	t.Helper()
	by := want.Query.By
	if len(want.Lines) != len(got.Lines) || len(want.Lines) < want.Query.Limit {
		return
	}
	last := want.Lines[len(want.Lines)-1].Sums[by]
	of := func(l counts.Line) bool { return l.Sums[by] == last }
	i, j := slices.IndexFunc(want.Lines, of), slices.IndexFunc(got.Lines, of)
	if i != j {
		t.Fatalf("%d names have more than the last one, want %d", j, i)
	}
	want.Lines, got.Lines = want.Lines[:i], got.Lines[:i]
}

// within runs a query that the server holds back with a context that ends after two seconds. On a
// busy machine that may be too early, so a query that fails gets more time.
func within(t *testing.T, query func(context.Context) error) {
	t.Helper()
	for limit := 2 * time.Second; ; limit *= 4 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := query(ctx)
		cancel()
		if err == nil {
			return
		}
		if limit > 30*time.Second {
			t.Error(err)
			return
		}
	}
}

// outOfTime has the server stop a query: the answer says that it is not complete. A server that
// cannot be asked is an error.
func outOfTime(t *testing.T, d *Database, r *Reader, q counts.Query) {
	t.Helper()
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	must(t, do(t.Context(), conn, "BEGIN; LOCK postvet.day, postvet.hour"))
	within(t, func(ctx context.Context) error {
		if ranking, err := r.Top(ctx, q); err != nil || ranking.Complete {
			return fmt.Errorf("out of time: complete %t, %w", ranking.Complete, err)
		}
		return nil
	})
	q.Within = 200 * time.Millisecond
	if ranking, err := r.Top(t.Context(), q); err != nil || ranking.Complete || len(ranking.Lines) > 0 || !ranking.Searched.Equal(ranking.Query.Until) || ranking.Oldest.IsZero() {
		t.Errorf("out of its own time: complete %t, %d lines back to %s, %v", ranking.Complete, len(ranking.Lines), ranking.Searched, err)
	}
	series := counts.SeriesQuery{Since: q.Since, Until: q.Until, Step: time.Hour}
	within(t, func(ctx context.Context) error {
		if s, err := r.Series(ctx, series); err != nil || s.Complete || s.Points == nil {
			return fmt.Errorf("out of time: complete %t, %w", s.Complete, err)
		}
		return nil
	})
	if _, err := (&Reader{&Database{DSN: d.DSN + " port=1"}}).Series(t.Context(), series); err == nil {
		t.Error("a database that is not there has counts")
	}
}
