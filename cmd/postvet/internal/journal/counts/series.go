package counts

import (
	"fmt"
	"time"
)

// SeriesQuery asks for the numbers of one name over time.
type SeriesQuery struct {
	// Kind and Name say of what; without a Name, of all messages.
	Kind Kind   `json:"kind"`
	Name string `json:"name,omitempty"`
	// Since and Until bound the time, and are rounded to whole steps of UTC.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Step is from one point to the next: an hour, some that divide a day, or a day.
	// Hours are kept for 15 days, and days for longer.
	Step time.Duration `json:"step"`
	Nodes
}

// maxPoints bounds the points of a series.
const maxPoints = 400

// Check makes a query normal, and returns what is wrong with it.
func (q *SeriesQuery) Check() error {
	switch {
	case q.Kind >= Kinds:
		return fmt.Errorf("the query asks for what is not counted")
	case q.Step < time.Hour || q.Step%time.Hour != 0 || 24*time.Hour%q.Step != 0:
		return fmt.Errorf("a step of %v is neither a day nor hours that divide one", q.Step)
	}
	q.Since, q.Until = q.Since.UTC().Truncate(q.Step), q.Until.UTC().Add(q.Step-1).Truncate(q.Step)
	switch {
	case !q.Since.Before(q.Until):
		return fmt.Errorf("the time does not end after its beginning")
	case q.Until.Sub(q.Since) > maxPoints*q.Step:
		return fmt.Errorf("the time is too long; at most %d points are shown", maxPoints)
	}
	return q.check()
}

// Series is the answer to a query.
type Series struct {
	Query SeriesQuery `json:"query"`
	// Points are a step apart. The first one is that of the oldest counts, if the time
	// begins before them.
	Points []Point `json:"points"`
	// Oldest is the beginning of the oldest day that is kept, zero if there is none.
	Oldest time.Time `json:"oldest,omitzero"`
	// Nodes and Silent are those of [Ranking].
	Nodes  []string `json:"nodes,omitempty"`
	Silent []Silent `json:"silent,omitempty"`
	// Complete is false if the time was over before all was read.
	Complete bool `json:"complete"`
}

// Point has the numbers of a time.
type Point struct {
	At   time.Time `json:"at"`
	Sums Sums      `json:"sums"`
}

// begin makes the points from the oldest time of which there are counts in this step; none
// if that is zero.
func (s *Series) begin(oldest time.Time) {
	s.Points = []Point{}
	if oldest.IsZero() {
		return
	}
	from := s.Query.Since
	if at := oldest.UTC().Truncate(s.Query.Step); at.After(from) {
		from = at
	}
	for at := from; at.Before(s.Query.Until); at = at.Add(s.Query.Step) {
		s.Points = append(s.Points, Point{At: at})
	}
}

// add adds numbers of a time to its point, if there is one.
func (s *Series) add(at time.Time, sums *Sums) {
	if len(s.Points) == 0 || at.Before(s.Points[0].At) {
		return
	}
	if i := int(at.Sub(s.Points[0].At) / s.Query.Step); i < len(s.Points) {
		s.Points[i].Sums.Add(sums)
	}
}

func timeOf(at int64) time.Time { return time.Unix(at, 0).UTC() }

// Sum returns the sums of all points.
func (s *Series) Sum() (sum Sums) {
	for i := range s.Points {
		sum.Add(&s.Points[i].Sums)
	}
	return sum
}
