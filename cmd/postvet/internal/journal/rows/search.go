package rows

import (
	"cmp"
	"slices"
	"time"

	"github.com/postvet/postvet/policy/result"
)

// WantsDay reports whether a day, in UTC, may have rows that a query selects.
func (q *Query) WantsDay(day time.Time) bool {
	end := day.AddDate(0, 0, 1)
	switch {
	case !end.After(q.Since), !q.Until.IsZero() && !day.Before(q.Until):
		return false
	case q.Before != 0 && day.After(q.Before.Time()), q.After != 0 && end.Before(q.After.Time()):
		return false
	case q.Ref != 0:
		at := q.Ref.Time()
		return !at.Before(day) && at.Before(end)
	}
	return true
}

// WantsClass reports whether a class may have rows that a query selects.
func (q *Query) WantsClass(c Class) bool {
	return c == Rest || q.Action == "" || q.Action == string(result.Accept)
}

// Terms calls add with the conditions that are the same in the SQL of each store, each ? of
// which stands for an argument.
func (q *Query) Terms(add func(term string, args ...any)) {
	if q.Ref != 0 {
		add("ref = ?", int64(q.Ref))
	}
	if q.Before != 0 {
		add("ref < ?", int64(q.Before))
	}
	if q.After != 0 {
		add("ref > ?", int64(q.After))
	}
	if !q.Since.IsZero() {
		add("ref >= ?", int64(result.FirstReference(q.Since)))
	}
	if !q.Until.IsZero() {
		add("ref < ?", int64(result.FirstReference(q.Until)))
	}
	for _, x := range []struct {
		column Column
		value  string
	}{{ColQueue, q.Queue}, {ColDMARC, q.DMARC}, {ColRule, q.Rule}, {ColHint, q.Hint}} {
		if x.value != "" {
			add(x.column.String()+" = ?", x.value)
		}
	}
	if q.Action != "" {
		add("(action = ? OR would = ?)", q.Action, q.Action)
	}
}

// AddDay adds the rows of a day, which is before those that the page has.
func (p *Page) AddDay(found []*Row) {
	slices.SortFunc(found, func(a, b *Row) int { return cmp.Compare(b.Ref, a.Ref) })
	p.Rows = append(p.Rows, found...)
}

// End ends a page that has found enough.
func (p *Page) End(limit int) {
	if len(p.Rows) >= limit {
		p.Rows = p.Rows[:limit]
		p.Next = p.Rows[limit-1].Ref
	}
}
