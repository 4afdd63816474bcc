package trial

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// Report is the result of a run, as "postvet policy test --json" prints it.
type Report struct {
	// Messages is how many messages were evaluated, Differing how many of them the
	// two policies treat differently.
	Messages  int `json:"messages"`
	Differing int `json:"differing"`
	// WithoutClient is how many messages had no client address in their envelope, so
	// that their SPF is none.
	WithoutClient int       `json:"without_client"`
	Unreadable    []Problem `json:"unreadable"`
	// Rows are the messages that the policies treat differently, or all messages.
	Rows    []Outcome `json:"rows"`
	Actions []Count   `json:"actions"`
	Rules   []Count   `json:"rules"`

	compared bool
}

// Problem is a message that was not evaluated.
type Problem struct {
	File    string `json:"file"`
	Problem string `json:"problem"`
}

// Outcome is one message. Before is nil if nothing was compared.
type Outcome struct {
	File   string   `json:"file"`
	Author string   `json:"author"`
	DMARC  string   `json:"dmarc"`
	Before *Verdict `json:"before,omitempty"`
	After  Verdict  `json:"after"`
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

// Count is the number of messages of an action or a rule.
type Count struct {
	Name   string `json:"name"`
	Before int    `json:"before"`
	After  int    `json:"after"`
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
	actions, rules := map[string]*Count{}, map[string]*Count{}
	for i := range rows {
		row := &rows[i]
		if row.Problem != "" {
			r.Unreadable = append(r.Unreadable, Problem{row.File, row.Problem})
			continue
		}
		r.Messages++
		if row.NoClient {
			r.WithoutClient++
		}
		count(actions, string(row.After.Action)).After++
		count(rules, row.After.Rule).After++
		out := Outcome{File: row.File, Author: row.Author, DMARC: row.DMARC, Before: row.Before, After: row.After}
		if row.Before != nil {
			count(actions, string(row.Before.Action)).Before++
			count(rules, row.Before.Rule).Before++
		}
		if row.Differs {
			r.Differing++
		}
		if all || row.Differs {
			r.Rows = append(r.Rows, out)
		}
	}
	r.Actions, r.Rules = sorted(actions), sorted(rules)
	return r
}

func count(m map[string]*Count, name string) *Count {
	c, ok := m[name]
	if !ok {
		c = &Count{Name: name}
		m[name] = c
	}
	return c
}

// sorted returns counts, the most frequent first.
func sorted(m map[string]*Count) []Count {
	out := make([]Count, 0, len(m))
	for _, c := range m {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Before+b.After, a.Before+a.After), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Write prints the report for a person: the messages, then the sums.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	if len(r.Rows) > 0 {
		t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		if r.compared {
			fmt.Fprintln(t, "MESSAGE\tAUTHOR\tDMARC\tBEFORE\tAFTER")
		} else {
			fmt.Fprintln(t, "MESSAGE\tAUTHOR\tDMARC\tVERDICT")
		}
		for _, o := range r.Rows {
			before := ""
			if o.Before != nil {
				before = o.Before.String() + "\t"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s%s\n", foreign.Terminal(o.File, foreign.Whole), foreign.Terminal(o.Author, 40), o.DMARC, before, o.After)
		}
		_ = t.Flush() // into memory
		b.WriteString("\n")
	}
	r.sums(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) sums(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	head := func(what string) {
		if r.compared {
			fmt.Fprintf(t, "%s\tBEFORE\tAFTER\n", what)
		} else {
			fmt.Fprintf(t, "%s\tMESSAGES\n", what)
		}
	}
	counts := func(list []Count) {
		for _, c := range list {
			if r.compared {
				fmt.Fprintf(t, "%s\t%d\t%d\n", c.Name, c.Before, c.After)
			} else {
				fmt.Fprintf(t, "%s\t%d\n", c.Name, c.After)
			}
		}
	}
	if r.Messages > 0 {
		head("ACTION")
		counts(r.Actions)
		fmt.Fprintln(t)
		head("RULE")
		counts(r.Rules)
		_ = t.Flush()
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "%s", layout.Count(r.Messages, "message"))
	if r.compared {
		fmt.Fprintf(b, ", %d treated differently", r.Differing)
	}
	if n := len(r.Unreadable); n > 0 {
		fmt.Fprintf(b, ", %d not readable", n)
	}
	b.WriteString("\n")
	if r.WithoutClient > 0 {
		fmt.Fprintf(b, "%s without a client address: no SPF for these\n", layout.Count(r.WithoutClient, "message"))
	}
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
