package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// TestSeries compares the points of a series with what Top says of the same times: hours
// that are over and that are not, several hours in a point, and days.
func TestSeries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCounting(t, dir)
	g := newGenerator()
	at := noon.Add(-30 * time.Hour)
	for i := range 120 {
		at = at.Add(17 * time.Minute)
		if i == 40 {
			at = at.Add(5 * time.Hour) // in which no mail comes
		}
		c.add(g.rowOf(at, uint64(i%3), i%3 == 0))
		if i%7 == 0 {
			c.write(at)
		}
	}
	c.write(at)
	r := NewReader(dir)
	all := top(t, dir, counts.Query{Kind: counts.Domain, By: counts.All, Since: noon.Add(-60 * time.Hour), Until: noon.Add(60 * time.Hour)})
	if len(all.Lines) < 3 {
		t.Fatalf("%d domains", len(all.Lines))
	}
	networks := top(t, dir, counts.Query{Kind: counts.Client, By: counts.All, Since: noon.Add(-60 * time.Hour), Until: noon.Add(60 * time.Hour)})
	for _, q := range []counts.SeriesQuery{
		{Step: time.Hour},
		{Step: 6 * time.Hour, Kind: counts.Domain, Name: all.Lines[0].Name},
		{Step: time.Hour, Kind: counts.Client, Name: networks.Lines[0].Name},
		{Step: 24 * time.Hour, Kind: counts.Domain, Name: all.Lines[1].Name},
		{Step: 24 * time.Hour},
		{Step: time.Hour, Kind: counts.Domain, Name: "unknown.example'; DROP"},
	} {
		q.Since, q.Until = noon.Add(-40*time.Hour), noon.Add(24*time.Hour)
		s, err := r.Series(t.Context(), q)
		if err != nil || !s.Complete || len(s.Points) == 0 {
			t.Fatalf("%+v: %d points, %v", q, len(s.Points), err)
		}
		var sum int64
		for _, p := range s.Points {
			one := top(t, dir, counts.Query{Kind: q.Kind, By: counts.All, Since: p.At, Until: p.At.Add(q.Step)})
			want := one.All
			if q.Name != "" {
				want = counts.Sums{}
				for _, l := range one.Lines {
					if l.Name == q.Name {
						want = l.Sums
					}
				}
			}
			if p.Sums != want {
				t.Errorf("%v of %q at %s: %v, want %v", q.Step, q.Name, p.At, p.Sums, want)
			}
			sum += want[counts.All]
		}
		if total := s.Sum()[counts.All]; total != sum || total == 0 && q.Name != "unknown.example'; DROP" {
			t.Errorf("%v of %q: %d messages, want %d", q.Step, q.Name, total, sum)
		}
		if first := s.Points[0].At; !first.Equal(all.Oldest.Truncate(q.Step)) && !first.Equal(q.Since.Truncate(q.Step)) && !first.Equal(noon.Add(-30*time.Hour).Truncate(q.Step)) {
			t.Errorf("%v of %q begins at %s", q.Step, q.Name, first)
		}
	}
}

// TestSeriesOfNothing: a journal that has counted nothing, a damaged one, and queries without
// a meaning.
func TestSeriesOfNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := counts.SeriesQuery{Step: time.Hour, Since: noon.Add(-time.Hour), Until: noon}
	s, err := NewReader(dir).Series(t.Context(), q)
	if err != nil || !s.Complete || len(s.Points) != 0 || s.Points == nil {
		t.Errorf("%+v, %v", s, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, stateName), []byte("no database, and long enough to be one if it were a database"), 0o600))
	if _, err := NewReader(dir).Series(t.Context(), q); err == nil {
		t.Error("a damaged file has counts")
	}
	for name, change := range map[string]func(*counts.SeriesQuery){
		"step of minutes": func(q *counts.SeriesQuery) { q.Step = time.Minute },
		"step of 5 hours": func(q *counts.SeriesQuery) { q.Step = 5 * time.Hour },
		"no step":         func(q *counts.SeriesQuery) { q.Step = 0 },
		"kind":            func(q *counts.SeriesQuery) { q.Kind = counts.Kinds },
		"backwards":       func(q *counts.SeriesQuery) { q.Since = q.Until.Add(time.Hour) },
		"too long":        func(q *counts.SeriesQuery) { q.Since = q.Until.Add(-401 * time.Hour) },
	} {
		other := q
		change(&other)
		if _, err := NewReader(dir).Series(t.Context(), other); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
