package watch

import (
	"maps"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// Stats are numbers of a watcher.
type Stats struct {
	// Checks are the inspections by their verdicts, and Events what was told by its kind.
	Checks map[finding.Verdict]uint64
	Events map[Kind]uint64
	// Mails and MailsFailed count attempts to send mail.
	Mails, MailsFailed uint64
	// Domains are the domains by their verdicts, "" for those that were not inspected yet.
	Domains map[finding.Verdict]int
	// Errors are the errors of each domain that is watched.
	Errors map[string]int
	// Checked is when a domain was inspected last.
	Checked time.Time
	// Unsaved and Unsent say why the state is not saved and mail not sent, "" if they are.
	Unsaved, Unsent string
	// Oldest is the longest time since a domain was inspected without failed lookups.
	Oldest time.Duration
}

// Stats returns the numbers now.
func (w *Watcher) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Checks, s.Events = maps.Clone(s.Checks), maps.Clone(s.Events)
	s.Checked, s.Unsaved, s.Unsent, s.Oldest = time.Time{}, w.unsaved, w.unsent, 0
	s.Domains, s.Errors = map[finding.Verdict]int{}, map[string]int{}
	for _, name := range w.names {
		d := w.state.Domains[name]
		s.Domains[d.Verdict]++
		s.Errors[name] = d.Errors
		s.Checked = later(s.Checked, d.Checked)
		s.Oldest = max(s.Oldest, time.Since(later(d.Determined, w.began)))
	}
	return s
}
