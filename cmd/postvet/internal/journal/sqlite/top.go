package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

var _ counts.Reader = (*Reader)(nil)

// Top implements [counts.Reader].
func (r *Reader) Top(ctx context.Context, q counts.Query) (counts.Ranking, error) {
	out := counts.Ranking{Query: q, Lines: []counts.Line{}}
	if err := q.Check(); err != nil {
		return out, err
	}
	out.Query, out.FormerSince = q, q.Since.Add(-q.Until.Sub(q.Since))
	none, err := r.readCounts(ctx, func(c counted) (err error) {
		out, err = counts.RankIn(ctx, c, q)
		return err
	})
	out.Complete = out.Complete || none
	return out, err
}

// Series implements [counts.Reader].
func (r *Reader) Series(ctx context.Context, q counts.SeriesQuery) (counts.Series, error) {
	out := counts.Series{Points: []counts.Point{}}
	if err := q.Check(); err != nil {
		return out, err
	}
	out.Query = q
	none, err := r.readCounts(ctx, func(c counted) (err error) {
		out, err = counts.SeriesIn(ctx, c, q)
		return err
	})
	out.Complete = out.Complete || none
	return out, err
}

// readCounts calls f with a transaction, since all that is read of the counts belongs together.
// If ctx ends meanwhile, the answer is not complete, which is no error. none is true if there
// are no counts yet.
func (r *Reader) readCounts(ctx context.Context, f func(counted) error) (none bool, err error) {
	db, err := openStateReader(ctx, r.keys.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", stateName, err)
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	if err = f(counted{tx}); ctx.Err() != nil {
		err = nil
	}
	return false, err
}
