package metrics

import "github.com/prometheus/client_golang/prometheus"

// PeerStats are the snapshots of the DNS cache that went to other machines and came from
// them.
type PeerStats struct {
	// Answers are those that were taken over, from the Loaded snapshots.
	Answers, Loaded, Failed int64
	Sent, Refused           int64
}

var (
	peerAnswers = prometheus.NewDesc("postvet_dns_peer_answers_total", "Answers loaded from the caches of other machines.", nil, nil)
	peerFetches = prometheus.NewDesc("postvet_dns_peer_fetches_total", "Snapshots of the caches of other machines, by how the attempt to load them ended.", []string{"result"}, nil)
	peerExports = prometheus.NewDesc("postvet_dns_peer_snapshots_total", "Snapshots of our cache that were asked for, by how that ended.", []string{"result"}, nil)
)

// peerDescs are those of collectPeers.
var peerDescs = []*prometheus.Desc{peerAnswers, peerFetches, peerExports}

// WatchPeers sets where to read the numbers of the exchange with other machines.
func (m *Metrics) WatchPeers(read func() PeerStats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peers = read
}

func collectPeers(out chan<- prometheus.Metric, s *PeerStats) {
	out <- value(peerAnswers, prometheus.CounterValue, float64(s.Answers))
	out <- value(peerFetches, prometheus.CounterValue, float64(s.Loaded), "done")
	out <- value(peerFetches, prometheus.CounterValue, float64(s.Failed), "failed")
	out <- value(peerExports, prometheus.CounterValue, float64(s.Sent), "sent")
	out <- value(peerExports, prometheus.CounterValue, float64(s.Refused), "failed")
}
