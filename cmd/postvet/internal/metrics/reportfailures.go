package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/cmd/postvet/internal/reportfailures"
	"github.com/postvet/postvet/policy/reporting"
)

var (
	failureDropped = prometheus.NewDesc("postvet_report_failure_dropped_total", "Messages that failed DMARC and are in no failure report although their domain asks for one, by reason.", []string{"why"}, nil)
	failureSkipped = prometheus.NewDesc("postvet_report_failure_skipped_total", "Messages without a failure report, by reason.", []string{"why"}, nil)
)

// failureDescs are those of collectFailures.
var failureDescs = []*prometheus.Desc{failureDropped, failureSkipped}

// WatchFailures sets where to read the numbers of failure reports.
func (m *Metrics) WatchFailures(read func() reportfailures.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures = read
}

// collectFailures sends the metrics of failure reports that have a label.
func collectFailures(out chan<- prometheus.Metric, s *reportfailures.Stats) {
	for _, why := range reportfailures.Whys() {
		out <- value(failureDropped, prometheus.CounterValue, float64(s.Dropped[why]), string(why))
	}
	for _, why := range reporting.FailureSkips() {
		out <- value(failureSkipped, prometheus.CounterValue, float64(s.Skipped[why]), string(why))
	}
}

// failureSeries are the metrics of failure reports without a label.
var failureSeries = []series{
	counter("postvet_report_failures_total", "Failure reports that went into the outbox.",
		func(s *snapshot) float64 { return float64(s.Failures.Reports) }),
	counter("postvet_report_failure_incidents_total", "Messages that failure reports were begun or counted for.",
		func(s *snapshot) float64 { return float64(s.Failures.Incidents) }),
	gauge("postvet_report_failures_open", "Failure reports that failures are still added to.",
		func(s *snapshot) float64 { return float64(s.Failures.Open) }),
}
