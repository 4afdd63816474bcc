package service

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
)

// Reports implements web.ReportSource.
func (s webSource) Reports(ctx context.Context) (web.ReportReader, error) {
	if !s.d.reports.store.used() {
		return nil, web.ErrNoReports
	}
	store, err := s.d.reports.store.get(ctx)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// used reports whether there is a store.
func (r *reportStore) used() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.options.File != "" || r.options.DSN != ""
}

// The bounds of what a page reads of the reports about one domain.
const (
	sendersTime    = 30 * 24 * time.Hour
	sendersReports = 3000
)

// Senders implements web.ReportSource. Only reports count for which somebody vouches.
func (s webSource) Senders(ctx context.Context, domain string) (*sources.Summary, error) {
	store, err := s.Reports(ctx)
	if err != nil {
		return nil, err
	}
	sink := sources.NewSink(domain, func(*received.Report) {})
	left := 0
	f := reports.ReceivedFilter{Kind: reports.ReceivedAggregate, Domain: domain, Since: time.Now().Add(-sendersTime), Limit: sendersReports, Documents: true}
	err = store.Received(ctx, f, func(r *reports.Received) error {
		if !r.Trusted() {
			left++
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return received.Replay(r, sink)
	})
	if err != nil || sink.Reports == 0 {
		return nil, err
	}
	sum := sink.Analysis.Summary(nil)
	sum.Unproven = left
	return sum, nil
}
