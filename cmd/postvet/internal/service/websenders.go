package service

import (
	"context"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// Series implements web.CountSource.
func (s webSource) Series(ctx context.Context, _ access.User, q counts.SeriesQuery) (counts.Series, error) {
	j := &s.d.journal
	if j.reader == nil {
		return counts.Series{}, web.ErrNoJournal
	}
	s.d.flushJournal(ctx)
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	return j.reader.Series(ctx, q)
}
