package main

import (
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
)

// observedReports notes the keys and hosts of a domain in the reports that it passes on. The
// numbers of messages are left to the journal: what a report says is not proven.
type observedReports struct {
	*sources.Sink
	domain string
	now    time.Time
	rows   *report.Tally
	staged bool
	out    *inspect.Observed
}

// Record implements [received.Sink].
func (s *observedReports) Record(p received.Place, h *report.Head, r *report.Record) error {
	// A report is about a day. A key may have signed last at the beginning of it.
	if s.Analysis.Concerns(h) && h.Begin.After(s.now.Add(-domainhistory.ObservedTime)) && !h.Begin.After(s.now) {
		s.rows.Add(r)
		s.staged = true
	}
	return s.Sink.Record(p, h, r)
}

// End implements [received.Sink].
func (s *observedReports) End(r *received.Report) error {
	if s.staged {
		if r.Err == nil && r.DuplicateOf == nil && r.Kind == received.Aggregate {
			for rec := range s.rows.Records() {
				s.note(rec, r.Aggregate.Head.Begin)
			}
		}
		s.rows, s.staged = report.NewTally(sources.MaxStaged), false
	}
	return s.Sink.End(r)
}

// note notes the messages of a row.
func (s *observedReports) note(r *report.Record, at time.Time) {
	for _, d := range r.DKIM {
		if domain, ok := message.NormalizeDomain(d.Domain); ok && domain == s.domain && d.Result == "pass" && d.Selector != "" {
			s.out.Signature(inspect.Reports, d.Selector, at)
		}
	}
	if from, ok := message.NormalizeDomain(r.HeaderFrom); ok && from == s.domain && r.SPFAligned {
		s.out.Host(inspect.Reports, r.Source, "", r.Count)
	}
}
