package rows

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/policy/result"
)

// TestSlices: the slices of a day follow each other without a gap, whatever the time of day
// and however long each takes.
func TestSlices(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		q        Query
		now      time.Time
		took     time.Duration
		from, to time.Time // as the first and the last slice have it
		most     int
	}{
		"past day":  {Query{}, day.AddDate(0, 0, 3), 0, time.Time{}, day.Add(24 * time.Hour), 7},
		"today":     {Query{}, day.Add(8 * time.Hour), 0, time.Time{}, day.Add(24 * time.Hour), 8},
		"slow":      {Query{}, day.AddDate(0, 0, 3), 100 * time.Millisecond, time.Time{}, day.Add(24 * time.Hour), 720},
		"bounded":   {Query{Since: day.Add(time.Hour), Until: day.Add(3 * time.Hour)}, day.AddDate(0, 0, 3), 0, day.Add(time.Hour), day.Add(3 * time.Hour), 5},
		"next page": {Query{Before: result.FirstReference(day.Add(2 * time.Hour))}, day.AddDate(0, 0, 3), 0, time.Time{}, day.Add(2*time.Hour + time.Millisecond), 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s Slices
			var all []Query
			reached := s.Each(tt.q, day, tt.now, func(q Query) bool {
				time.Sleep(tt.took)
				all = append(all, q)
				return true
			})
			if len(all) == 0 || len(all) > tt.most {
				t.Fatalf("%s: %d slices", name, len(all))
			}
			if day.Before(tt.now) && tt.now.Before(day.Add(24*time.Hour)) && (!all[0].Since.Equal(tt.now) || all[1].Until.Sub(all[1].Since) != firstSlice) {
				t.Errorf("%s: the first slices are %v to %v and %v to %v", name, all[0].Since, all[0].Until, all[1].Since, all[1].Until)
			}
			last := all[len(all)-1]
			if !all[0].Until.Equal(tt.to) || !last.Since.Equal(tt.from) || !reached.Equal(maxTime(tt.from, day)) {
				t.Errorf("%s: from %v to %v, reached %v", name, last.Since, all[0].Until, reached)
			}
			for i := 1; i < len(all); i++ {
				if !all[i].Until.Equal(all[i-1].Since) || !all[i].Since.Before(all[i].Until) {
					t.Errorf("%s: a gap behind %v", name, all[i].Until)
				}
			}
			n := 0
			reached = s.Each(tt.q, day, tt.now, func(q Query) bool { n++; return n < 2 })
			if n == 2 && (!reached.Before(tt.to) || !reached.After(day)) {
				t.Errorf("%s: a search that is over reached %v", name, reached)
			}
		})
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TestMerge: nothing is on a page that one of the searches may have missed the like of.
func TestMerge(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	at := func(minute int) *Row {
		return &Row{Ref: result.FirstReference(noon.Add(time.Duration(minute) * time.Minute))}
	}
	page := func(minutes ...int) Page {
		p := Page{Complete: true}
		for _, m := range minutes {
			p.Rows = append(p.Rows, at(m))
		}
		return p
	}
	cut := func(p Page, searched int) Page {
		p.Complete, p.Searched = false, noon.Add(time.Duration(searched)*time.Minute)
		return p
	}
	next := func(p Page) Page {
		p.Next = p.Rows[len(p.Rows)-1].Ref
		return p
	}
	for name, tt := range map[string]struct {
		pages    []Page
		want     []int
		next     int // minute, 0 for none
		searched int // minute, 0 for complete
	}{
		"whole":              {[]Page{page(9, 5), page(7, 5, 1)}, []int{9, 7, 5, 1}, 0, 0},
		"one is out of time": {[]Page{cut(page(9, 5), 4), page(7, 3)}, []int{9, 7, 5}, 0, 4},
		"one has more":       {[]Page{next(page(9, 8, 7)), page(6, 5)}, []int{9, 8, 7}, 7, 0},
		"both":               {[]Page{next(page(9, 8, 2)), cut(page(6), 5)}, []int{9, 8, 6}, 0, 5},
		"more before time":   {[]Page{next(page(9, 8, 7)), cut(page(6), 5)}, []int{9, 8, 7}, 7, 0},
		"too many":           {[]Page{page(9, 8, 7), page(6, 5, 4)}, []int{9, 8, 7, 6, 5}, 5, 0},
	} {
		got := Merge(tt.pages, 5)
		var minutes []int
		for _, r := range got.Rows {
			minutes = append(minutes, int(r.Ref.Time().Sub(noon)/time.Minute))
		}
		wantNext := result.Reference(0)
		if tt.next != 0 {
			wantNext = at(tt.next).Ref
		}
		same := len(minutes) == len(tt.want)
		for i := range min(len(minutes), len(tt.want)) {
			same = same && minutes[i] == tt.want[i]
		}
		if !same || got.Next != wantNext || got.Complete != (tt.searched == 0) || !got.Complete && !got.Searched.Equal(noon.Add(time.Duration(tt.searched)*time.Minute)) {
			t.Errorf("%s: %v, next %v, complete %t, searched %v", name, minutes, got.Next, got.Complete, got.Searched)
		}
	}
}
