package counts

import (
	"context"
	"slices"
	"time"
)

const day = 24 * time.Hour

// Table is one of the two tables of counts.
type Table string

// The tables.
const (
	HourTable Table = "hour"
	DayTable  Table = "day"
)

// Tables are both tables, in the order in which they are read.
var Tables = [...]Table{DayTable, HourTable}

// Period is an hour or a day of a node, by its beginning in seconds since 1970.
type Period struct {
	At   int64
	Node int32
}

// Periods are the periods that make up a time, by table. No message is in two of them.
type Periods map[Table][]Period

// Source has the counts that a store keeps, all as they are at one moment.
type Source interface {
	// Kept returns the periods of which there are counts.
	Kept(ctx context.Context) (*Kept, error)
	// Ranked returns a list for each period: its first n names of a kind by a number, the
	// highest first, without those that have none.
	Ranked(ctx context.Context, p Periods, k Kind, by Field, n int) ([][]Ranked, error)
	// Sums returns the numbers of names over all periods.
	Sums(ctx context.Context, p Periods, of Named, names []string) (map[string]Sums, error)
	// Points calls f with the numbers of a name in each period, or in all that begin at
	// one time.
	Points(ctx context.Context, p Periods, of Named, name string, f func(at int64, s *Sums)) error
	// Causes calls f with how many messages of each of some domains have a hint and a rule.
	Causes(ctx context.Context, p Periods, orgs []string, f func(org, hint, rule string, n int64)) error
	// Missing returns the number of messages that could not be counted.
	Missing(ctx context.Context, p Periods) (int64, error)
	// Bounded calls f, which reads until a time; it returns ErrTime if f failed as that was
	// over. The source can be read after that. A zero time is no bound.
	Bounded(ctx context.Context, until time.Time, f func(context.Context) error) error
}

// Named is a kind of name, as the tables have it.
type Named string

// AllMail is the kind of the one name that stands for all messages, AllName.
const (
	AllMail = Named("all")
	AllName = "(all)"
)

// Kept is what a store has at all.
type Kept struct {
	Nodes []KeptOf
	// Recent are hours that are not over, and are in no table.
	Recent []Hour
	// Names are the names of the nodes; none in a store of one.
	Names []string
	// Silent are those of them that have said nothing for SilentAfter.
	Silent []Silent
}

// SilentAfter is after which time the numbers of a node are told to be old.
const SilentAfter = 5 * time.Minute

// Silent is a node that says nothing, and since when.
type Silent struct {
	Node  string    `json:"node"`
	Since time.Time `json:"since"`
}

// KeptOf is what a store has of a node: the beginnings of hours and days, in order.
type KeptOf struct {
	Node        int32
	Hours, Days []int64
}

// oldest returns the beginning of the oldest hour or, for DayTable, of the oldest day. An hour
// that is not over is taken as it is for both. The result is zero if there is nothing.
func (k *Kept) oldest(t Table) (at time.Time) {
	older := func(other time.Time) {
		if at.IsZero() || other.Before(at) {
			at = other
		}
	}
	for i := range k.Nodes {
		n := &k.Nodes[i]
		if len(n.Days) > 0 && t == DayTable {
			older(timeOf(n.Days[0]))
		}
		if len(n.Hours) == 0 {
			continue
		}
		if first := timeOf(n.Hours[0]); t == DayTable {
			older(first.Truncate(day))
		} else {
			older(first)
		}
	}
	for i := range k.Recent {
		older(k.Recent[i].At)
	}
	return at
}

// hoursOf returns the hours of a day that are kept.
func (n *KeptOf) hoursOf(day int64) []int64 {
	first, _ := slices.BinarySearch(n.Hours, day)
	last, _ := slices.BinarySearch(n.Hours, day+24*3600)
	return n.Hours[first:last]
}

// roundDown returns the beginning of a time as exactly as it is counted: that of its hour, or
// of its day if a node has no hour of it any more.
func (k *Kept) roundDown(at time.Time) time.Time {
	whole := at.Truncate(day)
	if at.Equal(whole) {
		return at
	}
	for i := range k.Nodes {
		n := &k.Nodes[i]
		if _, ok := slices.BinarySearch(n.Days, whole.Unix()); ok && len(n.hoursOf(whole.Unix())) == 0 {
			return whole
		}
	}
	return at
}

// span is a part of what is kept.
type span struct {
	periods Periods
	recent  []Hour
}

// between returns what is counted from since until until.
func (k *Kept) between(since, until time.Time) *span {
	s := &span{periods: Periods{}}
	for _, h := range k.Recent {
		if !h.At.Before(since) && h.At.Before(until) {
			s.recent = append(s.recent, h)
		}
	}
	for i := range k.Nodes {
		k.Nodes[i].between(s.periods, since.Unix(), until.Unix())
	}
	return s
}

// between adds the periods of a node: whole days, and the hours of others and of days that
// have no number of their own yet.
func (n *KeptOf) between(p Periods, since, until int64) {
	days := map[int64]bool{}
	for _, at := range n.Days {
		hours := n.hoursOf(at)
		begins, ends := at, at+24*3600
		if len(hours) > 0 { // a day is as long as its counted hours
			begins, ends = hours[0], hours[len(hours)-1]+3600
		}
		if whole := begins >= since && ends <= until; whole || len(hours) == 0 {
			days[at] = true
			if whole {
				p[DayTable] = append(p[DayTable], Period{at, n.Node})
			}
		}
	}
	for _, at := range n.Hours {
		if at >= since && at < until && !days[at-at%(24*3600)] {
			p[HourTable] = append(p[HourTable], Period{at, n.Node})
		}
	}
}

// steps returns what is counted from since until until, in hours or, for steps of a day, in
// days where there are any.
func (k *Kept) steps(t Table, since, until time.Time) *span {
	if t == DayTable {
		return k.between(since, until)
	}
	hours := &Kept{Recent: k.Recent}
	for _, n := range k.Nodes {
		hours.Nodes = append(hours.Nodes, KeptOf{Node: n.Node, Hours: n.Hours})
	}
	return hours.between(since, until)
}
