package rotation

import (
	"slices"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
)

// Stats are numbers for an administrator to watch.
type Stats struct {
	// Keys are the keys by state, Oldest the longest time that one of them has been in
	// it. Keys of tables and stores do not count: their lives are not ours.
	Keys   map[states.State]int
	Oldest map[states.State]time.Duration
	// Unpublished are the keys that signed, and whose record is not shown any more. Lost
	// are the names of the first of them.
	Unpublished int
	Lost        []string
	// Next is the active key that is rotated next, and NextAt when that is due; "" if
	// nothing is rotated by itself.
	Next   string
	NextAt time.Time
	// NotBegun are the rotations that are due and could not be begun.
	NotBegun int
	// Changed and Failed count changes of records.
	Changed, Failed uint64
}

// maxLost bounds Stats.Lost.
const maxLost = 3

// counts are counters of a Keeper.
type counts struct {
	mu              sync.Mutex
	changed, failed uint64
	notBegun        map[string]bool
}

func (c *counts) add(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed++
	} else {
		c.changed++
	}
}

// begun notes whether a rotation that is due could be begun.
func (c *counts) begun(what string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.notBegun, what)
		return
	}
	if c.notBegun == nil {
		c.notBegun = map[string]bool{}
	}
	c.notBegun[what] = true
}

// Stats returns the numbers after the last step.
func (k *Keeper) Stats() Stats {
	if s := k.stats.Load(); s != nil {
		return *s
	}
	return Stats{}
}

// count takes the numbers.
func (k *Keeper) count() {
	now := k.opt.Now()
	s := &Stats{Keys: map[states.State]int{}, Oldest: map[states.State]time.Duration{}}
	k.opt.States.Each(func(_ string, x states.Key) {
		if x.Type == "" {
			return
		}
		state := x.Now()
		s.Keys[state]++
		if !x.Since.IsZero() {
			s.Oldest[state] = max(s.Oldest[state], now.Sub(x.Since))
		}
		if x.Lost() && x.Problem != "" {
			s.Unpublished++
			s.Lost = append(s.Lost, x.Name)
		}
	})
	slices.Sort(s.Lost)
	s.Lost = s.Lost[:min(len(s.Lost), maxLost)]
	s.Next, s.NextAt = k.next()
	k.counts.mu.Lock()
	s.NotBegun, s.Changed, s.Failed = len(k.counts.notBegun), k.counts.changed, k.counts.failed
	k.counts.mu.Unlock()
	k.stats.Store(s)
}

// next returns the active key that is rotated next, and when that is due.
func (k *Keeper) next() (name string, at time.Time) {
	every := k.opt.Plan.Every
	if every == 0 {
		return "", at
	}
	for _, y := range k.youngest() {
		if due := y.since.Add(every); y.name != "" && (name == "" || due.Before(at) || due.Equal(at) && y.name < name) {
			name, at = y.name, due
		}
	}
	return name, at
}
