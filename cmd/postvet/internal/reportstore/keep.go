package reportstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// Removed says how much was removed.
type Removed struct {
	// Messages were in no report yet.
	Messages int64
	Records  int64
	Subjects int64
	Reports  int64
	// Deliveries are those of the reports, or to an address that is forgotten.
	Deliveries   int64
	Suppressions int64
	// Received are reports of others.
	Received int64
}

// keepStrikes is how long a suppression that has ended is kept for its strikes.
const keepStrikes = 400 * 24 * time.Hour

// Retain removes what is older than a time: counts that no report was written of, reports
// all of whose deliveries are final, and reports of others. It is to be called once a day.
func (s *Store) Retain(ctx context.Context, keep time.Duration) (Removed, error) {
	now, err := s.time(ctx, s.db)
	if err != nil {
		return Removed{}, err
	}
	before := now - keep.Microseconds()
	last := int64(reports.DayOf(time.UnixMicro(before)))
	// The days on which a domain was seen are asked for so long.
	history := min(last, int64(reports.DayOf(time.UnixMicro(now)))-historyDays)
	var r Removed
	err = s.write(ctx, func(tx *sql.Tx) error {
		r = Removed{}
		_, err := s.exec(ctx, tx, "UPDATE postvet.report_subject SET state = 'skipped', why = 'too old' WHERE day < $1 AND state IN ('open', 'closed')", last)
		if err != nil {
			return err
		}
		if err := s.removeMessages(ctx, tx, &r, "day < ?", last); err != nil {
			return err
		}
		old := `created_at < ? AND NOT EXISTS (SELECT 1 FROM postvet.report_delivery u WHERE u.report = report_sent.id AND u.state IN ('new', 'sending', 'deferred', 'queued'))`
		if err := s.removeReports(ctx, tx, &r, old, before); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, &r.Subjects, "report_subject", "day < ?", history); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, nil, "report_policy", "last_day < ? AND NOT EXISTS (SELECT 1 FROM postvet.report_subject h WHERE h.policy = report_policy.id)", history-1); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, nil, "report_writer", "added_at < ?", before); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, &r.Received, "report_received", "last_at < ?", before); err != nil {
			return err
		}
		return s.remove(ctx, tx, &r.Suppressions, "report_suppression", "until_at > 0 AND until_at < ?", now-keepStrikes.Microseconds())
	})
	return r, err
}

// remove removes the rows of a table that meet a condition.
func (s *Store) remove(ctx context.Context, tx *sql.Tx, n *int64, table, condition string, args ...any) error {
	w := newWhere(condition, args...)
	some, err := s.exec(ctx, tx, "DELETE FROM postvet."+table+w.String(), w.args...)
	if n != nil {
		*n += some
	}
	return err
}

// removeMessages removes counts.
func (s *Store) removeMessages(ctx context.Context, tx *sql.Tx, r *Removed, condition string, args ...any) error {
	w := newWhere(condition, args...)
	var n, messages int64
	_, err := s.row(ctx, tx, []any{&n, &messages}, "SELECT count(*), CAST(coalesce(sum(n), 0) AS bigint) FROM postvet.report_count"+w.String(), w.args...)
	if err != nil || n == 0 {
		return err
	}
	r.Records += n
	r.Messages += messages
	return s.removeCounts(ctx, tx, w)
}

// removeReports removes reports with their deliveries.
func (s *Store) removeReports(ctx context.Context, tx *sql.Tx, r *Removed, condition string, args ...any) error {
	var ids []string
	w := newWhere(condition, args...)
	err := s.each(ctx, tx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT id FROM postvet.report_sent"+w.String(), w.args...)
	for _, id := range ids {
		if err == nil {
			err = s.remove(ctx, tx, &r.Deliveries, "report_delivery", "report = ?", id)
		}
		if err == nil {
			err = s.remove(ctx, tx, &r.Reports, "report_sent", "id = ?", id)
		}
	}
	return err
}

var errForget = errors.New("an address, or a domain, is needed")

// Forget removes all that is about a policy domain, or all deliveries to an address. With
// pages of SQLite that are written anew, and in time also those of PostgreSQL, no trace is
// left. A report under way to a forgotten address is not sent.
func (s *Store) Forget(ctx context.Context, domainOrAddress string) (Removed, error) {
	what := strings.ToLower(domainOrAddress)
	var r Removed
	if strings.Trim(what, "@.") == "" {
		return r, errForget
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		r = Removed{}
		if s.isFile {
			if _, err := tx.ExecContext(ctx, "PRAGMA secure_delete = 1"); err != nil {
				return s.fault(err)
			}
		}
		if strings.Contains(what, "@") {
			if err := s.remove(ctx, tx, &r.Deliveries, "report_delivery", "lower(address) = ?", what); err != nil {
				return err
			}
			return s.remove(ctx, tx, &r.Suppressions, "report_suppression", "address = ?", what)
		}
		policies := "(SELECT id FROM postvet.report_policy WHERE domain = ?)"
		// A caller that adds rows waits for the subjects.
		if err := s.remove(ctx, tx, &r.Subjects, "report_subject", "policy IN "+policies, what); err != nil {
			return err
		}
		if err := s.removeMessages(ctx, tx, &r, "policy IN "+policies, what); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, nil, "report_policy", "domain = ?", what); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, &r.Received, "report_received", "domain = ?", what); err != nil {
			return err
		}
		return s.removeReports(ctx, tx, &r, "domain = ?", what)
	})
	return r, err
}
