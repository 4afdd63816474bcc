// Package requirements holds a domain against what large receivers demand of senders:
// Google, Yahoo and Microsoft. It judges an inspection of the domain, and asks nothing
// itself. What the DNS cannot show is said to be not seen, unless a journal or reports
// have shown it.
package requirements

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
	"github.com/postvet/postvet/cmd/postvet/internal/plan"
	"github.com/postvet/postvet/policy/foreign"
)

// State says whether a domain does what a rule demands.
type State string

// The states. Neither Unknown, for which a lookup failed, nor Unseen, which the DNS does
// not show, is ever taken for OK.
const (
	OK      State = "ok"
	Broken  State = "broken"
	Unknown State = "unknown"
	Unseen  State = "not-seen"
)

// Report is how a domain does by all rules.
type Report struct {
	Name string `json:"name"`
	// Summary is the report in one sentence.
	Summary string   `json:"summary"`
	Rules   []Result `json:"rules"`
	// Observed is what was seen of the domain's mail, if anybody looked.
	Observed *inspect.Observed `json:"observed,omitempty"`

	// Plan is what to publish, if the inspection made a plan.
	Plan *plan.Plan `json:"plan,omitempty"`

	finding.Totals
}

// Result is how a domain does by one rule.
type Result struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	By    []Receiver `json:"by"`
	// Bulk reports that the rule is for senders of much mail alone.
	Bulk  bool   `json:"bulk"`
	State State  `json:"state"`
	Text  string `json:"text"`
	// Fix says what to do, or how to see what was not seen.
	Fix string `json:"fix,omitempty"`
	// Sources are the pages on which the receivers say it.
	Sources []string `json:"sources"`
}

// judgement is the part of a result that depends on the domain.
type judgement struct {
	state     State
	text, fix string
}

// Judge holds an inspection against the rules.
func Judge(in *inspect.Report) *Report {
	r := &Report{Name: in.Name, Rules: []Result{}, Observed: in.Observed, Plan: in.Plan, Totals: finding.Totals{Lookups: in.Lookups, Failed: in.Failed}}
	for i := range rules {
		u := &rules[i]
		var j judgement
		switch {
		case in.Exists == inspect.NotExists && u.records:
			j = judgement{Broken, in.Name + " does not exist", ""}
		case in.Exists == inspect.Unknown && u.records:
			j = judgement{Unknown, "the DNS does not answer for " + in.Name, ""}
		default:
			j = u.judge(in)
		}
		result := Result{
			ID: u.id, Title: u.title, By: u.by, Bulk: u.bulk, State: j.state, Sources: []string{},
			Text: foreign.Line(j.text, advice.MaxText), Fix: foreign.Line(j.fix, advice.MaxFix),
		}
		for _, by := range u.by {
			result.Sources = append(result.Sources, pages[by])
		}
		r.Rules = append(r.Rules, result)
	}
	r.Count(finding.Lists{r.findings(0)})
	r.Summary = r.summary()
	return r
}

// count returns how many rules have a state.
func (r *Report) count(s State) (n int) {
	for _, u := range r.Rules {
		if u.State == s {
			n++
		}
	}
	return n
}

// summary returns the report in one sentence.
func (r *Report) summary() string {
	var broken []string
	for _, u := range r.Rules {
		if u.State == Broken {
			broken = append(broken, u.Title)
		}
	}
	text := fmt.Sprintf("%s does what Google, Yahoo and Microsoft demand of senders in %d of %d rules", r.Name, r.count(OK), len(r.Rules))
	switch len(broken) {
	case 0:
		text += ", and no rule is known to be broken"
	default:
		text += ", and breaks " + layout.Count(len(broken), "rule") + " (" + strings.Join(broken, ", ") + ")"
	}
	if n := r.count(Unseen); n > 0 {
		text += fmt.Sprintf("; %d cannot be seen in the DNS", n)
	}
	if n := r.count(Unknown); n > 0 {
		text += fmt.Sprintf("; %d could not be looked up", n)
	}
	return text + "."
}

// Verdict returns the report's verdict. A rule that is not seen does not count.
func (r *Report) Verdict() finding.Verdict {
	switch {
	case r.count(Broken) > 0:
		return finding.Faulty
	case r.count(Unknown) > 0:
		return finding.Undetermined
	}
	return finding.Sound
}

// findings returns the rules as findings: all with 0, or those of a number of receivers.
func (r *Report) findings(receivers int) *finding.List {
	list := finding.List{}
	for _, u := range r.Rules {
		if receivers > 0 && (len(u.By) == 3) != (receivers == 3) {
			continue
		}
		text := u.Title + ": " + u.Text
		var by []string
		for _, b := range u.By {
			by = append(by, string(b))
		}
		if len(by) < 3 {
			text += " (" + strings.Join(by, ", ") + ")"
		}
		f := finding.Finding{Text: text, Fix: u.Fix}
		switch u.State {
		case OK:
			f.Severity = finding.OK
		case Broken:
			f.Severity = finding.Error
		case Unknown:
			f.Severity, f.DNSFailure = finding.Warning, true
		default:
			f.Severity = finding.Note
		}
		list = append(list, f)
	}
	return &list
}

// Print writes the report for a person. The error is that of w.
func (r *Report) Print(w io.Writer, s layout.Screen) error { return r.write(page.New(w, s)) }

// Markdown writes the report for a ticket. The error is that of w.
func (r *Report) Markdown(w io.Writer) error { return r.write(page.NewTicket(w)) }

func (r *Report) write(p *page.Page) error {
	p.Title(r.Name, p.Wrap(r.Summary, 0, 0))
	p.Section("What all three demand", "")
	p.Findings("", *r.findings(3))
	p.Section("What some demand", "")
	p.Findings("", *r.findings(1))
	p.Section("Where they say it", "")
	for _, by := range []Receiver{Google, Yahoo, Microsoft} {
		if slices.ContainsFunc(r.Rules, func(u Result) bool { return slices.Contains(u.By, by) }) {
			p.Line("  %-9s  %s", by, p.Wrap(pages[by], 13, 13))
		}
	}
	r.Plan.Print(p)
	p.Totals(&r.Totals)
	return p.Flush()
}
