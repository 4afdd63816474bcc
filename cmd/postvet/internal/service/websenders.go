package service

import (
	"context"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// Series implements web.CountSource.
func (s webSource) Series(ctx context.Context, user access.User, q counts.SeriesQuery) (counts.Series, error) {
	if s.d.journal.reader == nil {
		return counts.Series{}, web.ErrNoJournal
	}
	reader, err := s.d.countsFor(ctx, peerOf(user), q.Nodes)
	if err != nil {
		return counts.Series{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	return reader.Series(ctx, q)
}
