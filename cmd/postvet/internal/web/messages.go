package web

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// onPage is how many messages a page has.
const onPage = 50

// messagesPage answers where mail is.
type messagesPage struct {
	search
	// Lead says in words what is shown, and Understood how the search was understood, with
	// the other ways to read it.
	Lead       string   `json:"summary"`
	Understood string   `json:"understood,omitempty"`
	Readings   []choice `json:"other_readings"`
	// Note says why nothing can be found.
	Note string `json:"note,omitempty"`

	Spans   []choice `json:"spans"`
	Actions []choice `json:"actions"`

	Messages []messageRow `json:"messages"`
	listing
	Fleet bool `json:"has_fleet"`
	// NotSent says that accepted mail is not in the database that was searched, and Here is
	// the same search on this node.
	NotSent string `json:"not_sent,omitempty"`
	Here    string `json:"-"`
}

// choice is a link that changes one thing.
type choice struct {
	Title   string `json:"title"`
	Path    string `json:"path"`
	Current bool   `json:"current"`
}

// messages finds messages.
func (h *Handler) messages(q *request) (any, error) {
	j, err := h.messageJournal(q)
	if err != nil {
		return nil, err
	}
	s, err := readSearch(q)
	if err != nil {
		return nil, err
	}
	p := messagesPage{search: s, Readings: []choice{}, Messages: []messageRow{}, listing: listing{Missing: missing(j, s.From, s.To), Complete: true}, Fleet: j.Shipping != nil}
	p.Spans, p.Actions = s.spans(), s.actions()
	for _, r := range s.readings {
		if r != s.As {
			p.Readings = append(p.Readings, choice{Title: r.title(), Path: s.path("as", string(r))})
		}
	}
	if s.Typed != "" {
		switch {
		case s.As == asNothing:
			p.Lead = "This is nothing that the journal knows."
			p.Note = "Write a whole address such as ann@example.org, a domain, the IP address or network of a server, the queue id of your mail server, the reference in a refusal or the whole refusal, or a Message-ID. For a time alone, leave this empty and write it under \"More to choose from\"."
			return p, nil
		case s.hidden(j) != "":
			p.Lead, p.Note = "This cannot be searched here.", s.hidden(j)
			return p, nil
		}
	}
	if s.lacksAccepted(j) {
		p.NotSent = "Accepted mail is counted everywhere, but not listed here: with journal.ship = \"rest\", the database of all nodes has only what was refused, held or deferred, or would have been. Each node lists its accepted mail itself."
		p.Here = s.path("fleet", "", "node", "")
	}
	return h.searched(q, p)
}

// searched carries a search out.
func (h *Handler) searched(q *request, p messagesPage) (any, error) {
	s := &p.search
	found, err := h.find(q, s.queries(), q.within())
	if err != nil {
		return nil, journalFailure(err, s.Everywhere)
	}
	if len(found.Rows) == 1 && found.Complete && found.Next == 0 && s.Before == 0 && s.As.ofOne() {
		return redirect(storyOf(q, found.Rows[0])), nil
	}
	p.Messages = newMessageRows(found.Rows)
	p.set(found, s.path)
	p.Lead = s.lead(len(p.Messages), found.Next != 0, found.Complete, q.zone)
	if s.Typed != "" {
		p.Understood = "Understood as: messages " + s.As.what(s.Value) + "."
	}
	return p, nil
}

// storyOf returns the page of a message, as JSON if this page is.
func storyOf(q *request, r *rows.Row) string {
	path := storyPath(r.Ref, r.Node)
	if before, rest, cut := strings.Cut(path, "?"); q.json {
		path = before + ".json"
		if cut {
			path += "?" + rest
		}
	}
	return path
}

// find returns the newest rows that any of the queries selects. It ends in time, and says
// how far it came.
func (h *Handler) find(q *request, queries []rows.Query, within time.Duration) (rows.Page, error) {
	pages := make([]rows.Page, len(queries))
	for i, query := range queries {
		query.Limit = onPage
		page, err := h.history(q, query, within/time.Duration(len(queries)))
		if err != nil {
			return rows.Page{}, err
		}
		pages[i] = page
	}
	return rows.Merge(pages, onPage), nil
}

// history asks for a page of messages, of what is found within a time.
func (h *Handler) history(q *request, query rows.Query, within time.Duration) (rows.Page, error) {
	return part(q, within, func(q *request) (rows.Page, error) {
		return askedQuery[rows.Page](h, q, control.Request{Do: control.DoHistory}, query)
	})
}

// askedQuery has the source carry out a request that has a query, and returns its result.
func askedQuery[T, Q any](h *Handler, q *request, r control.Request, query Q) (result T, err error) {
	text, err := json.Marshal(query)
	if err != nil {
		return result, err
	}
	r.Query = string(text)
	return asked[T](h, q, r)
}

// lead says what is shown. Older is true if there is another page with older ones, and
// complete is false if the time was over.
func (s *search) lead(n int, older, complete bool, zone *time.Location) string {
	what := s.what(zone)
	switch {
	case n == 0 && !complete:
		return "No " + s.noun() + " " + what + " was found yet."
	case n == 0:
		return "There is no " + s.noun() + " " + what + "."
	case !complete:
		return layout.Count(n, s.noun()) + " " + what + ", so far."
	case older && s.Before == 0:
		return "The newest " + layout.Count(n, s.noun()) + " " + what + "."
	case s.Before != 0:
		return layout.Count(n, "older "+s.noun()) + " " + what + "."
	default:
		return layout.Count(n, s.noun()) + " " + what + "."
	}
}
