package sources

import (
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// MaxStaged bounds the different records of one report that are kept until it ends.
const MaxStaged = 100_000

// Sink passes the records of reports on that could be read to their ends. Make it by NewSink.
type Sink struct {
	Analysis *Analysis
	// Unreadable is told of a report that could not be read.
	Unreadable func(*received.Report)

	rows    *report.Tally
	pending bool

	// Reports are those that count, Duplicates and Others those that do not, as they came
	// before, or are about other domains. Unread could not be read.
	Reports, Duplicates, Others, Unread int
	// Left are the messages of records beyond MaxStaged.
	Left int64
}

var _ received.Sink = (*Sink)(nil)

// NewSink returns a sink of the reports about a domain in lower-case A-labels and all below it.
func NewSink(domain string, unreadable func(*received.Report)) *Sink {
	return &Sink{Analysis: New(domain), Unreadable: unreadable, rows: report.NewTally(MaxStaged)}
}

// Record implements [received.Sink].
func (s *Sink) Record(_ received.Place, h *report.Head, r *report.Record) error {
	if s.Analysis.Concerns(h) {
		s.rows.Add(r)
		s.pending = true
	}
	return nil
}

// End implements [received.Sink].
func (s *Sink) End(r *received.Report) error {
	rows := s.rows
	if s.pending {
		s.rows, s.pending = report.NewTally(MaxStaged), false
	}
	switch {
	case r.Err != nil:
		s.Unread++
		s.Unreadable(r)
	case r.DuplicateOf != nil:
		s.Duplicates++
	case r.Kind != received.Aggregate || !s.Analysis.Concerns(&r.Aggregate.Head):
		s.Others++
	default:
		head, any := &r.Aggregate.Head, false
		for rec := range rows.Records() {
			any = s.Analysis.Add(head, rec) || any
		}
		if any || head.Policy.Domain != "" && r.Aggregate.Records > 0 {
			s.Analysis.Report(head)
			s.Reports++
			s.Left += rows.LeftOut()
		}
	}
	return nil
}
