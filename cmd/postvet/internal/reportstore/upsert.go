package reportstore

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// maxRowsAtOnce is how many rows one statement adds.
const maxRowsAtOnce = 50

// upsert adds rows or their counts, at the latest at the end. No two have one key.
func (a *adding) upsert(rows []row, day reports.Day, id int64) error {
	for i := range rows {
		a.pending = append(a.pending, pendingRow{day, id, &rows[i]})
		if len(a.pending) == maxRowsAtOnce {
			if err := a.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush adds the rows that wait.
func (a *adding) flush() error {
	n := len(a.pending)
	if n == 0 {
		return nil
	}
	args := make([]any, 0, 6*n)
	for i := range a.pending {
		r := &a.pending[i]
		args = append(args, int64(r.day), r.id, r.key[:], string(kinds[r.kind]), r.form, r.n)
	}
	a.pending = a.pending[:0]
	if n < maxRowsAtOnce || !a.s.isFile {
		_, err := a.s.exec(a.ctx, a.tx, a.s.upsertText(n), args...)
		return err
	}
	// SQLite takes longer to read such a statement than to carry it out.
	if a.full == nil {
		var err error
		if a.full, err = a.tx.PrepareContext(a.ctx, a.s.sql(a.s.upsertText(n))); err != nil {
			return a.s.fault(err)
		}
	}
	_, err := a.full.ExecContext(a.ctx, args...)
	return a.s.fault(err)
}

// upsertText returns the statement that adds so many rows or their counts. SQLite finds
// parameters without a number faster.
func (s *Store) upsertText(n int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO postvet.report_count (day, policy, key, kind, record, n) VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		if s.isFile {
			b.WriteString("(?, ?, ?, ?, ?, ?)")
		} else {
			fmt.Fprintf(&b, "($%d, $%d, $%d, $%d, $%d, $%d)", 6*i+1, 6*i+2, 6*i+3, 6*i+4, 6*i+5, 6*i+6)
		}
	}
	b.WriteString(" ON CONFLICT (day, policy, key, kind) DO UPDATE SET n = report_count.n + excluded.n")
	return b.String()
}
