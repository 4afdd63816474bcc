package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// search is what a user asks for: the fields of the form and of the links.
type search struct {
	// Typed is what stands in the search field, Value what is meant by it, and As how it is
	// read.
	Typed string  `json:"q"`
	Value string  `json:"value"`
	As    reading `json:"as"`

	Action string `json:"action"`
	DMARC  string `json:"dmarc"`
	Hint   string `json:"hint"`
	Rule   string `json:"rule"`
	// Everywhere asks for all nodes, and Node for one of them.
	Everywhere bool   `json:"fleet"`
	Node       string `json:"node"`
	// Since and Until are the times as they were written, From and To what they mean.
	Since string    `json:"since"`
	Until string    `json:"until"`
	From  time.Time `json:"from,omitzero"`
	To    time.Time `json:"to,omitzero"`

	Before result.Reference `json:"before,omitempty"`

	readings []reading
}

// usualSpan is how far back a search goes.
const usualSpan = "7d"

// readSearch reads the parameters of a search.
func readSearch(q *request) (s search, err error) {
	s = search{
		Typed: q.get("q"), Action: q.get("action"), DMARC: q.get("dmarc"), Hint: q.get("hint"), Rule: q.get("rule"),
		Node: q.get("node"), Since: q.get("since"), Until: q.get("until"),
	}
	s.Everywhere = q.get("fleet") != "" || s.Node != ""
	for _, field := range []struct {
		name, value string
		known       []string
	}{{"action", s.Action, rows.Actions}, {"DMARC result", s.DMARC, rows.DMARCResults}, {"likely cause", s.Hint, hintWords}} {
		if field.value != "" && !slices.Contains(field.known, field.value) {
			return s, &problem{Status: http.StatusBadRequest, Title: "There is no such " + field.name, Text: "It is one of " + strings.Join(field.known, ", ") + "."}
		}
	}
	s.Value, s.readings = understand(s.Typed)
	if as := reading(q.get("as")); slices.Contains(s.readings, as) {
		s.As = as
	} else if len(s.readings) > 0 {
		s.As = s.readings[0]
	}
	if s.Before, err = q.before(); err != nil {
		return s, err
	}
	since := s.Since
	if since == "" && !s.As.ofOne() {
		since = usualSpan
	}
	if s.From, err = q.timeOf(since); err != nil {
		return s, err
	}
	s.To, err = q.timeOf(s.Until)
	return s, err
}

// hidden says why the journal does not find what is searched, "" if it may.
func (s *search) hidden(j control.Journal) string {
	return s.As.hidden(s.Value, rows.Level(j.Privacy), s.Everywhere)
}

// lacksAccepted reports whether accepted mail may be missing in what is found, since nodes do not
// send it to the database that is searched.
func (s *search) lacksAccepted(j control.Journal) bool {
	return s.Everywhere && j.Shipping != nil && !j.Shipping.All && (s.Action == "" || s.Action == string(result.Accept))
}

// queries returns the queries of a search.
func (s *search) queries() []rows.Query {
	all := s.As.queries(s.Value)
	for i := range all {
		q := &all[i]
		q.Since, q.Until, q.Before = s.From, s.To, s.Before
		q.Action, q.DMARC, q.Hint, q.Rule = s.Action, s.DMARC, s.Hint, s.Rule
		q.Fleet, q.Node = s.Everywhere, s.Node
	}
	return all
}

// path returns the address of the search with some parameters changed, given as names and
// values in turn. A page in the middle of a list is left.
func (s *search) path(changes ...any) string {
	pairs := []any{"q", s.Typed, "action", s.Action, "dmarc", s.DMARC, "hint", s.Hint, "rule", s.Rule, "node", s.Node, "since", s.Since, "until", s.Until}
	if s.Everywhere {
		pairs = append(pairs, "fleet", "1")
	}
	if len(s.readings) > 0 && s.As != s.readings[0] {
		pairs = append(pairs, "as", s.As)
	}
	return query(place{}, "/messages", append(pairs, changes...)...)
}

// spans are links to times.
func (s *search) spans() []choice {
	all := []choice{}
	for _, span := range []struct{ since, title string }{{"1h", "1 hour"}, {"24h", "24 hours"}, {"7d", "7 days"}, {"30d", "30 days"}} {
		current := s.Since == span.since || s.Since == "" && span.since == usualSpan && !s.As.ofOne()
		all = append(all, choice{span.title, s.path("since", span.since, "until", ""), current && s.Until == ""})
	}
	return all
}

// actions are links to what was done.
func (s *search) actions() []choice {
	all := []choice{{"All", s.path("action", ""), s.Action == ""}}
	for _, a := range rows.Actions {
		word := explain.Done(result.Action(a))
		all = append(all, choice{strings.ToUpper(word[:1]) + word[1:], s.path("action", a), s.Action == a})
	}
	return all
}

// hintWords are the likely causes of a failure.
var hintWords = explain.HintWords()

// noun is what is searched.
func (s *search) noun() string {
	if s.Action == "" {
		return "message"
	}
	return explain.Done(result.Action(s.Action)) + " message"
}

// what says which messages are searched, behind noun.
func (s *search) what(zone *time.Location) string {
	var parts []string
	add := func(text string) { parts = append(parts, text) }
	if s.As != asNothing {
		add(s.As.what(s.Value))
	}
	if s.DMARC != "" {
		add("with DMARC " + s.DMARC)
	}
	if s.Hint != "" {
		add("whose likely cause is \"" + explain.Likely(result.HintWord(s.Hint)) + "\"")
	}
	if s.Rule != "" {
		add("by the rule " + s.Rule)
	}
	switch {
	case s.Node != "":
		add("on the node " + s.Node)
	case s.Everywhere:
		add("on all nodes")
	}
	add(s.span(zone))
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

// span says from when to when is searched.
func (s *search) span(zone *time.Location) string {
	const form = "2 Jan 2006 15:04"
	switch {
	case s.From.IsZero() && s.To.IsZero():
		return "in all that is kept"
	case s.To.IsZero():
		return "since " + s.From.In(zone).Format(form)
	case s.From.IsZero():
		return "before " + s.To.In(zone).Format(form)
	default:
		return "from " + s.From.In(zone).Format(form) + " to " + s.To.In(zone).Format(form)
	}
}
