package reportstore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// addressKey returns an address as it is compared: all in lower case, since no mailbox is
// known to depend on it.
func addressKey(address string) string { return strings.ToLower(address) }

// Suppress has an address, or all of a domain, get no reports. It takes the place of what
// was there for it.
func (s *Store) Suppress(ctx context.Context, x reports.Suppression) error {
	since := x.Since
	if since.IsZero() {
		since = s.now()
	}
	_, err := s.exec(ctx, s.db, `INSERT INTO postvet.report_suppression (address, until_at, reason, set_by, strikes, since_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (address) DO UPDATE SET until_at = excluded.until_at, reason = excluded.reason, set_by = excluded.set_by, strikes = excluded.strikes, since_at = excluded.since_at`,
		addressKey(x.Address), micros(x.Until), cut(x.Reason, maxSaid), x.By, x.Strikes, micros(since))
	return err
}

// Unsuppress ends the suppression of an address, or of all of a domain, and forgets its
// strikes. It returns whether there was one.
func (s *Store) Unsuppress(ctx context.Context, address string) (bool, error) {
	n, err := s.exec(ctx, s.db, "DELETE FROM postvet.report_suppression WHERE address = $1", addressKey(address))
	return n > 0, err
}

// Suppressions returns all suppressions by address, also those that have ended, which are
// kept for their strikes.
func (s *Store) Suppressions(ctx context.Context) ([]reports.Suppression, error) {
	return s.suppressions(ctx, &where{})
}

// Suppression returns what is kept about an address itself, also if it has ended.
func (s *Store) Suppression(ctx context.Context, address string) (reports.Suppression, bool, error) {
	return first(s.suppressions(ctx, newWhere("address = ?", addressKey(address))))
}

// Suppressed returns the suppression by which an address gets no reports at a time: its
// own, or that of its domain.
func (s *Store) Suppressed(ctx context.Context, address string, now time.Time) (reports.Suppression, bool, error) {
	w := newWhere("address IN (?, ?)", addressKey(address), "@"+hostOf(address))
	w.add("(until_at = 0 OR until_at > ?)", micros(now))
	return first(s.suppressions(ctx, w))
}

func first(all []reports.Suppression, err error) (reports.Suppression, bool, error) {
	if err != nil || len(all) == 0 {
		return reports.Suppression{}, false, err
	}
	return all[len(all)-1], true, nil // "@" sorts before most addresses
}

func (s *Store) suppressions(ctx context.Context, w *where) ([]reports.Suppression, error) {
	var all []reports.Suppression
	err := s.each(ctx, s.db, func(rows *sql.Rows) error {
		var x reports.Suppression
		var until, since int64
		err := rows.Scan(&x.Address, &until, &x.Reason, &x.By, &x.Strikes, &since)
		x.Until, x.Since = timeOf(until), timeOf(since)
		all = append(all, x)
		return err
	}, "SELECT address, until_at, reason, set_by, strikes, since_at FROM postvet.report_suppression"+w.String()+" ORDER BY address", w.args...)
	return all, err
}
