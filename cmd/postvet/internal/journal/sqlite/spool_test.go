package sqlite

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// TestSpool reads beside a writer whose rows do not come in the order of their references,
// as after a clock that went back: each row is read once.
func TestSpool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	must(t, err)
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Hour})
	defer func() { r.Close(t.Context()) }()
	g := newGenerator()
	random := rand.New(rand.NewPCG(3, 4))
	spool := NewSpool(dir)
	part := rows.Part{Day: noon.Truncate(24 * time.Hour), Class: rows.Rest}
	var mark rows.Mark
	var want, got []result.Reference
	read := func(limit int) (more bool) {
		p, err := spool.Open(t.Context(), part)
		must(t, err)
		defer p.Close()
		left, err := p.Left(t.Context(), mark)
		must(t, err)
		if int(left) != len(want)-len(got) {
			t.Fatalf("%d rows are left behind %+v, want %d", left, mark, len(want)-len(got))
		}
		before := len(got)
		c, err := p.Read(t.Context(), mark, limit, func(rec *rows.Record) error {
			got = append(got, result.Reference(rec[rows.ColRef].Int))
			return nil
		})
		must(t, err)
		if c.Rows != len(got)-before {
			t.Fatalf("%+v after %d rows", c, len(got)-before)
		}
		mark = c.Next
		return c.More
	}
	for i := range 60 {
		for range random.IntN(30) {
			g.refs = result.References{} // it would keep them in order
			row := g.rowOf(noon.Add(time.Duration(i*10+random.IntN(300))*time.Second), 1, true)
			want = append(want, row.Ref)
			r.Add(row)
		}
		r.Flush(t.Context())
		if i == 30 { // as when the service starts again
			r.Close(t.Context())
			s, err = Open(Options{Dir: dir})
			must(t, err)
			r = journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Hour})
		}
		if len(want) > 0 && i%3 > 0 {
			read(1 + random.IntN(20))
		}
	}
	for end := 0; read(20); end++ {
		if end > 200 {
			t.Fatal("reading does not end")
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows that were read (-want +got):\n%s", diff)
	}
	if mark.Late == 0 {
		t.Error("no row came late; the test shows nothing")
	}
	parts, err := spool.Parts()
	if diff := cmp.Diff([]rows.Part{part}, parts); diff != "" || err != nil {
		t.Errorf("parts: %v\n%s", err, diff)
	}
}

// TestSpoolAgain writes rows a second time, which the store has: none of them is read again.
func TestSpoolAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator()
	a, b := g.rowOf(noon, 1, true), g.rowOf(noon.Add(time.Second), 2, true)
	write(t, dir, rows.Hashed, a, b)
	write(t, dir, rows.Hashed, a, b)
	p, err := NewSpool(dir).Open(t.Context(), rows.Part{Day: noon, Class: rows.Rest})
	must(t, err)
	defer p.Close()
	n := 0
	count := func(*rows.Record) error { n++; return nil }
	c, err := p.Read(t.Context(), rows.Mark{}, 10, count)
	must(t, err)
	if n != 2 || c.More || c.Next.Late != 0 {
		t.Errorf("%d rows, %+v", n, c)
	}
	if c, err := p.Read(t.Context(), rows.Mark{}, 10, func(*rows.Record) error { return ErrEnough }); err != nil || c.Rows != 1 || !c.More || c.Next.Ref != int64(a.Ref) {
		t.Errorf("after enough: %+v, %v", c, err)
	}
	fault := errors.New("a fault")
	if _, err := p.Read(t.Context(), rows.Mark{}, 10, func(*rows.Record) error { return fault }); !errors.Is(err, fault) {
		t.Errorf("an error of the caller becomes %v", err)
	}
	all, err := p.Generations(t.Context(), func(int64) bool { return false })
	if err != nil || len(all) != 0 {
		t.Errorf("generations: %v, %v", all, err)
	}
}
