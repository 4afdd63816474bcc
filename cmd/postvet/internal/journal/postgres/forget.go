package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

// Forget removes the rows that a query selects from the files of a node and from the
// database, and returns how many. If the database cannot be used, nothing is removed.
func (d *Database) Forget(ctx context.Context, local *sqlite.Reader, node string, q rows.Query) (n int, err error) {
	days := map[time.Time][]int64{}
	err = local.Each(ctx, q, func(r *rows.Row) error {
		day := r.Ref.Time().Truncate(24 * time.Hour)
		days[day] = append(days[day], int64(r.Ref))
		return nil
	})
	if err != nil {
		return 0, err
	}
	if err := d.remove(ctx, node, q, days); err != nil {
		return 0, fmt.Errorf("nothing is forgotten, as it cannot be in PostgreSQL too: %w", err)
	}
	if n, err = local.Forget(ctx, q); err != nil {
		return n, err
	}
	// What was being sent is there now.
	if err := d.remove(ctx, node, q, days); err != nil {
		return n, fmt.Errorf("messages that were being sent may be left in PostgreSQL: %w", err)
	}
	return n, nil
}

// remove removes rows of a node. With a domain, it also removes what this node learned of it.
// It waits for a batch that is being sent.
func (d *Database) remove(ctx context.Context, node string, q rows.Query, days map[time.Time][]int64) error {
	conn, err := d.Connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fault(err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // fails after a commit
	if _, err := tx.Exec(ctx, "SELECT FROM postvet.node WHERE name = $1 FOR UPDATE", node); err != nil {
		return fault(err)
	}
	for day, refs := range days {
		for c := range rows.Class(rows.Classes) {
			_, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM postvet.%s WHERE day = '%s' AND ref = ANY($1) AND node = (SELECT id FROM postvet.node WHERE name = $2)", c, day.Format(time.DateOnly)), refs, node)
			if err != nil {
				return fault(err)
			}
		}
	}
	if q.Domain != "" && q.Since.IsZero() && q.Until.IsZero() {
		if _, err := tx.Exec(ctx, "DELETE FROM postvet.pattern WHERE node = (SELECT id FROM postvet.node WHERE name = $1) AND (org = $2 OR right(org, $3) = $4)", node, harmless(q.Domain), len(q.Domain)+1, harmless("."+q.Domain)); err != nil {
			return fault(err)
		}
	}
	return fault(tx.Commit(ctx))
}
