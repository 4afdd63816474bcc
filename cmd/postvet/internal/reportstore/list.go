package reportstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// Sent is a delivery and its report, which lacks its document.
type Sent struct {
	reports.Report
	reports.Delivery
}

// Query says which reports and deliveries are asked for. The zero value asks for all.
type Query struct {
	// Day is that of the period; 0 for any.
	Day    reports.Day
	Kind   reports.Kind
	Domain string // the policy domain
	// ID is the beginning of the report's ID.
	ID string
	// Address is that of the delivery, or "@" and its domain.
	Address string
	States  []reports.State
	Since   time.Time // created at that time or later
	// Limit bounds the answer; 0 for no bound.
	Limit int
}

// Deliveries returns deliveries with their reports, the newest report first.
func (s *Store) Deliveries(ctx context.Context, q Query) ([]Sent, error) {
	w := q.reports()
	if host, isHost := strings.CutPrefix(q.Address, "@"); isHost {
		w.add("d.host = ?", strings.ToLower(host))
	} else if q.Address != "" {
		w.add("d.address = ?", q.Address)
	}
	if len(q.States) > 0 {
		w.add(in("d.state", len(q.States)), texts(q.States)...)
	}
	return s.sent(ctx, s.db, w, q.Limit)
}

// reports returns the conditions on reports.
func (q *Query) reports() *where {
	w := &where{}
	if q.Day != 0 {
		w.add("r.begin_at >= ?", micros(q.Day.Begin()))
		w.add("r.begin_at <= ?", micros(q.Day.End()))
	}
	for _, c := range [][2]string{{"r.kind = ?", string(q.Kind)}, {"r.domain = ?", q.Domain}} {
		if c[1] != "" {
			w.add(c[0], c[1])
		}
	}
	if q.ID != "" {
		w.add("substr(r.id, 1, ?) = ?", len(q.ID), q.ID)
	}
	if !q.Since.IsZero() {
		w.add("r.created_at >= ?", micros(q.Since))
	}
	return w
}

const reportColumns = "r.id, r.kind, r.domain, r.begin_at, r.end_at, r.submitter, r.created_at, r.records, r.messages"

// into returns where the columns of a report are scanned to, and what sets its times then.
func into(r *reports.Report) (columns []any, set func()) {
	at := new([3]int64)
	return []any{&r.ID, &r.Kind, &r.Domain, &at[0], &at[1], &r.Submitter, &at[2], &r.Records, &r.Messages}, func() {
		r.Begin, r.End, r.Created = timeOf(at[0]), timeOf(at[1]), timeOf(at[2])
	}
}

// sent returns deliveries that meet conditions.
func (s *Store) sent(ctx context.Context, q querier, w *where, most int) ([]Sent, error) {
	var all []Sent
	err := s.each(ctx, q, func(rows *sql.Rows) error {
		var x Sent
		var next, changed int64
		columns, set := into(&x.Report)
		d := &x.Delivery
		columns = append(columns, &d.Report, &d.Address, &d.Token, &d.State, &d.Attempts, &next, &d.Claim, &d.Code, &d.Status, &d.Text, &changed)
		if err := rows.Scan(columns...); err != nil {
			return err
		}
		set()
		d.Next, d.Changed = timeOf(next), timeOf(changed)
		all = append(all, x)
		return nil
	}, fmt.Sprintf(`SELECT %s, d.report, d.address, d.token, d.state, d.attempts, d.next_at, d.claim, d.code, d.status, d.said, d.changed_at
		FROM postvet.report_delivery d JOIN postvet.report_sent r ON r.id = d.report%s ORDER BY r.created_at DESC, r.id, d.address%s`, reportColumns, w, limit(most)), w.args...)
	return all, err
}

// ByToken returns the delivery that a token identifies.
func (s *Store) ByToken(ctx context.Context, token string) (Sent, bool, error) {
	if len(token) != tokenLength {
		return Sent{}, false, nil
	}
	all, err := s.sent(ctx, s.db, newWhere("d.token = ?", strings.ToLower(token)), 1)
	if err != nil || len(all) == 0 {
		return Sent{}, false, err
	}
	return all[0], true, nil
}

// Report returns a report with its document.
func (s *Store) Report(ctx context.Context, id string) (reports.Report, bool, error) {
	var r reports.Report
	columns, set := into(&r)
	found, err := s.row(ctx, s.db, append(columns, &r.Document), "SELECT "+reportColumns+", r.document FROM postvet.report_sent r WHERE r.id = $1", id)
	set()
	return r, found, err
}

// Reports returns reports without their documents, the newest first. It does not ask for
// Address and States.
func (s *Store) Reports(ctx context.Context, q Query) ([]reports.Report, error) {
	w := q.reports()
	var all []reports.Report
	err := s.each(ctx, s.db, func(rows *sql.Rows) error {
		var r reports.Report
		columns, set := into(&r)
		err := rows.Scan(columns...)
		set()
		all = append(all, r)
		return err
	}, fmt.Sprintf("SELECT %s FROM postvet.report_sent r%s ORDER BY r.created_at DESC, r.id%s", reportColumns, w, limit(q.Limit)), w.args...)
	return all, err
}
