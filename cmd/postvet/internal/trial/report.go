package trial

import (
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/result"
)

// Report is the result of a run, as "postvet policy test --json" prints it.
type Report struct {
	// Messages is how many messages were evaluated, Differing how many of them the
	// two policies treat differently.
	Messages  int `json:"messages"`
	Differing int `json:"differing"`
	// Unknown is how many recorded messages depend on what the journal does not have. They
	// are no part of Differing.
	Unknown int `json:"unknown"`
	// WithoutClient is how many messages had no client address in their envelope, so
	// that their SPF is none.
	WithoutClient int       `json:"without_client"`
	Unreadable    []Problem `json:"unreadable"`
	// Rows are the messages that the policies treat differently, or all messages.
	Rows    []Outcome `json:"rows"`
	Actions []Count   `json:"actions"`
	Rules   []Count   `json:"rules"`
	// Changes are the kinds of differences. Authors and Clients have the most of them.
	Changes []Change `json:"changes"`
	Authors []Share  `json:"authors"`
	Clients []Share  `json:"clients"`
	// History is nil if stored messages were evaluated.
	History *History `json:"history,omitempty"`

	compared bool
}

// Problem is a message that was not evaluated.
type Problem struct {
	File    string `json:"file"`
	Problem string `json:"problem"`
}

// Outcome is one message: that in File, or the recorded one with the reference Ref. Before
// is nil if nothing was compared.
type Outcome struct {
	File   string           `json:"file"`
	Ref    result.Reference `json:"ref,omitempty"`
	At     time.Time        `json:"at,omitzero"`
	Author string           `json:"author"`
	Client string           `json:"client"`
	DMARC  string           `json:"dmarc"`
	// Unknown says why it is not known what would be done.
	Unknown []string `json:"unknown,omitempty"`
	Before  *Verdict `json:"before,omitempty"`
	After   Verdict  `json:"after"`
}

// Verdict is the part of a verdict that is compared and shown.
type Verdict struct {
	Action     result.Action `json:"action"`
	Intended   result.Action `json:"intended"`
	Code       string        `json:"code"`
	Text       string        `json:"text"`
	Rule       string        `json:"rule"`
	RedirectTo string        `json:"redirect_to"`
	// Edits are the fields that rules add and remove: "+X-Policy", "-X-Old".
	Edits   []string           `json:"edits"`
	Matched []result.RuleMatch `json:"matched"`
	Faults  []string           `json:"faults"`
}

func short(v result.Verdict) Verdict {
	s := Verdict{Action: v.Action, Intended: v.Intended, Code: v.Code, Text: v.Text, Rule: v.Rule, RedirectTo: v.RedirectTo, Matched: v.Matched, Faults: v.Faults}
	s.Edits = edits(v)
	if s.Matched == nil {
		s.Matched = []result.RuleMatch{}
	}
	if s.Faults == nil {
		s.Faults = []string{}
	}
	return s
}

// edits returns what rules add and remove. Edits of fields in our own name are left
// out.
func edits(v result.Verdict) []string {
	list := []string{}
	note := func(sign, name string) {
		if e := sign + name; name != result.ResultsField && !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	for _, f := range v.Insert {
		note("+", f.Name)
	}
	for _, r := range v.Remove {
		if r.Name != result.QuarantineField {
			note("-", r.Name)
		}
	}
	return list
}

// NewReport returns a report of rows. With all it lists every message, and else those
// that the policies treat differently.
func NewReport(rows []Row, compared, all bool) *Report {
	r := &Report{Unreadable: []Problem{}, Rows: []Outcome{}, compared: compared}
	t := newTally()
	for i := range rows {
		row := &rows[i]
		if row.Problem != "" {
			r.Unreadable = append(r.Unreadable, Problem{row.File, row.Problem})
			continue
		}
		if row.NoClient {
			t.withoutClient++
		}
		out := Outcome{File: row.File, Author: row.Author, Client: row.Client, DMARC: row.DMARC, Before: row.Before, After: row.After}
		t.add(&out, row.Differs)
		if all || row.Differs {
			r.Rows = append(r.Rows, out)
		}
	}
	t.fill(r)
	return r
}

// String returns a verdict for a table: "reject 550 5.7.26 (dmarc-reject)".
func (v Verdict) String() string {
	s := string(v.Action)
	if v.Code != "" {
		s += " " + v.Code
	}
	if v.RedirectTo != "" {
		s += " to " + v.RedirectTo
	}
	if v.Intended != v.Action {
		s += " instead of " + string(v.Intended)
	}
	s += " (" + v.Rule + ")"
	if len(v.Edits) > 0 {
		s += " " + strings.Join(v.Edits, " ")
	}
	return s
}
