package rows

import (
	"cmp"
	"slices"
	"strings"
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
	if n := len(q.Hints); n > 0 {
		args := make([]any, n)
		for i, hint := range q.Hints {
			args[i] = hint
		}
		add("hint IN (?"+strings.Repeat(", ?", n-1)+")", args...)
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

// Merge returns one page of several, the rows of which are found by queries that differ in
// what they select alone. A row that several have is there once. What one of them did not
// reach is on none.
func Merge(pages []Page, limit int) Page {
	out := Page{Rows: []*Row{}, Complete: true}
	for i := range pages {
		p := &pages[i]
		out.Rows = append(out.Rows, p.Rows...)
		if !p.Complete {
			out.Complete = false
			if p.Searched.After(out.Searched) {
				out.Searched = p.Searched
			}
		}
		if p.Next > out.Next {
			out.Next = p.Next
		}
		if out.Oldest.IsZero() || p.Oldest.Before(out.Oldest) {
			out.Oldest = p.Oldest
		}
		for _, name := range p.Unread {
			if !slices.Contains(out.Unread, name) {
				out.Unread = append(out.Unread, name)
			}
		}
		for _, name := range p.Aside {
			if !slices.Contains(out.Aside, name) {
				out.Aside = append(out.Aside, name)
			}
		}
	}
	slices.SortStableFunc(out.Rows, func(a, b *Row) int { return cmp.Compare(b.Ref, a.Ref) })
	out.Rows = slices.CompactFunc(out.Rows, func(a, b *Row) bool { return a.Ref == b.Ref && a.Node == b.Node })
	reached := result.Reference(0)
	if !out.Complete {
		reached = result.FirstReference(out.Searched)
	}
	first := max(out.Next, reached)
	out.Rows = slices.DeleteFunc(out.Rows, func(r *Row) bool { return r.Ref < first })
	if out.Next < reached {
		out.Next = 0 // the search goes on from where it came to
	}
	if out.End(limit); out.Next != 0 { // all is known down to there
		out.Complete, out.Searched = true, time.Time{}
	}
	return out
}
