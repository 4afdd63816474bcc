package service

import (
	"context"

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
