package reportstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// Progress is how far a subject is.
type Progress string

// What becomes of a subject.
const (
	SubjectOpen    Progress = "open"    // messages are added to it
	SubjectClosed  Progress = "closed"  // nothing changes any more, and no report was written
	SubjectFrozen  Progress = "frozen"  // its report is ready
	SubjectSkipped Progress = "skipped" // there will be no report
)

// SubjectQuery says which subjects are asked for. The zero value asks for all.
type SubjectQuery struct {
	Progress Progress // "" for any
	Day      reports.Day
	Domain   string // the policy domain
	Limit    int    // 0 for none
}

// historyDays is over how many days it is told whether a domain was seen.
const historyDays = 30

// Subjects returns subjects by day and domain, the oldest day first. The sender asks for
// those that are [SubjectClosed].
func (s *Store) Subjects(ctx context.Context, q SubjectQuery) ([]reports.Subject, error) {
	w := &where{}
	if q.Progress != "" {
		w.add("s.state = ?", string(q.Progress))
	}
	if q.Day != 0 {
		w.add("s.day = ?", int64(q.Day))
	}
	if q.Domain != "" {
		w.add("p.domain = ?", q.Domain)
	}
	var all []reports.Subject
	err := s.each(ctx, s.db, func(rows *sql.Rows) error {
		var value string
		var n [len(kinds)]int64
		var passed int64
		x := reports.Subject{Messages: map[reporting.Kind]int64{}}
		if err := rows.Scan(&x.Day, &x.ID, &value, &n[0], &n[1], &n[2], &n[3], &x.LeftOut, &x.Why, &x.DaysSeen, &passed); err != nil {
			return err
		}
		for i, k := range kinds {
			if n[i] > 0 {
				x.Messages[k] = n[i]
			}
		}
		x.Passed = passed > 0
		all = append(all, x)
		return json.Unmarshal([]byte(value), &all[len(all)-1].Policy)
		// The days are counted for those of the answer alone: a flood of domains has thousands.
	}, fmt.Sprintf(`SELECT s.day, s.policy, s.value, s.ordinary, s.refused, s.null_sender, s.of_report, s.left_out, s.why,
			(SELECT count(DISTINCT h.day) %[1]s), coalesce((SELECT max(h.passed) %[1]s), 0)
		FROM (SELECT s.day, s.policy, p.domain, p.value, s.ordinary, s.refused, s.null_sender, s.of_report, s.left_out, s.why
			FROM postvet.report_subject s JOIN postvet.report_policy p ON p.id = s.policy%[2]s ORDER BY s.day, p.domain, s.policy%[3]s) s
		ORDER BY s.day, s.domain, s.policy`,
		fmt.Sprintf(`FROM postvet.report_policy o JOIN postvet.report_subject h ON h.policy = o.id
			WHERE o.domain = s.domain AND h.day > s.day - %d AND h.day <= s.day`, historyDays), w, limit(q.Limit)), w.args...)
	return all, err
}

// where is conditions of a statement.
type where struct {
	text strings.Builder
	args []any
}

// newWhere returns a condition as [where.add] adds it.
func newWhere(condition string, args ...any) *where {
	w := &where{}
	w.add(condition, args...)
	return w
}

// in returns the condition that a column has one of n arguments.
func in(column string, n int) string { return column + " IN (?" + strings.Repeat(", ?", n-1) + ")" }

// add adds a condition, in which "?" stands for its arguments.
func (w *where) add(condition string, args ...any) {
	w.text.WriteString(map[bool]string{true: " WHERE ", false: " AND "}[w.text.Len() == 0])
	for _, a := range args {
		before, after, _ := strings.Cut(condition, "?")
		w.args = append(w.args, a)
		fmt.Fprintf(&w.text, "%s$%d", before, len(w.args))
		condition = after
	}
	w.text.WriteString(condition)
}

func (w *where) String() string { return w.text.String() }

func limit(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d", n)
}

// Records are the records of a subject.
type Records struct {
	ctx     context.Context
	s       *Store
	subject reports.Subject
	err     error
	n       int
	sum     int64
}

// Records returns the records of a subject. Those of a subject that is closed are the same
// each time, in the same order: those with most messages first.
func (s *Store) Records(ctx context.Context, x reports.Subject) *Records {
	return &Records{ctx: ctx, s: s, subject: x}
}

// All yields the records. When it has ended, Err says whether these were all.
func (r *Records) All() iter.Seq[*report.Record] {
	return func(yield func(*report.Record) bool) {
		r.n, r.sum = 0, 0
		r.err = r.s.each(r.ctx, r.s.db, func(rows *sql.Rows) error {
			var form []byte
			var n int64
			if err := rows.Scan(&form, &n); err != nil {
				return err
			}
			record, err := ParseRecord(string(form))
			if err != nil {
				return err
			}
			record.Count = n
			r.n++
			r.sum += n
			if !yield(record) {
				return errStopped
			}
			return nil
		}, `SELECT record, CAST(sum(n) AS bigint) AS messages FROM postvet.report_count WHERE day = $1 AND policy = $2
			GROUP BY key, record ORDER BY messages DESC, key`, int64(r.subject.Day), r.subject.ID)
		if errors.Is(r.err, errStopped) {
			r.err = nil
		}
	}
}

var errStopped = errors.New("the reader has stopped")

// Err returns why the records are not all; nil if they are.
func (r *Records) Err() error { return r.err }

// Count returns how many records All has yielded, and the sum of their messages.
func (r *Records) Count() (records int, messages int64) { return r.n, r.sum }
