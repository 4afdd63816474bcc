package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
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

	Next     string    `json:"next,omitempty"`
	Complete bool      `json:"complete"`
	Searched time.Time `json:"searched,omitzero"`
	GoOn     string    `json:"go_on,omitempty"`
	Oldest   time.Time `json:"oldest,omitzero"`
	Missing  []string  `json:"missing"`

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
	j, err := asked[control.Journal](h, q, control.Request{Do: control.DoJournalStatus})
	if err != nil {
		return nil, err
	}
	if p := noMessages(j); p != nil {
		return nil, p
	}
	p := heldPage{Domain: q.get("domain"), Since: q.get("since"), Groups: []heldGroup{}, Missing: journalFaults(j), Facts: h.opt.Source.Facts(q.ctx).Held}
	query, err := p.query(q)
	if err != nil {
		return nil, err
	}
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
	p.Complete, p.Searched, p.Oldest = found.Complete, found.Searched, found.Oldest
	p.Missing = append(p.Missing, unreadFiles(found.Unread)...)
	if found.Next != 0 {
		p.Next = p.path("before", found.Next.String())
	}
	if !found.Complete {
		p.GoOn = p.path("before", result.FirstReference(found.Searched).String(), "wait", "long")
	}
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
	if before := q.get("before"); before != "" {
		if p.before, err = result.ParseReference(before); err != nil {
			return query, &problem{Status: http.StatusBadRequest, Title: "This page of the list does not exist", Text: "Begin the list again."}
		}
		query.Before = p.before
	}
	since := p.Since
	if since == "" {
		since = heldSpan
	}
	if query.Since, err = rows.ParseTime(since, q.now, q.zone); err != nil {
		return query, &problem{Status: http.StatusBadRequest, Title: "This is no time", Text: foreign.Terminal(err.Error(), 300) + "."}
	}
	for _, span := range []struct{ since, title string }{{"24h", "24 hours"}, {"7d", "7 days"}, {"30d", "30 days"}} {
		p.Spans = append(p.Spans, choice{span.title, p.path("since", span.since), since == span.since})
	}
	return query, nil
}

// path returns the address of the list with some parameters changed.
func (p *heldPage) path(changes ...string) string {
	v := url.Values{}
	for i, pairs := 0, append([]string{"domain", p.Domain, "since", p.Since}, changes...); i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return "/held"
	}
	return "/held?" + v.Encode()
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
		return "Postvet had no message" + of + " held in this time."
	case more || p.before != 0:
		return "These " + layout.Count(messages, "message") + of + " of " + layout.Count(domains, "author domain") + " were held, the newest first; there is more."
	default:
		return "Postvet had " + layout.Count(messages, "message") + of + " of " + layout.Count(domains, "author domain") + " held in this time."
	}
}

// unreadFiles says which files of a journal could not be read.
func unreadFiles(names []string) []string {
	faults := []string{}
	for _, name := range names {
		faults = append(faults, "The file "+foreign.Terminal(name, 120)+" of the journal cannot be read; \"postvet journal verify\" says why.")
	}
	return faults
}

// lines returns a text of several lines.
func lines(all []string) string { return strings.Join(all, "\n") }
