package reportstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// LeftOut is a number of messages for which there was no room before they came here.
type LeftOut struct {
	Day      reports.Day
	Policy   reporting.Policy
	Messages int64
}

// Added says what became of what was added.
type Added struct {
	// Late is the number of messages that count for another day than theirs, since theirs
	// was closed. Folded counts messages whose records lack a part, and LeftOut those in no
	// record, since there are too many records. Lost counts those that are in no report,
	// since all days from theirs on are closed: the clock was far behind.
	Late, Folded, LeftOut, Lost int64
}

// Add counts messages, all of them or, if it returns an error, none. Records of one subject
// need not differ. It counts what was left out before, too. A subject has at most
// [Options.MaxRecords] records; beyond them messages lose what tells least, and in the end
// they are left out and counted, as package report does it.
func (s *Store) Add(ctx context.Context, counted []reports.Counted, leftOut ...LeftOut) (Added, error) {
	return s.add(ctx, Batch{}, counted, leftOut)
}

// Batch identifies what a writer adds.
type Batch struct {
	// Writer identifies the writer among all others, and N is higher in each batch than in
	// the one before.
	Writer string
	N      int64
}

// AddOnce is Add for a writer that cannot know whether an attempt that failed was kept
// after all, such as when the connection broke. It does nothing if it was.
func (s *Store) AddOnce(ctx context.Context, b Batch, counted []reports.Counted, leftOut ...LeftOut) (Added, error) {
	return s.add(ctx, b, counted, leftOut)
}

func (s *Store) add(ctx context.Context, b Batch, counted []reports.Counted, leftOut []LeftOut) (Added, error) {
	var sum Added
	batch, err := newBatch(counted, leftOut)
	if err != nil || len(batch) == 0 {
		return sum, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		sum = Added{}
		if kept, err := s.isKept(ctx, tx, b); err != nil || kept {
			return err
		}
		a := &adding{ctx: ctx, s: s, tx: tx, sum: &sum}
		if err := a.begin(); err != nil {
			return err
		}
		for _, g := range batch {
			if err := a.subject(g); err != nil {
				return err
			}
		}
		return a.end()
	})
	if err != nil {
		return Added{}, err
	}
	return sum, nil
}

// isKept reports whether a batch was kept before, and notes that it is.
func (s *Store) isKept(ctx context.Context, tx *sql.Tx, b Batch) (bool, error) {
	if b.Writer == "" {
		return false, nil
	}
	at, err := s.time(ctx, tx)
	if err != nil {
		return false, err
	}
	n, err := s.exec(ctx, tx, `INSERT INTO postvet.report_writer (name, batch, added_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET batch = excluded.batch, added_at = excluded.added_at WHERE report_writer.batch < excluded.batch`, b.Writer, b.N, at)
	return n == 0, err
}

// group is what is added to a subject.
type group struct {
	day     reports.Day
	id      int64 // of the policy
	policy  *reporting.Policy
	rows    []row
	leftOut int64
}

// row is a record with a count.
type row struct {
	key    [16]byte
	kind   int
	record *report.Record
	form   []byte
	n      int64
}

// newBatch returns what is added, by subject. All transactions lock subjects by policy and
// then by day, as messages go on that come late, so that no two wait for one another.
func newBatch(counted []reports.Counted, leftOut []LeftOut) ([]*group, error) {
	var (
		ids   = map[string]int64{}
		by    = map[subjectKey]*group{}
		forms []byte
		room  []byte
	)
	groupOf := func(day reports.Day, p *reporting.Policy) *group {
		room = AppendPolicy(room[:0], p)
		id, known := ids[string(room)]
		if !known {
			id = policyID(room)
			ids[string(room)] = id
		}
		k := subjectKey{day, id}
		if by[k] == nil {
			by[k] = &group{day: day, id: id, policy: p}
		}
		return by[k]
	}
	for i := range counted {
		c := &counted[i]
		if c.Record.Count <= 0 {
			return nil, fmt.Errorf("a record has a count of %d", c.Record.Count)
		}
		kind, err := kindIndex(c.Kind)
		if err != nil {
			return nil, err
		}
		g := groupOf(c.Day, &c.Policy)
		begin := len(forms)
		forms = AppendRecord(forms, &c.Record)
		form := forms[begin:len(forms):len(forms)]
		g.rows = append(g.rows, row{key: keyOf(form), kind: kind, record: &c.Record, form: form, n: c.Record.Count})
	}
	for i := range leftOut {
		if l := &leftOut[i]; l.Messages > 0 {
			groupOf(l.Day, &l.Policy).leftOut += l.Messages
		}
	}
	batch := make([]*group, 0, len(by))
	for _, g := range by {
		g.merge()
		batch = append(batch, g)
	}
	slices.SortFunc(batch, func(a, b *group) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.day, b.day)) })
	return batch, nil
}

// subjectKey identifies a subject.
type subjectKey struct {
	day reports.Day
	id  int64
}

// merge sorts the rows of a group and makes one of those with the same key.
func (g *group) merge() {
	slices.SortFunc(g.rows, func(a, b row) int {
		return cmp.Or(bytes.Compare(a.key[:], b.key[:]), cmp.Compare(a.kind, b.kind))
	})
	merged := g.rows[:0]
	for _, r := range g.rows {
		if last := len(merged) - 1; last >= 0 && merged[last].key == r.key && merged[last].kind == r.kind {
			merged[last].n += r.n
			continue
		}
		merged = append(merged, r)
	}
	g.rows = merged
}
