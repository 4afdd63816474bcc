package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
)

// ReportSource has the reports that others sent, and those that we send.
type ReportSource interface {
	// Reports returns the store of reports, ErrNoReports if none are kept.
	Reports(ctx context.Context) (ReportReader, error)
	// Senders says who sends as one of our domains, by the reports that came. It waits for
	// their reading within a time, and says how far that is.
	Senders(ctx context.Context, domain string, within time.Duration) (Senders, error)
	// KnownSenders says the same by what was read some minutes ago, and waits for no reading.
	KnownSenders(ctx context.Context, domain string) (Senders, error)
}

// Senders is what the reports about a domain say.
type Senders struct {
	// Summary is nil if no report about it came. If not Complete, newer reports may be
	// missing, or all of them.
	Summary *sources.Summary
	// Complete is false while the reports are being read.
	Complete bool
	// Searched is since when the reports of the time are read; zero if all of them are, or
	// none yet.
	Searched time.Time
}

// ReportReader reads reports. [*reportstore.Store] is one.
type ReportReader interface {
	Received(ctx context.Context, f reports.ReceivedFilter, each func(*reports.Received) error) error
	Deliveries(ctx context.Context, q reportstore.Query) ([]reportstore.Sent, error)
	Reports(ctx context.Context, q reportstore.Query) ([]reports.Report, error)
	Suppressions(ctx context.Context) ([]reports.Suppression, error)
}

// noReports is the problem of pages about reports while none are kept.
var noReports = &problem{
	Status: http.StatusNotFound, Title: "No reports are kept",
	Text: "Other mail servers report how mail in your name fares, to the address that your DMARC record names. Postvet reports to others in the same way. " +
		"Write these lines into the configuration, with the address of your DMARC record, and restart the service.",
	Paste: "[report]\n# the address of rua= in your DMARC records\ninbox = [\"dmarc@example.org\"]\n# count messages for reports to others; send = \"known\" sends them too\ncollect = true",
	page:  "Received", unset: true,
}

// ErrNoReports is what a Source returns for what only a store of reports knows while there is
// none.
var ErrNoReports error = noReports

// reportStore returns the store of reports.
func (h *Handler) reportStore(q *request) (ReportReader, error) {
	s, err := h.opt.Source.Reports(q.ctx)
	if errors.Is(err, ErrNoReports) && h.facts(q).Journal.Directory == "" { // reports are kept beside the journal
		p := *noReports
		p.Paste = strings.Replace(p.Paste, "[report]\n", "[report]\ndirectory = \"/var/lib/postvet/reports\"\n", 1)
		err = &p
	}
	return s, h.unreadableReports(q, err)
}

// unreadableReports returns an error of the store of reports with a remedy, unless it has one;
// nil for none.
func (h *Handler) unreadableReports(q *request, err error) error {
	var p *problem
	switch {
	case err == nil || errors.As(err, &p) || errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{
			Status: http.StatusServiceUnavailable, Title: "The store of reports does not answer in time",
			Text: "Mail is not affected. Look at PostgreSQL if the journal has one (journal.postgres), and else at the disk. This page works again when the store does.",
		}
	}
	h.opt.Logger.Warn("a page could not be made", zap.String("path", q.http.URL.Path), zap.Error(err))
	return &problem{
		Status: http.StatusServiceUnavailable, Title: "The store of reports cannot be read",
		Text:  "Mail is not affected. The log of the service says why; so does this command:",
		Paste: "postvet report received",
	}
}
