package reportsending

import (
	"context"
	"maps"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// Stats are the numbers of a Sender.
type Stats struct {
	// Lease is true while this node sends.
	Lease bool
	// Outbox are the deliveries by state, as this node last saw them.
	Outbox map[reports.State]int64
	// Results are what became of deliveries at this node: how often each state followed
	// an attempt.
	Results map[reports.State]int64
	// Reports is how many reports were frozen, and NotSent how many subjects led to none.
	Reports int64
	NotSent map[Why]int64
	// Suppressed is how many addresses get no reports.
	Suppressed int64
	// Success is when the MTA last took a report, and Waiting when the oldest was made
	// that it has not.
	Success, Waiting time.Time
	// Trouble is what keeps reports from being sent; "" for nothing.
	Trouble string
}

func newStats() Stats {
	return Stats{Outbox: map[reports.State]int64{}, Results: map[reports.State]int64{}, NotSent: map[Why]int64{}}
}

// Stats returns the numbers.
func (s *Sender) Stats() Stats {
	if s == nil {
		return newStats()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Outbox, out.Results, out.NotSent = maps.Clone(out.Outbox), maps.Clone(out.Results), maps.Clone(out.NotSent)
	return out
}

// Follow has the counts go on from those of the Sender before. It is called before Run.
func (s *Sender) Follow(before *Sender) {
	past := before.Stats()
	past.Lease, past.Trouble = false, ""
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats = past
}

func (s *Sender) setLease(held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Lease = held
}

// result counts what became of a delivery.
func (s *Sender) result(state reports.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Results[state]++
	if state == reports.Queued {
		s.stats.Success = s.o.Now()
	}
}

// count reads the numbers of the store.
func (s *Sender) count(ctx context.Context) error {
	c, err := s.o.Store.Counts(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Outbox, s.stats.Suppressed, s.stats.Waiting = c.Deliveries, c.Suppressed, c.Waiting
	if c.LastSuccess.After(s.stats.Success) {
		s.stats.Success = c.LastSuccess
	}
	return nil
}
