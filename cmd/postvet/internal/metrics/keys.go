package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
)

// KeyStats are the keys that sign.
type KeyStats struct {
	// Keys are the keys by state, Oldest the longest time that one has been in it.
	Keys   map[states.State]int
	Oldest map[states.State]time.Duration
	// Unpublished are keys that signed and are not shown any more, NotBegun rotations that
	// are due and could not be begun.
	Unpublished, NotBegun int
	// Changed and Failed count changes of records.
	Changed, Failed uint64
}

var (
	keysByState = prometheus.NewDesc("postvet_keys", "Keys that sign mail, by where they are in their lives.", []string{"state"}, nil)
	oldestKey   = prometheus.NewDesc("postvet_key_oldest_seconds", "The longest time that a key has been in a state, 0 without a key.", []string{"state"}, nil)
	keyRecords  = prometheus.NewDesc("postvet_key_records_total", "Changes of the records of keys by sign.publish, by how they ended.", []string{"result"}, nil)
)

// keyDescs are those of collectKeys.
var keyDescs = []*prometheus.Desc{keysByState, oldestKey, keyRecords}

// WatchKeys sets where to read the numbers of the keys.
func (m *Metrics) WatchKeys(read func() KeyStats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys = read
}

// collectKeys sends the metrics of keys that have a label.
func collectKeys(out chan<- prometheus.Metric, s *KeyStats) {
	for _, state := range states.All() {
		out <- value(keysByState, prometheus.GaugeValue, float64(s.Keys[state]), string(state))
		out <- value(oldestKey, prometheus.GaugeValue, s.Oldest[state].Seconds(), string(state))
	}
	out <- value(keyRecords, prometheus.CounterValue, float64(s.Changed), "done")
	out <- value(keyRecords, prometheus.CounterValue, float64(s.Failed), "failed")
}
