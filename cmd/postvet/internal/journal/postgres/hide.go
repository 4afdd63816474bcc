package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// hide takes from a record what names its client. Of one that cannot be read, nothing is left
// that may name it.
func hide(h *rows.Hider, rec *rows.Record) (changed bool) {
	changed, err := h.Hide(rec)
	if err == nil {
		return changed
	}
	for _, c := range []rows.Column{rows.ColClient, rows.ColHelo, rows.ColOverride, rows.ColFacts} {
		changed = changed || len(rec[c].Octets) > 0
		rec[c].Octets = nil
	}
	return changed
}

// isHidden reports whether rows of a day are to name no clients.
func (k *Keep) isHidden(day, now time.Time) bool {
	return k.ClientAfter > 0 && now.Sub(day.AddDate(0, 0, 1)) > k.ClientAfter
}

// hidingTime bounds how long clients are hidden before rows are sent again.
const hidingTime = 20 * time.Second

// hiddenComment is the comment on a partition whose rows name no clients.
const hiddenComment = "names no clients"

// hideClients takes from the rows of days that are old enough what names their clients. It
// reports whether it came to an end.
func hideClients(ctx context.Context, conn *pgx.Conn, now time.Time, keep Keep) (done bool, err error) {
	if keep.ClientAfter <= 0 {
		return true, nil
	}
	days, err := partitionDays(ctx, conn)
	if err != nil {
		return false, err
	}
	end := time.Now().Add(hidingTime)
	for _, day := range slices.Backward(days) {
		if !keep.isHidden(day, now) {
			continue
		}
		for c := range rows.Class(rows.Classes) {
			p := rows.Part{Day: day, Class: c}
			if done, err := hidePart(ctx, conn, p, end); err != nil || !done {
				return false, err
			}
		}
	}
	return true, nil
}

// hidePart hides the clients of a partition.
func hidePart(ctx context.Context, conn *pgx.Conn, p rows.Part, end time.Time) (done bool, err error) {
	var hidden bool
	err = conn.QueryRow(ctx, "SELECT to_regclass($1) IS NULL OR coalesce(obj_description(to_regclass($1), 'pg_class'), '') = $2", partitionOf(p), hiddenComment).Scan(&hidden)
	if err != nil || hidden {
		return hidden, err
	}
	// Rows that come later are hidden before they are sent.
	var hider rows.Hider
	c := &condition{limit: spanRows, last: 1<<63 - 1}
	c.add("day = '" + p.Day.Format(time.DateOnly) + "'")
	c.add("(masklen(client) = CASE family(client) WHEN 4 THEN 32 ELSE 128 END OR helo IS NOT NULL)")
	for {
		if time.Now().After(end) {
			return false, nil
		}
		updates := &pgx.Batch{}
		n, err := c.read(ctx, conn, p, func(_ string, rec *rows.Record) error {
			if !hide(&hider, rec) {
				return nil
			}
			updates.Queue(fmt.Sprintf("UPDATE postvet.%s SET client = $1::text::inet, helo = NULL, override = $2, facts = $3 WHERE day = '%s' AND ref = $4 AND node = $5", p.Class, p.Day.Format(time.DateOnly)),
				orNull(rec[rows.ColClient].Octets), orNull(rec[rows.ColOverride].Octets), slices.Clone(rec[rows.ColFacts].Octets), rec[rows.ColRef].Int, c.node)
			return nil
		})
		if err != nil {
			return false, err
		}
		if updates.Len() > 0 {
			if err := conn.SendBatch(ctx, updates).Close(); err != nil {
				return false, err
			}
		}
		if n < c.limit {
			break
		}
	}
	// Otherwise the old rows would stay in their pages until others need these.
	if err := do(ctx, conn, "VACUUM "+partitionOf(p)); err != nil {
		return false, err
	}
	return true, do(ctx, conn, fmt.Sprintf("COMMENT ON TABLE %s IS '%s'", partitionOf(p), hiddenComment))
}

// orNull returns the text of a column, NULL for none.
func orNull(octets []byte) any {
	if len(octets) == 0 {
		return nil
	}
	return harmless(string(octets))
}
