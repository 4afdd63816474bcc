package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// endingSource is a source whose time is over when it is bounded for the last time.
type endingSource struct {
	counted
	parts int
}

func (s *endingSource) Bounded(ctx context.Context, _ time.Time, f func(context.Context) error) error {
	if s.parts--; s.parts < 0 {
		ctx, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
		defer cancel()
		if err := s.counted.Bounded(ctx, time.Time{}, f); err == nil {
			return nil // there is nothing to read
		}
		return counts.ErrTime
	}
	return f(ctx)
}

// TestTopOfNewest: what was ranked when the time was over is the ranking of a shorter time.
func TestTopOfNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCounting(t, dir)
	defer c.store.Close()
	g := newGenerator()
	random := rand.New(rand.NewPCG(3, 4))
	begin := noon.Add(-20*day + 90*time.Minute)
	for at := begin; at.Before(noon); at = at.Add(4 * time.Hour) {
		for range 30 {
			row := g.rowOf(at, random.Uint64N(1+random.Uint64N(60)), random.IntN(2) == 0)
			must(t, c.counter.Count(c.encoder.Append(nil, row, "domains")))
		}
		c.write(at)
	}
	r := NewReader(dir)
	for i := range 60 {
		since := begin.Add(time.Duration(random.IntN(20*24)) * time.Hour)
		q := counts.Query{
			Kind: counts.Kind(random.IntN(counts.Kinds)), By: []counts.Field{counts.All, counts.Failed}[i%2], Limit: 1 + random.IntN(20),
			Since: since, Until: since.Add(time.Duration(1+random.IntN(21*24)) * time.Hour), Within: time.Hour,
		}
		must(t, q.Check())
		var reached []time.Time
		for parts := range 9 {
			var got counts.Ranking
			_, err := r.readCounts(t.Context(), func(c counted) (err error) {
				got, err = counts.RankIn(t.Context(), &endingSource{c, parts}, q)
				return err
			})
			must(t, err)
			back := got.Query.Since
			if !got.Complete {
				back = got.Searched
			}
			if len(reached) > 0 && back.After(reached[len(reached)-1]) {
				t.Errorf("%d parts reach %s, and one less %s", parts, back, reached[len(reached)-1])
			}
			if reached = append(reached, back); !back.Before(got.Query.Until) {
				if len(got.Lines) > 0 || got.All != (counts.Sums{}) {
					t.Errorf("%d lines of no time", len(got.Lines))
				}
				continue
			}
			shorter := q
			shorter.Since, shorter.Within = back, 0
			want := top(t, dir, shorter)
			for i := range want.Lines { // which was not read
				if got.FormerSince.IsZero() {
					want.Lines[i].Former, want.Lines[i].Hint, want.Lines[i].Rule = counts.Sums{}, got.Lines[i].Hint, got.Lines[i].Rule
				}
			}
			if got.FormerSince.IsZero() {
				want.Former = counts.Sums{}
			} else if !got.FormerSince.Equal(want.FormerSince) {
				t.Errorf("compared since %s, want %s", got.FormerSince, want.FormerSince)
			}
			if diff := gocmp.Diff(fmt.Sprint(want.Lines, want.All, want.Former, want.Other, want.Missing), fmt.Sprint(got.Lines, got.All, got.Former, got.Other, got.Missing)); diff != "" {
				t.Fatalf("%d parts of %+v, back to %s (-shorter +parts):\n%.3000s", parts, q, back, diff)
			}
			if got.Complete {
				break
			}
		}
		if last := reached[len(reached)-1]; !last.Equal(q.Since) {
			t.Errorf("%+v is never ranked as a whole, but back to %s", q, last)
		}
	}
}

// TestTopWithin bounds the time of a ranking.
func TestTopWithin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCounting(t, dir)
	defer c.store.Close()
	c.add(newGenerator().rowOf(noon.Add(-30*time.Hour), 1, true))
	c.write(noon)
	c.write(noon) // the hour is over
	q := counts.Query{Kind: counts.Domain, Since: noon.Add(-2 * day), Until: noon, Within: 1}
	r, err := NewReader(dir).Top(t.Context(), q)
	if err != nil || r.Complete || len(r.Lines) != 0 || !r.Searched.Equal(noon.Truncate(day)) && !r.Searched.Equal(noon) {
		t.Errorf("no time: complete %t, %d lines back to %s, %v", r.Complete, len(r.Lines), r.Searched, err)
	}
	q.Within = time.Hour
	if r, err = NewReader(dir).Top(t.Context(), q); err != nil || !r.Complete || len(r.Lines) != 1 || !r.Searched.IsZero() {
		t.Errorf("an hour: complete %t, %d lines back to %s, %v", r.Complete, len(r.Lines), r.Searched, err)
	}
	if q.Within = -1; q.Check() == nil {
		t.Error("a time that is over is accepted")
	}
}
