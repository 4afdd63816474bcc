package web

import (
	"cmp"
	"net/http"

	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// heldPage answers what waits for a decision of a person.
type heldPage struct {
	Lead   string `json:"summary"`
	Domain string `json:"domain"`
	Since  string `json:"since"`
	// Groups are the messages by author domain, the domain with the most first.
	Groups []heldGroup `json:"groups"`
	// Facts are the counts of today and their caps.
	Facts Held     `json:"held"`
	Spans []choice `json:"spans"`

	listing

	before result.Reference
}

// heldGroup is the held mail of one author domain.
type heldGroup struct {
	Title string `json:"title"`
	held.Group
}

// heldSpan is how far back held mail is listed. Postfix gives up after five days.
const heldSpan = "7d"

// held lists what Postvet had the MTA hold.
func (h *Handler) held(q *request) (any, error) {
	j, err := h.messageJournal(q)
	if err != nil {
		return nil, err
	}
	p := heldPage{Domain: q.get("domain"), Since: q.get("since"), Groups: []heldGroup{}, Facts: h.facts(q).Held}
	query, err := p.query(q)
	if err != nil {
		return nil, err
	}
	p.Missing = missing(j, query.Since, query.Until)
	found, err := h.find(q, []rows.Query{query}, q.within())
	if err != nil {
		return nil, journalFailure(err, false)
	}
	var all []held.Message
	for _, r := range found.Rows {
		if held.Was(r) {
			all = append(all, held.New(r, "", q.now))
		}
	}
	for _, g := range held.Groups(all) {
		p.Groups = append(p.Groups, heldGroup{g.Title(), g})
	}
	p.set(found, p.path)
	p.Lead = p.lead(len(all), len(p.Groups))
	return p, nil
}

// query reads the parameters, and returns what they select.
func (p *heldPage) query(q *request) (query rows.Query, err error) {
	query.Action = string(result.Quarantine)
	if p.Domain != "" {
		name, ok := message.NormalizeDomain(p.Domain)
		if !ok {
			return query, &problem{Status: http.StatusBadRequest, Title: "This is no domain", Text: "Write one such as example.org."}
		}
		p.Domain, query.Domain = name, name
	}
	if p.before, err = q.before(); err != nil {
		return query, err
	}
	query.Before = p.before
	since := cmp.Or(p.Since, heldSpan)
	if query.Since, err = q.timeOf(since); err != nil {
		return query, err
	}
	for _, span := range []struct{ since, title string }{{"24h", "24 hours"}, {"7d", "7 days"}, {"30d", "30 days"}} {
		p.Spans = append(p.Spans, choice{span.title, p.path("since", span.since), since == span.since})
	}
	return query, nil
}

// path returns the address of the list with some parameters changed.
func (p *heldPage) path(changes ...any) string {
	return query(place{}, "/held", append([]any{"domain", p.Domain, "since", p.Since}, changes...)...)
}

// lead says what is shown.
func (p *heldPage) lead(messages, domains int) string {
	of := ""
	if p.Domain != "" {
		of = " of " + p.Domain
	}
	switch more := p.Next != "" || !p.Complete; {
	case messages == 0 && more:
		return "No held message" + of + " was found yet."
	case messages == 0:
		return "No message" + of + " was held in this time."
	case more || p.before != 0:
		return "These " + layout.Count(messages, "message") + of + " of " + layout.Count(domains, "author domain") + " were held, the newest first; there is more."
	default:
		was := " were"
		if messages == 1 {
			was = " was"
		}
		return layout.Count(messages, "message") + of + " of " + layout.Count(domains, "author domain") + was + " held in this time."
	}
}
