package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/policy/reporting"
)

var (
	reportDropped = prometheus.NewDesc("postvet_report_dropped_total", "Messages that should be in a DMARC report and are in none, by reason.", []string{"why"}, nil)
	reportSkipped = prometheus.NewDesc("postvet_report_skipped_total", "Messages that belong into no DMARC report, by reason.", []string{"why"}, nil)
	reportFlush   = prometheus.NewDesc("postvet_report_flush_seconds", "Time that the store took for messages that were counted for DMARC reports.", nil, nil)
)

// reportDescs are those of collectReports.
var reportDescs = []*prometheus.Desc{reportDropped, reportSkipped, reportFlush}

// WatchReports sets where to read the numbers of what is counted for reports.
func (m *Metrics) WatchReports(read func() reportcount.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reports = read
}

// collectReports sends the metrics of reports that have a label.
func collectReports(out chan<- prometheus.Metric, s *reportcount.Stats) {
	for _, why := range reportcount.Whys() {
		out <- value(reportDropped, prometheus.CounterValue, float64(s.Dropped[why]), string(why))
	}
	for _, why := range reporting.Skips() {
		out <- value(reportSkipped, prometheus.CounterValue, float64(s.Skipped[why]), string(why))
	}
	m, err := prometheus.NewConstSummary(reportFlush, uint64(s.Flushes), s.FlushSeconds, nil)
	if err != nil {
		m = prometheus.NewInvalidMetric(reportFlush, err)
	}
	out <- m
}

// reportSeries are the metrics of reports without a label.
var reportSeries = []series{
	counter("postvet_report_rows_total", "Messages that the store has counted for DMARC reports.",
		func(s *snapshot) float64 { return float64(s.Reports.Rows) }),
	counter("postvet_report_folded_total", "Messages that DMARC reports tell with less detail, since there are too many rows.",
		func(s *snapshot) float64 { return float64(s.Reports.Folded) }),
	counter("postvet_report_late_total", "Messages that are in the DMARC report of a later day, since that of theirs was closed.",
		func(s *snapshot) float64 { return float64(s.Reports.Late) }),
	gauge("postvet_report_keys", "Rows for DMARC reports that wait for the store.",
		func(s *snapshot) float64 { return float64(s.Reports.Keys) }),
	gauge("postvet_report_store_failing", "1 while the store takes no rows for DMARC reports; mail is not affected.",
		func(s *snapshot) float64 { return truth(s.Reports.Trouble != "") }),
}
