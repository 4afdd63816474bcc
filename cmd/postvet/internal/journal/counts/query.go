package counts

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Query asks for the names with most messages.
type Query struct {
	// Kind is of what the names are. Of clients, Hint and Rule may be asked alike.
	Kind Kind `json:"kind"`
	// By is the number that ranks names. Names that have none are left out.
	By Field `json:"by"`
	// Since and Until bound the time. They are rounded to whole hours, or to whole days
	// if there are no hours of that time any more.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Limit bounds the names. Default 20, at most MaxLimit.
	Limit int `json:"limit,omitempty"`
	// Within bounds the time that it takes. If all cannot be ranked in it, the newest part is;
	// see Ranking.Searched.
	Within time.Duration `json:"within,omitzero"`
	Nodes
}

// Nodes say of which nodes the counts are asked.
type Nodes struct {
	// Fleet asks for the counts of all nodes, in a database, and Node for those of one of
	// them.
	Fleet bool   `json:"fleet,omitempty"`
	Node  string `json:"node,omitempty"`
}

// check returns what is wrong.
func (n *Nodes) check() error {
	if n.Node != "" && !n.Fleet {
		return errors.New("--node goes with --fleet")
	}
	return nil
}

// MaxLimit bounds the names of an answer.
const MaxLimit = 1000

// maxSpan bounds the time of a query.
const maxSpan = 10 * 366 * 24 * time.Hour

// Check makes a query normal, and returns what is wrong with it.
func (q *Query) Check() error {
	q.Since, q.Until = HourOf(q.Since), HourOf(q.Until.Add(time.Hour-1))
	switch {
	case q.Kind >= Kinds || q.By >= Fields:
		return fmt.Errorf("the query asks for what is not counted")
	case !q.Since.Before(q.Until):
		return fmt.Errorf("--since is not before --until")
	case q.Until.Sub(q.Since) > maxSpan:
		return fmt.Errorf("the time from --since to --until is too long; write at most ten years")
	case q.Limit < 0 || q.Limit > MaxLimit:
		return fmt.Errorf("--limit %d is out of bounds; write 1 to %d", q.Limit, MaxLimit)
	case q.Within < 0:
		return fmt.Errorf("the time that the query may take ends before it begins")
	case q.Limit == 0:
		q.Limit = 20
	}
	return q.check()
}

// Ranking is the answer to a query.
type Ranking struct {
	Query Query `json:"query"`
	// FormerSince is where the period before begins. It is as long, and ends at
	// Query.Since, or at Searched if that is set. It is zero if that period was not read, as
	// the time of the query was over.
	FormerSince time.Time `json:"former_since"`
	// Lines are the names, those with most messages first.
	Lines []Line `json:"lines"`
	// All and Former are the numbers of all messages, in this period and the one before.
	All    Sums `json:"all"`
	Former Sums `json:"former"`
	// Other are those of the names beyond the bound of an hour or a day, which have no
	// line. Missing is the number of messages that could not be counted.
	Other   Sums  `json:"other"`
	Missing int64 `json:"missing"`
	// Oldest is the beginning of the oldest day that is kept, zero if there is none.
	Oldest time.Time `json:"oldest,omitzero"`
	// Nodes are the names of all nodes of which there are counts, if those of a fleet were
	// asked for.
	Nodes []string `json:"nodes,omitempty"`
	// Silent are those of them that say nothing, so that the numbers lack their mail since.
	Silent []Silent `json:"silent,omitempty"`
	// Complete is false if the time was over before all was read. Searched is then since when
	// names were ranked, and all numbers are of the time since; zero if nothing is known.
	Complete bool      `json:"complete"`
	Searched time.Time `json:"searched,omitzero"`
}

// Line has the numbers of a name.
type Line struct {
	Name   string `json:"name"`
	Sums   Sums   `json:"sums"`
	Former Sums   `json:"former"`
	// Hint and Rule are those of most messages that failed or were not plainly accepted,
	// of a domain; "" if there are none.
	Hint string `json:"hint,omitempty"`
	Rule string `json:"rule,omitempty"`
}

// Reader answers queries. It is safe for concurrent use.
type Reader interface {
	Top(ctx context.Context, q Query) (Ranking, error)
	Series(ctx context.Context, q SeriesQuery) (Series, error)
}
