package reportstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// Counts are what the metrics have of a store.
type Counts struct {
	// Records is how many records there are at most, and Subjects how many subjects were
	// not ended, by progress.
	Records  int64
	Subjects map[Progress]int64
	// Deliveries are those that are kept, by state.
	Deliveries map[reports.State]int64
	// Suppressed are the suppressions that have not ended.
	Suppressed int64
	// Waiting is the creation of the oldest report that is not at its end; zero if there
	// is none. LastSuccess is when the MTA took one last.
	Waiting, LastSuccess time.Time
}

// Counts returns the present counts.
func (s *Store) Counts(ctx context.Context) (Counts, error) {
	c := Counts{Subjects: map[Progress]int64{}, Deliveries: map[reports.State]int64{}}
	if _, err := s.row(ctx, s.db, []any{&c.Records}, "SELECT value FROM postvet.report_number WHERE name = 'records'"); err != nil {
		return c, err
	}
	err := s.each(ctx, s.db, func(rows *sql.Rows) error {
		var p Progress
		var n int64
		err := rows.Scan(&p, &n)
		c.Subjects[p] = n
		return err
	}, "SELECT state, count(*) FROM postvet.report_subject WHERE state IN ('open', 'closed') GROUP BY state")
	if err != nil {
		return c, err
	}
	var last int64
	err = s.each(ctx, s.db, func(rows *sql.Rows) error {
		var state reports.State
		var n, changed int64
		err := rows.Scan(&state, &n, &changed)
		c.Deliveries[state] = n
		if state == reports.Queued || state == reports.Done {
			last = max(last, changed)
		}
		return err
	}, "SELECT state, count(*), max(changed_at) FROM postvet.report_delivery GROUP BY state")
	if err != nil {
		return c, err
	}
	c.LastSuccess = timeOf(last)
	var oldest int64
	_, err = s.row(ctx, s.db, []any{&oldest}, `SELECT coalesce(min(r.created_at), 0) FROM postvet.report_delivery d JOIN postvet.report_sent r ON r.id = d.report
		WHERE d.state IN ('new', 'sending', 'deferred')`)
	if err != nil {
		return c, err
	}
	c.Waiting = timeOf(oldest)
	_, err = s.row(ctx, s.db, []any{&c.Suppressed}, "SELECT count(*) FROM postvet.report_suppression WHERE until_at = 0 OR until_at > $1", micros(s.now()))
	return c, err
}
