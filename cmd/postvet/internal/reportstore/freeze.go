package reportstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// ErrChanged is the error for a report that does not have all messages of its subject, or
// more.
var ErrChanged = errors.New("the report does not have the messages of its subject; write it anew")

// Freeze keeps the report of a subject that is closed, and makes a delivery for each
// address that is due at a time. It removes the counts of the subject, in the same
// transaction. It returns false, and does nothing, if the subject is not closed: it is
// still open, or somebody else was quicker. Messages must be the sum of all records.
func (s *Store) Freeze(ctx context.Context, r *reports.Report, x reports.Subject, due time.Time, addresses ...string) (created bool, err error) {
	if len(addresses) == 0 {
		return false, fmt.Errorf("the report %s goes to nobody", r.ID)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		created = false
		sum, ended, err := s.finish(ctx, tx, x, SubjectFrozen, "")
		if err != nil || !ended {
			return err
		}
		if sum != r.Messages {
			return fmt.Errorf("%w (%d and %d)", ErrChanged, r.Messages, sum)
		}
		n, err := s.insert(ctx, tx, r, &x)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("there is another report about %s on %s by %s, or one with the ID %s", r.Domain, x.Day, r.Submitter, r.ID)
		}
		created = true
		return s.insertDeliveries(ctx, tx, r, due, addresses)
	})
	return created && err == nil, err
}

// Skip says that there will be no report about a subject that is closed, and removes its
// counts. It returns false if the subject is not closed.
func (s *Store) Skip(ctx context.Context, x reports.Subject, why string) (skipped bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		_, skipped, err = s.finish(ctx, tx, x, SubjectSkipped, why)
		return err
	})
	return skipped && err == nil, err
}

// finish ends a subject and removes its counts. It returns the sum of its messages, and
// whether it was closed.
func (s *Store) finish(ctx context.Context, tx *sql.Tx, x reports.Subject, p Progress, why string) (sum int64, ended bool, err error) {
	n, err := s.exec(ctx, tx, "UPDATE postvet.report_subject SET state = $1, why = $2 WHERE day = $3 AND policy = $4 AND state = 'closed'",
		string(p), why, int64(x.Day), x.ID)
	if err != nil || n == 0 {
		return 0, false, err
	}
	w := newWhere("day = ? AND policy = ?", int64(x.Day), x.ID)
	_, err = s.row(ctx, tx, []any{&sum}, "SELECT CAST(coalesce(sum(n), 0) AS bigint) FROM postvet.report_count"+w.String(), w.args...)
	if err != nil {
		return 0, false, err
	}
	return sum, true, s.removeCounts(ctx, tx, w)
}

// removeCounts removes counts and notes that there are fewer.
func (s *Store) removeCounts(ctx context.Context, tx *sql.Tx, w *where) error {
	n, err := s.exec(ctx, tx, "DELETE FROM postvet.report_count"+w.String(), w.args...)
	if err != nil || n == 0 {
		return err
	}
	_, err = s.exec(ctx, tx, "UPDATE postvet.report_number SET value = CASE WHEN value > $1 THEN value - $1 ELSE 0 END WHERE name = 'records'", n)
	return err
}

// Enqueue keeps a report that has no subject, such as a failure report, and makes a
// delivery for each address. One with the same ID stays as it is: then it returns false.
func (s *Store) Enqueue(ctx context.Context, r *reports.Report, due time.Time, addresses ...string) (created bool, err error) {
	if len(addresses) == 0 {
		return false, fmt.Errorf("the report %s goes to nobody", r.ID)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		n, err := s.insert(ctx, tx, r, nil)
		if created = n > 0; err != nil || !created {
			return err
		}
		return s.insertDeliveries(ctx, tx, r, due, addresses)
	})
	return created && err == nil, err
}

// insert inserts a report, unless there is one like it.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, r *reports.Report, x *reports.Subject) (int64, error) {
	var policy, day sql.NullInt64
	if x != nil {
		policy, day = sql.NullInt64{Int64: x.ID, Valid: true}, sql.NullInt64{Int64: int64(x.Day), Valid: true}
	}
	return s.exec(ctx, tx, `INSERT INTO postvet.report_sent (id, kind, domain, policy, day, begin_at, end_at, submitter, created_at, records, messages, document)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
		r.ID, string(r.Kind), r.Domain, policy, day, micros(r.Begin), micros(r.End), r.Submitter, micros(r.Created), r.Records, r.Messages, r.Document)
}

// insertDeliveries inserts a delivery for each address, once.
func (s *Store) insertDeliveries(ctx context.Context, tx *sql.Tx, r *reports.Report, due time.Time, addresses []string) error {
	for _, address := range addresses {
		_, err := s.exec(ctx, tx, `INSERT INTO postvet.report_delivery (report, address, host, token, state, next_at, changed_at)
			VALUES ($1, $2, $3, $4, 'new', $5, $6) ON CONFLICT (report, address) DO NOTHING`,
			r.ID, address, hostOf(address), newToken(), micros(due), micros(r.Created))
		if err != nil {
			return err
		}
	}
	return nil
}

// hostOf returns the domain of an address in lower case.
func hostOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// tokenLength is the length of a token: 80 bits that nobody guesses.
const tokenLength = 16

func newToken() string { return strings.ToLower(rand.Text()[:tokenLength]) }
