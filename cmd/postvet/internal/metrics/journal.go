package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	journalcounts "github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// JournalStats are the counts of the journal and the size of its files.
type JournalStats struct {
	journal.Stats
	// Bytes is the size of all files, and Oldest the beginning of the oldest day.
	Bytes  int64
	Oldest time.Time
	// Shipping are the counts of what is sent to a database; zero without one.
	Shipping postgres.Stats
	// KnownDomains and KnownForwarders are what was learned from genuine mail.
	KnownDomains, KnownForwarders int
	// PatternFailures counts the attempts to write that which failed.
	PatternFailures uint64
}

var (
	journalRows    = prometheus.NewDesc("postvet_journal_rows_total", "Messages that were written into the journal, by class.", []string{"class"}, nil)
	journalOther   = prometheus.NewDesc("postvet_journal_other_names_total", "Messages that were counted without their name, since there were too many names in the hour, by kind of name.", []string{"kind"}, nil)
	journalDropped = prometheus.NewDesc("postvet_journal_dropped_total", "Messages that found no room on their way into the journal, by class.", []string{"class"}, nil)

	journalShipped   = prometheus.NewDesc("postvet_journal_shipped_rows_total", "Messages that were sent from the journal to PostgreSQL, by class.", []string{"class"}, nil)
	journalUnshipped = prometheus.NewDesc("postvet_journal_unshipped_rows_total", "Messages that were removed from the journal before they were sent to PostgreSQL, by class.", []string{"class"}, nil)
)

// journalDescs are those of collectJournal.
var journalDescs = []*prometheus.Desc{journalRows, journalDropped, journalOther, journalShipped, journalUnshipped}

// WatchJournal sets where to read the numbers of the journal.
func (m *Metrics) WatchJournal(read func() JournalStats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.journal = read
}

// collectJournal sends the metrics of the journal that have a label.
func collectJournal(out chan<- prometheus.Metric, s *JournalStats) {
	for c := range rows.Class(rows.Classes) {
		out <- value(journalRows, prometheus.CounterValue, float64(s.Written[c]), c.String())
		out <- value(journalDropped, prometheus.CounterValue, float64(s.Dropped[c]), c.String())
	}
	for k := range journalcounts.Kind(journalcounts.Kinds) {
		out <- value(journalOther, prometheus.CounterValue, float64(s.Other[k]), k.String())
	}
	for c := range rows.Class(rows.Classes) {
		out <- value(journalShipped, prometheus.CounterValue, float64(s.Shipping.Shipped[c]), c.String())
		out <- value(journalUnshipped, prometheus.CounterValue, float64(s.Shipping.Lost[c]), c.String())
	}
}

// journalSeries are the metrics of the journal without a label.
var journalSeries = []series{
	gauge("postvet_journal_failing", "1 while the journal cannot be written; mail is not affected.",
		func(s *snapshot) float64 { return truth(s.Journal.Failing != "") }),
	counter("postvet_journal_write_failures_total", "Attempts to write into the journal that failed.",
		func(s *snapshot) float64 { return float64(s.Journal.Failures) }),
	counter("postvet_journal_write_seconds_total", "Time that was spent on writing into the journal.",
		func(s *snapshot) float64 { return s.Journal.Writing.Seconds() }),
	counter("postvet_journal_uncounted_total", "Messages that were dropped before they could be counted.",
		func(s *snapshot) float64 { return float64(s.Journal.Missing) }),
	counter("postvet_journal_records_dropped_total", "DNS records that were not kept beside the journal, since there were too many new ones in the hour.",
		func(s *snapshot) float64 { return float64(s.Journal.RecordsDropped) }),
	gauge("postvet_journal_waiting_bytes", "Size of the messages that wait to be written into the journal.",
		func(s *snapshot) float64 { return float64(s.Journal.Waiting) }),
	gauge("postvet_journal_bytes", "Size of the journal's files.",
		func(s *snapshot) float64 { return float64(s.Journal.Bytes) }),
	gauge("postvet_journal_oldest_timestamp_seconds", "The beginning of the oldest day in the journal, 0 if there is none.",
		func(s *snapshot) float64 { return unix(s.Journal.Oldest) }),
	gauge("postvet_journal_ship_lag_seconds", "Age of the oldest message in the journal that may not be in PostgreSQL, 0 without it.",
		func(s *snapshot) float64 { return s.Journal.Shipping.Lag.Seconds() }),
	counter("postvet_journal_ship_failures_total", "Attempts to send the journal to PostgreSQL that failed.",
		func(s *snapshot) float64 { return float64(s.Journal.Shipping.Failures) }),
	gauge("postvet_journal_ship_failing", "1 while the journal cannot be sent to PostgreSQL; neither mail nor the journal is affected.",
		func(s *snapshot) float64 { return truth(s.Journal.Shipping.Trouble != "") }),
	gauge("postvet_patterns_domains", "Domains of which enough genuine mail came to know how it looks.",
		func(s *snapshot) float64 { return float64(s.Journal.KnownDomains) }),
	gauge("postvet_patterns_forwarders", "Networks that are known as forwarders from genuine mail.",
		func(s *snapshot) float64 { return float64(s.Journal.KnownForwarders) }),
	counter("postvet_patterns_write_failures_total", "Attempts to write what was learned from genuine mail that failed; it is tried again each hour.",
		func(s *snapshot) float64 { return float64(s.Journal.PatternFailures) }),
}
