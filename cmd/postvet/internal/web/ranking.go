package web

import (
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// extent says how much of its time a page ranks.
type extent struct {
	// Complete is false if the time was over before all was ranked. Searched is then the
	// beginning of what was, and GoOn the page that ranks more, "" if this one tried.
	Complete bool      `json:"complete"`
	Searched time.Time `json:"searched,omitzero"`
	GoOn     string    `json:"go_on,omitempty"`
	// Ranked is true if all was ranked, though not compared with the time before.
	Ranked bool `json:"-"`
	// nothing is true if nothing at all could be ranked.
	nothing bool
}

// leadsOn reports whether the page itself has a link that goes on.
func (e extent) leadsOn() bool { return e.GoOn != "" }

// rank asks for the names with most messages in a period. A page without them has nothing to
// show, so that an error is one of the page. If the time is over before all is ranked, the period
// becomes shorter. notes say what the ranking lacks.
func (h *Handler) rank(q *request, query counts.Query, p *period) (r counts.Ranking, how extent, notes []string, err error) {
	if h.facts(q).Journal.Directory == "" {
		return r, how, nil, noJournal
	}
	query.Since, query.Until, query.Within = p.Since, p.Until, q.within()
	if r, err = h.top(q, query); err != nil {
		return r, how, nil, h.unreadable(q, err)
	}
	if how.Complete = r.Complete; !r.Complete {
		how = extent{Searched: r.Searched, nothing: r.Searched.IsZero() || !r.Searched.Before(r.Query.Until)}
		if how.nothing {
			how.Searched = p.Until
		}
		how.GoOn = q.goOn()
		if how.Ranked = how.Searched.Equal(r.Query.Since); how.Ranked {
			return r, how, notesOf(&r, p.Since), nil
		}
		p.Since, p.Text = how.Searched, "since "+how.Searched.In(q.zone).Format("2 Jan 2006 15:04")
	}
	notes = notesOf(&r, p.Since)
	if r.Complete && (r.Oldest.IsZero() || r.Oldest.After(p.Since)) { // the ranking may have set them aside
		notes = append(notes, countsAside(h.opt.Source.Facts(q.ctx).Journal, r.Oldest, p.Since)...)
	}
	return r, how, notes, nil
}

// unranked is the sentence of a page that had no time to rank anything.
const unranked = "The counts take longer to read than a page may take to come, so that nothing is ranked yet."

// notesOf says what a ranking since a time does not show.
func notesOf(r *counts.Ranking, since time.Time) []string {
	var all []string
	if n := r.Other[r.Query.By]; n > 0 {
		all = append(all, layout.Count(n, "message")+" more are of names that were too many to be counted one by one.")
	}
	if r.Missing > 0 {
		all = append(all, layout.Count(r.Missing, "message")+" could not be counted.")
	}
	if r.Oldest.After(since) {
		all = append(all, fmt.Sprintf("The counts begin at %s UTC.", r.Oldest.UTC().Format("2 Jan 2006 15:04")))
	}
	return all
}
