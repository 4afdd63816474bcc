package reportstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// maxSaid bounds what is kept of what a server said, in octets.
const maxSaid = 500

// Claim gives up to n deliveries that are due at a time to the caller alone, until a
// deadline. Claims whose deadline has passed end, and their deliveries are Deferred: one
// more attempt was made.
func (s *Store) Claim(ctx context.Context, now time.Time, n int, until time.Time) ([]Sent, error) {
	claim := rand.Text()
	var claimed []Sent
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := s.exec(ctx, tx, "UPDATE postvet.report_delivery SET state = 'deferred', claim = '', attempts = attempts + 1, changed_at = $1 WHERE state = 'sending' AND next_at <= $1", micros(now))
		if err != nil {
			return err
		}
		_, err = s.exec(ctx, tx, `WITH due AS MATERIALIZED (SELECT report, address FROM postvet.report_delivery
				WHERE state IN ('new', 'deferred') AND next_at <= $1 ORDER BY next_at, report, address LIMIT $2 FOR UPDATE SKIP LOCKED)
			UPDATE postvet.report_delivery SET state = 'sending', claim = $3, next_at = $4, changed_at = $1
			WHERE (report, address) IN (SELECT report, address FROM due)`, micros(now), n, claim, micros(until))
		if err != nil {
			return err
		}
		claimed, err = s.sent(ctx, tx, newWhere("d.state = 'sending' AND d.claim = ?", claim), 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Finish says what came of a delivery that the caller has claimed: its State, Attempts,
// Next, Code, Status and Text become those of d. It returns false, and changes nothing, if
// the claim has ended.
func (s *Store) Finish(ctx context.Context, d reports.Delivery) (held bool, err error) {
	n, err := s.set(ctx, d, "state = 'sending' AND claim = ?", d.Claim)
	return n > 0, err
}

// Change is Finish for a delivery in one of some states, such as one that is Queued when its
// bounce comes. If one of them is Sending, the claim ends. It returns false if the delivery
// is in another state.
func (s *Store) Change(ctx context.Context, d reports.Delivery, from ...reports.State) (bool, error) {
	if len(from) == 0 {
		return false, nil
	}
	n, err := s.set(ctx, d, in("state", len(from)), texts(from)...)
	return n > 0, err
}

// texts returns states as arguments of a statement.
func texts(states []reports.State) []any {
	all := make([]any, len(states))
	for i, state := range states {
		all[i] = string(state)
	}
	return all
}

// set changes a delivery if a condition holds.
func (s *Store) set(ctx context.Context, d reports.Delivery, condition string, args ...any) (int64, error) {
	changed := d.Changed
	if changed.IsZero() {
		changed = s.now()
	}
	claim := ""
	if d.State == reports.Sending {
		claim = d.Claim
	}
	w := &where{args: []any{string(d.State), d.Attempts, micros(d.Next), claim, d.Code, cut(d.Status, 20), cut(d.Text, maxSaid), micros(changed)}}
	w.add("report = ?", d.Report)
	w.add("address = ?", d.Address)
	w.add(condition, args...)
	text := "UPDATE postvet.report_delivery SET state = $1, attempts = $2, next_at = $3, claim = $4, code = $5, status = $6, said = $7, changed_at = $8"
	if d.State == reports.Queued || d.State.Final() {
		text += ", message = NULL" // nobody submits it again
	}
	return s.exec(ctx, s.db, text+w.String(), w.args...)
}

// Message returns the message of a delivery that [Store.KeepMessage] kept, nil if there is
// none.
func (s *Store) Message(ctx context.Context, d *reports.Delivery) (message []byte, err error) {
	_, err = s.row(ctx, s.db, []any{&message}, "SELECT message FROM postvet.report_delivery WHERE report = $1 AND address = $2", d.Report, d.Address)
	return message, err
}

// KeepMessage keeps the message of a delivery that the caller has claimed, so that each
// attempt has the same octets, until the delivery is Queued or final. With nil it forgets
// the message. It returns false if the claim has ended.
func (s *Store) KeepMessage(ctx context.Context, d *reports.Delivery, message []byte) (held bool, err error) {
	n, err := s.exec(ctx, s.db, "UPDATE postvet.report_delivery SET message = $1 WHERE report = $2 AND address = $3 AND state = 'sending' AND claim = $4",
		message, d.Report, d.Address, d.Claim)
	return n > 0, err
}

// cut returns at most n octets of a text that a database takes.
func cut(text string, n int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "?")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "")
	}
	return text
}

// Postpone has deliveries to addresses of a domain wait if they are due before a time. It
// returns how many.
func (s *Store) Postpone(ctx context.Context, host string, until time.Time) (int64, error) {
	return s.exec(ctx, s.db, "UPDATE postvet.report_delivery SET next_at = $1 WHERE host = $2 AND state IN ('new', 'deferred') AND next_at < $1",
		micros(until), strings.ToLower(host))
}

// TurnBack has deliveries be due that were last changed after a time: the clock was ahead
// then, and so is the time for which they wait. Claims of that time end. It returns how many
// there were. Those that wait from the start keep their time.
func (s *Store) TurnBack(ctx context.Context, now time.Time) (int64, error) {
	return s.exec(ctx, s.db, `UPDATE postvet.report_delivery SET next_at = $1, changed_at = $1
		WHERE state IN ('new', 'deferred', 'sending') AND changed_at > $2 AND next_at > changed_at`, micros(now), micros(now.Add(time.Minute)))
}

// Settle has deliveries that the MTA took before a time be Done: no bounce has come. It
// forgets the strikes of their addresses, unless they were set by an administrator, and
// returns how many deliveries there were.
func (s *Store) Settle(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		_, err := s.exec(ctx, tx, `DELETE FROM postvet.report_suppression WHERE set_by <> 'admin' AND until_at > 0 AND until_at <= $1 AND address IN
			(SELECT lower(address) FROM postvet.report_delivery WHERE state = 'queued' AND changed_at < $2)`, micros(s.now()), micros(before))
		if err != nil {
			return err
		}
		n, err = s.exec(ctx, tx, "UPDATE postvet.report_delivery SET state = 'done' WHERE state = 'queued' AND changed_at < $1", micros(before))
		return err
	})
	return n, err
}
