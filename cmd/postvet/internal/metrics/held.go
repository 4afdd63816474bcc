package metrics

import "github.com/prometheus/client_golang/prometheus"

// HeldStats are numbers of held mail.
type HeldStats struct {
	// Today is how many messages were held today; Over is how many were not, since a cap
	// was reached, by the cap.
	Today int
	Over  map[string]uint64
	// Digests are the mails that list held mail, by how the attempt to hand them over
	// ended.
	Digests map[string]uint64
}

var (
	heldToday   = prometheus.NewDesc("postvet_held_today", "Messages that were held since midnight of UTC, or since the start if that was later and no journal has what was before.", nil, nil)
	heldOver    = prometheus.NewDesc("postvet_held_over_total", "Messages that were not held since policy.hold_per_day or hold_per_domain was reached, by the cap.", []string{"cap"}, nil)
	heldDigests = prometheus.NewDesc("postvet_held_digests_total", "Mails that list held mail, by how the attempt to hand them over ended.", []string{"result"}, nil)
)

// heldDescs are those of collectHeld.
var heldDescs = []*prometheus.Desc{heldToday, heldOver, heldDigests}

// WatchHeld sets where to read the numbers of held mail.
func (m *Metrics) WatchHeld(read func() HeldStats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = read
}

// collectHeld sends the metrics of held mail.
func collectHeld(out chan<- prometheus.Metric, s *HeldStats) {
	out <- value(heldToday, prometheus.GaugeValue, float64(s.Today))
	for _, cap := range []string{"day", "domain"} {
		out <- value(heldOver, prometheus.CounterValue, float64(s.Over[cap]), cap)
	}
	for _, result := range []string{"sent", "failed"} {
		out <- value(heldDigests, prometheus.CounterValue, float64(s.Digests[result]), result)
	}
}
