package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/cmd/postvet/internal/reportinbox"
)

var reportReceived = prometheus.NewDesc("postvet_report_received_total", "Reports of others, and bounces of our reports, that came by mail, by kind and by what became of them.", []string{"kind", "result"}, nil)

// WatchInbox sets where to read the numbers of what comes by mail to the reports.
func (m *Metrics) WatchInbox(read func() reportinbox.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inbox = read
}

// collectInbox sends the metrics of what comes by mail that have labels.
func collectInbox(out chan<- prometheus.Metric, s *reportinbox.Stats) {
	for _, c := range reportinbox.AllCounted() {
		out <- value(reportReceived, prometheus.CounterValue, float64(s.Counts[c]), string(c.Kind), string(c.Result))
	}
}

// inboxSeries are the metrics of what comes by mail without a label.
var inboxSeries = []series{
	gauge("postvet_report_inbox_waiting", "Messages that wait to be read as reports.",
		func(s *snapshot) float64 { return float64(s.Inbox.Waiting) }),
	gauge("postvet_report_inbox_bytes", "Memory of copies of messages for the reports, at most 64 MB.",
		func(s *snapshot) float64 { return float64(s.Inbox.Octets) }),
}
