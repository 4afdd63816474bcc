package reportstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// Address makes deliveries of a report to addresses that have none yet, due at a time: the
// domain names other addresses now.
func (s *Store) Address(ctx context.Context, report string, due time.Time, addresses ...string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		return s.insertDeliveries(ctx, tx, &reports.Report{ID: report, Created: s.now()}, due, addresses)
	})
}

// Taken returns how many deliveries the MTA has taken since a time.
func (s *Store) Taken(ctx context.Context, since time.Time) (n int64, err error) {
	_, err = s.row(ctx, s.db, []any{&n}, "SELECT count(*) FROM postvet.report_delivery WHERE state IN ($1, $2, $3) AND changed_at >= $4",
		string(reports.Queued), string(reports.Done), string(reports.Bounced), micros(since))
	return n, err
}
