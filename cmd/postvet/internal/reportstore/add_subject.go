package reportstore

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// adding is a transaction that adds.
type adding struct {
	ctx context.Context
	s   *Store
	tx  *sql.Tx
	sum *Added

	// all is how many records there are at most in all subjects, and added how many of
	// them are new.
	all, added int64
	exact      bool // all was counted in this transaction

	// pending are rows that wait for others, no two with one key.
	pending []pendingRow
	full    *sql.Stmt // adds maxRowsAtOnce rows to a file
}

// pendingRow is a row of a subject.
type pendingRow struct {
	day reports.Day
	id  int64
	*row
}

// begin reads how many records there are. Other nodes may add some meanwhile; the bound is
// kept to within what they add in a second.
func (a *adding) begin() error {
	_, err := a.s.row(a.ctx, a.tx, []any{&a.all}, "SELECT value FROM postvet.report_number WHERE name = 'records'")
	return err
}

// end keeps how many records there are.
func (a *adding) end() error {
	if err := a.flush(); err != nil {
		return err
	}
	var err error
	if a.exact {
		_, err = a.s.exec(a.ctx, a.tx, "UPDATE postvet.report_number SET value = $1 WHERE name = 'records'", a.all)
	} else if a.added > 0 {
		_, err = a.s.exec(a.ctx, a.tx, "UPDATE postvet.report_number SET value = value + $1 WHERE name = 'records'", a.added)
	}
	return err
}

// maxLate bounds the days over which messages look for an open subject.
const maxLate = 400

// subject adds to the subject of a group, or to that of the next day that is open.
func (a *adding) subject(g *group) error {
	for day := g.day; day < g.day+maxLate; day++ {
		open, records, err := a.lock(day, g)
		if err != nil {
			return err
		}
		if !open {
			continue
		}
		late := int64(0)
		if day != g.day {
			late = g.messages()
		}
		if late > 0 { // there may be a group for that day too
			if err := a.flush(); err != nil {
				return err
			}
		}
		if err := a.into(g, day, records); err != nil {
			return err
		}
		if late > 0 {
			if err := a.flush(); err != nil {
				return err
			}
		}
		a.sum.Late += late
		return nil
	}
	a.sum.Lost += g.messages()
	return nil
}

func (g *group) messages() (n int64) {
	for i := range g.rows {
		n += g.rows[i].n
	}
	return n + g.leftOut
}

// lock makes a subject if needed and has other transactions wait to change it, if it is
// open. It returns how many records it has at most.
func (a *adding) lock(day reports.Day, g *group) (open bool, records int64, err error) {
	// It changes nothing, but it locks.
	open, err = a.s.row(a.ctx, a.tx, []any{&records}, `INSERT INTO postvet.report_subject (day, policy) VALUES ($1, $2)
		ON CONFLICT (day, policy) DO UPDATE SET state = report_subject.state WHERE report_subject.state = 'open' RETURNING records`, int64(day), g.id)
	if err == nil && open && records == 0 { // most likely it is new
		err = a.addPolicy(day, g)
	}
	return open, records, err
}

// addPolicy adds the policy of a subject, or notes that it is in use.
func (a *adding) addPolicy(day reports.Day, g *group) error {
	value, err := json.Marshal(g.policy)
	if err != nil {
		return err
	}
	_, err = a.s.exec(a.ctx, a.tx, `INSERT INTO postvet.report_policy (id, domain, value, last_day) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET last_day = excluded.last_day WHERE report_policy.last_day < excluded.last_day`,
		g.id, g.policy.Domain, string(value), int64(day))
	return err
}

// into adds a group to a subject that is locked and has so many records at most.
func (a *adding) into(g *group, day reports.Day, records int64) error {
	t := &subjectTotals{leftOut: g.leftOut}
	a.sum.LeftOut += g.leftOut
	// The last tenth is for records that lack a part.
	n := int64(len(g.rows))
	if records+n > a.s.most-a.s.most/10 || a.all+n > a.s.all-a.s.all/10 {
		if err := a.flush(); err != nil { // before rows are counted
			return err
		}
	}
	if records+n > a.s.most-a.s.most/10 {
		if _, err := a.s.row(a.ctx, a.tx, []any{&records}, "SELECT count(*) FROM postvet.report_count WHERE day = $1 AND policy = $2", int64(day), g.id); err != nil {
			return err
		}
	}
	if a.all+n > a.s.all-a.s.all/10 && !a.exact {
		if _, err := a.s.row(a.ctx, a.tx, []any{&a.all}, "SELECT count(*) FROM postvet.report_count"); err != nil {
			return err
		}
		a.exact = true
	}
	t.records = records
	var err error
	if records+n <= a.s.most-a.s.most/10 && a.all+n <= a.s.all-a.s.all/10 {
		err = a.upsert(g.rows, day, g.id)
		t.records += n
		a.all += n
		a.added += n
		t.count(g.rows)
	} else {
		err = a.fold(g, day, t)
	}
	if err != nil {
		return err
	}
	return a.addTotals(day, g.id, t)
}

// subjectTotals is by how much the numbers of a subject change.
type subjectTotals struct {
	records int64 // what they are now, at most
	passed  int64
	kinds   [len(kinds)]int64
	leftOut int64
}

func (t *subjectTotals) count(rows []row) {
	for i := range rows {
		t.kinds[rows[i].kind] += rows[i].n
		if rows[i].record.Passed() {
			t.passed += rows[i].n
		}
	}
}

func (a *adding) addTotals(day reports.Day, id int64, t *subjectTotals) error {
	_, err := a.s.exec(a.ctx, a.tx, `UPDATE postvet.report_subject SET records = $1, passed = passed + $2, ordinary = ordinary + $3, refused = refused + $4,
		null_sender = null_sender + $5, of_report = of_report + $6, left_out = left_out + $7 WHERE day = $8 AND policy = $9`,
		t.records, t.passed, t.kinds[0], t.kinds[1], t.kinds[2], t.kinds[3], t.leftOut, int64(day), id)
	return err
}
