package reportstore

import (
	"database/sql"
	"slices"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/reporting"
)

// steps is how many forms a row may have: whole, and with fewer and fewer parts.
const steps = 3

// place is where a row is in a subject.
type place struct {
	key  [16]byte
	kind int
}

// fold adds rows to a subject that is almost full. New ones leave out parts, as in
// [report.Tally].
func (a *adding) fold(g *group, day reports.Day, t *subjectTotals) error {
	for chunk := range slices.Chunk(g.rows, maxRowsAtOnce) {
		forms := make([][steps]row, len(chunk))
		var keys []any
		for i := range chunk {
			forms[i] = formsOf(&chunk[i])
			for step := range forms[i] {
				keys = append(keys, forms[i][step].key[:])
			}
		}
		there, err := a.there(keys, day, g.id)
		if err != nil {
			return err
		}
		var placed []row
		for i := range forms {
			step := a.choose(&forms[i], there, t)
			if step == steps {
				t.leftOut += chunk[i].n
				a.sum.LeftOut += chunk[i].n
				continue
			}
			if step > 0 {
				a.sum.Folded += chunk[i].n
			}
			placed = append(placed, forms[i][step])
		}
		t.count(placed)
		some := &group{rows: placed}
		some.merge()
		if err := a.upsert(some.rows, day, g.id); err != nil {
			return err
		}
		if err := a.flush(); err != nil { // before the next chunk is looked for
			return err
		}
	}
	return nil
}

// formsOf returns the forms of a row.
func formsOf(r *row) (forms [steps]row) {
	forms[0] = *r
	for step := 1; step < steps; step++ {
		some := *r
		some.record = r.record.Folded(step)
		some.form = AppendRecord(nil, some.record)
		some.key = keyOf(some.form)
		forms[step] = some
	}
	return forms
}

// there returns which of some keys a subject has.
func (a *adding) there(keys []any, day reports.Day, id int64) (map[place]bool, error) {
	w := newWhere("day = ? AND policy = ?", int64(day), id)
	w.add(in("key", len(keys)), keys...)
	there := map[place]bool{}
	err := a.s.each(a.ctx, a.tx, func(rows *sql.Rows) error {
		var key []byte
		var word string
		if err := rows.Scan(&key, &word); err != nil {
			return err
		}
		kind, err := kindIndex(reporting.Kind(word))
		if err == nil && len(key) == len(place{}.key) {
			there[place{[16]byte(key), kind}] = true
		}
		return err
	}, "SELECT key, kind FROM postvet.report_count"+w.String(), w.args...)
	return there, err
}

// choose returns the first form of a row that is there or may be new; steps for none. The
// last tenth of a subject is for rows that lack a part.
func (a *adding) choose(forms *[steps]row, there map[place]bool, t *subjectTotals) int {
	for step := range forms {
		at := place{forms[step].key, forms[step].kind}
		if there[at] {
			return step
		}
		most, all := a.s.most, a.s.all
		if step == 0 {
			most, all = most-most/10, all-all/10
		}
		if t.records < most && a.all < all {
			there[at] = true
			t.records++
			a.all++
			a.added++
			return step
		}
	}
	return steps
}
