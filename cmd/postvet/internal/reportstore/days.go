package reportstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// When the subjects of a day are closed.
const (
	// grace is how long after midnight, by its own clock, a node must have added all.
	grace = 2 * time.Second
	// dead is how long a node that says nothing is waited for.
	dead = 10 * time.Minute
)

// Heartbeat says that a node is alive and has added all messages before a time, by its own
// clock. A node that adds calls it at least once a minute, and soon after midnight (UTC).
func (s *Store) Heartbeat(ctx context.Context, node string, flushed time.Time) error {
	seen, err := s.time(ctx, s.db)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, s.db, `INSERT INTO postvet.report_node (name, flushed_at, seen_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET flushed_at = excluded.flushed_at, seen_at = excluded.seen_at`, node, micros(flushed), seen)
	return err
}

// Leave says that a node has added all it has, and adds nothing until its next Heartbeat.
func (s *Store) Leave(ctx context.Context, node string) error {
	_, err := s.exec(ctx, s.db, "DELETE FROM postvet.report_node WHERE name = $1", node)
	return err
}

// CloseDays closes the subjects of all days that are over, so that reports can be written
// about them. It waits for nodes that are alive and have not added all of yesterday:
// then it does nothing and returns their names. Any process may call it at any time.
func (s *Store) CloseDays(ctx context.Context) (closed int64, waiting []string, err error) {
	now, err := s.time(ctx, s.db)
	if err != nil {
		return 0, nil, err
	}
	today := reports.DayOf(time.UnixMicro(now))
	err = s.each(ctx, s.db, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		waiting = append(waiting, name)
		return err
	}, "SELECT name FROM postvet.report_node WHERE seen_at > $1 AND flushed_at < $2 ORDER BY name",
		now-dead.Microseconds(), today.Begin().Add(grace).UnixMicro())
	if err != nil || len(waiting) > 0 {
		return 0, waiting, err
	}
	closed, err = s.exec(ctx, s.db, `WITH due AS MATERIALIZED (SELECT day, policy FROM postvet.report_subject WHERE state = 'open' AND day < $1
			ORDER BY policy, day FOR UPDATE)
		UPDATE postvet.report_subject SET state = 'closed' WHERE (day, policy) IN (SELECT day, policy FROM due)`, int64(today))
	return closed, nil, err
}
