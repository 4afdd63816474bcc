package service

import (
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
)

// pastCounts are the counts of counters that have ended. Counters of the metrics never
// fall.
type pastCounts struct {
	mu  sync.Mutex
	sum reportcount.Stats
}

func (p *pastCounts) add(s reportcount.Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum = p.sum.Plus(s)
}

// reportStats returns the counts of messages for reports.
func (d *daemon) reportStats() reportcount.Stats {
	p := &d.reports.past
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum.Plus(d.reports.counter.Load().Stats())
}
