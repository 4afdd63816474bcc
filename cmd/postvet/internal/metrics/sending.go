package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
)

var (
	reportOutbox     = prometheus.NewDesc("postvet_report_outbox", "Deliveries of DMARC reports that are kept, by state. In a fleet they are those of all nodes.", []string{"state"}, nil)
	reportDeliveries = prometheus.NewDesc("postvet_report_deliveries_total", "What became of deliveries of DMARC reports at this node, by result.", []string{"result"}, nil)
	reportNotSent    = prometheus.NewDesc("postvet_report_none_total", "Policies of a day about which no DMARC report was made, by reason.", []string{"why"}, nil)
)

// sendingDescs are those of collectSending.
var sendingDescs = []*prometheus.Desc{reportOutbox, reportDeliveries, reportNotSent}

// WatchSending sets where to read the numbers of the reports that are sent.
func (m *Metrics) WatchSending(read func() reportsending.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sending = read
}

// collectSending sends the metrics of sent reports that have a label.
func collectSending(out chan<- prometheus.Metric, s *reportsending.Stats) {
	for _, state := range reports.States() {
		out <- value(reportOutbox, prometheus.GaugeValue, float64(s.Outbox[state]), string(state))
		if state != reports.New && state != reports.Sending {
			out <- value(reportDeliveries, prometheus.CounterValue, float64(s.Results[state]), string(state))
		}
	}
	for _, why := range reportsending.Choices() {
		out <- value(reportNotSent, prometheus.CounterValue, float64(s.NotSent[why]), string(why))
	}
}

// sendingSeries are the metrics of sent reports without a label.
var sendingSeries = []series{
	counter("postvet_report_made_total", "DMARC reports that this node has made.",
		func(s *snapshot) float64 { return float64(s.Sending.Reports) }),
	gauge("postvet_report_suppressed", "Addresses that get no DMARC reports for now.",
		func(s *snapshot) float64 { return float64(s.Sending.Suppressed) }),
	gauge("postvet_report_last_success_timestamp_seconds", "When the MTA last took a DMARC report, 0 if it never did.",
		func(s *snapshot) float64 { return unix(s.Sending.Success) }),
	gauge("postvet_report_oldest_waiting_timestamp_seconds", "When the oldest DMARC report was made that waits to be sent, 0 if there is none.",
		func(s *snapshot) float64 { return unix(s.Sending.Waiting) }),
	gauge("postvet_report_lease_held", "1 while this node makes and sends DMARC reports.",
		func(s *snapshot) float64 { return truth(s.Sending.Lease) }),
	gauge("postvet_report_sending_failing", "1 while DMARC reports cannot be made or sent; they wait.",
		func(s *snapshot) float64 { return truth(s.Sending.Trouble != "") }),
}
