package rows

import "time"

// Slices divides days into slices that are searched one after the other, the newest first.
// So a search whose time is over knows how far it came. A slice is the longer, the faster
// those before were searched. The zero value begins with a short one.
type Slices struct{ length time.Duration }

const (
	firstSlice   = 2 * time.Minute
	longestSlice = 24 * time.Hour
	// After a search of less than fast the next slice is longer, and after one of more than
	// slow it is shorter.
	fastSlice = 10 * time.Millisecond
	slowSlice = 60 * time.Millisecond
)

// Each calls search with a query for each slice of a day that the query may select. It
// ends when search reports that it is over, and returns the end of that slice: what is
// newer was searched. now is the present time.
func (s *Slices) Each(q Query, day, now time.Time, search func(Query) (goOn bool)) (searched time.Time) {
	from, to := day, day.Add(24*time.Hour)
	if q.Since.After(from) {
		from = q.Since
	}
	if !q.Until.IsZero() && q.Until.Before(to) {
		to = q.Until
	}
	if before := q.Before.Time().Add(time.Millisecond); q.Before != 0 && before.Before(to) {
		to = before
	}
	for to.After(from) {
		s.length = max(s.length, firstSlice)
		begin := to.Add(-s.length)
		future := now.After(from) && to.Sub(now) > time.Minute
		switch {
		case future:
			begin = now // it has nothing, or what a wrong clock brought
		case begin.Before(from):
			begin = from
		}
		slice := q
		slice.Since, slice.Until = begin, to
		if begin.Equal(day) {
			slice.Since = q.Since // a day begins with what its file has
		}
		began := time.Now()
		if !search(slice) {
			return to
		}
		switch took := time.Since(began); {
		case future: // that says nothing
		case took < fastSlice:
			s.length = min(4*s.length, longestSlice)
		case took > slowSlice:
			s.length = max(s.length/4, firstSlice)
		}
		to = begin
	}
	return from
}
