package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/foreign"
)

// Policies tell what is in force, and try others.
type Policies interface {
	// Policy returns what is in force.
	Policy(ctx context.Context) Policy
	// TryPolicy has the configuration, with a pasted text over it, decide about the mail of
	// the journal since a time. Nothing is kept. The error is a [*PastedError] if the text
	// has faults, and [ErrNoJournal] without a journal.
	TryPolicy(ctx context.Context, user access.User, text string, since time.Time) (*trial.Report, error)
}

// Policy is what is in force.
type Policy struct {
	InForce
	// Exact names the mode, and the lists of what it does not hold for.
	Exact string `json:"exact"`
	// OnReject says what becomes of mail that fails and that is to be refused.
	OnReject string       `json:"on_reject"`
	Parts    []PolicyPart `json:"parts"`
	// Shadow is true if a shadow policy is asked too, which decides nothing.
	Shadow bool `json:"shadow"`
	// File is the configuration file, "" for none, and Configuration what is in force, as
	// "postvet config show" prints it, without hashes of passwords. Secrets are in files
	// that it names.
	File          string `json:"file"`
	Configuration string `json:"configuration"`
	// Forwarders is the value of trust.forwarders as it is written in the file.
	Forwarders string `json:"forwarders"`
}

// PolicyPart is a part of the steps of a decision.
type PolicyPart struct {
	Title string       `json:"title"`
	Lines []PolicyLine `json:"lines"`
}

// PolicyLine says when a step applies, and what it leads to.
type PolicyLine struct {
	N    int    `json:"n"`
	Name string `json:"name"`
	When string `json:"when"`
	Then string `json:"then"`
}

// PastedError are the faults of a pasted text.
type PastedError struct{ Faults []PastedFault }

// PastedFault is a fault with its place, 0 and "" if it has none.
type PastedFault struct {
	Line    int    `json:"line"`
	Key     string `json:"key"`
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
	// Excerpt shows the place within an expression, in lines.
	Excerpt string `json:"excerpt,omitempty"`
}

func (e *PastedError) Error() string {
	return "the pasted rules have " + layout.Count(len(e.Faults), "fault")
}

// policyPage is the page of the policy.
type policyPage struct {
	Policy Policy `json:"policy"`
	// Text and Days are what the form has.
	Text   string        `json:"text"`
	Days   int           `json:"days"`
	Faults []PastedFault `json:"faults"`
	Tried  *tried        `json:"tried,omitempty"`
}

// tried is what another policy would have done.
type tried struct {
	Sentence string    `json:"sentence"`
	Since    time.Time `json:"since"`
	// Reached is the day back to which was searched, some of whose mail is missing; "" if
	// all was searched.
	Reached string        `json:"reached,omitempty"`
	Report  *trial.Report `json:"report"`
	Changes []changeLine  `json:"changes"`
	Notes   []string      `json:"notes"`
}

// changeLine is a kind of difference, with some messages.
type changeLine struct {
	Text     string   `json:"text"`
	Messages int      `json:"messages"`
	Examples []string `json:"examples"`
}

// trialDays are the times that can be chosen.
var trialDays = []int{1, 7, 30}

func (h *Handler) policy(q *request) (any, error) {
	p := &policyPage{Policy: h.opt.Source.Policy(q.ctx), Days: 7, Faults: []PastedFault{}}
	if add := q.get("add"); add != "" {
		p.Text = addForwarder(p.Policy.Forwarders, add)
	}
	return p, nil
}

// addForwarder returns the key trust.forwarders with one more entry.
func addForwarder(value, entry string) string {
	entry = strconv.Quote(foreign.Terminal(entry, 300))
	if inside := strings.TrimSuffix(strings.TrimPrefix(value, "["), "]"); inside != "" {
		entry = inside + ", " + entry
	}
	return "[trust]\nforwarders = [" + entry + "]\n"
}

func (h *Handler) tryPolicy(q *request) (any, error) {
	p := &policyPage{Policy: h.opt.Source.Policy(q.ctx), Faults: []PastedFault{}, Text: pasted(q.http.PostFormValue("rules"))}
	if p.Days, _ = strconv.Atoi(q.http.PostFormValue("days")); !slices.Contains(trialDays, p.Days) {
		p.Days = 7
	}
	if strings.TrimSpace(p.Text) == "" {
		p.Faults = append(p.Faults, PastedFault{Problem: "there is nothing to try", Remedy: "paste rules, or keys of [policy]"})
		return p, nil
	}
	since := q.now.Add(-time.Duration(p.Days) * 24 * time.Hour)
	report, err := h.opt.Source.TryPolicy(q.ctx, q.user, p.Text, since)
	var pasted *PastedError
	switch {
	case errors.As(err, &pasted):
		p.Faults = pasted.Faults
		return p, nil
	case err != nil:
		return nil, err
	}
	p.Tried = triedOf(report, since)
	return p, nil
}

// pasted returns a text of a form with plain line ends, and without what cannot be seen.
func pasted(s string) string { return foreign.TerminalLines(strings.ReplaceAll(s, "\r\n", "\n")) }

// triedOf puts a report into what the page shows.
func triedOf(r *trial.Report, since time.Time) *tried {
	t := &tried{Report: r, Since: since, Changes: []changeLine{}, Notes: []string{}}
	for i := range r.Changes {
		c := &r.Changes[i]
		t.Changes = append(t.Changes, changeLine{c.Words(), c.Messages, c.Examples})
	}
	if h := r.History; h != nil {
		t.Notes = append(t.Notes, h.Notes()...)
		if !h.Complete {
			day, _, _ := strings.Cut(h.Reached, ".")
			t.Reached = cmp.Or(day, "a day that is not known")
		}
	}
	for _, u := range r.Unreadable {
		t.Notes = append(t.Notes, u.File+" could not be read: "+foreign.Terminal(u.Problem, 300))
	}
	switch {
	case r.Messages == 0:
		t.Sentence = "The journal has no message of that time that could be tried."
	case r.Differing == 0 && r.Unknown == 0:
		t.Sentence = fmt.Sprintf("Nothing would change: %s would be treated as they were.", layout.Count(r.Messages, "message"))
	default:
		t.Sentence = fmt.Sprintf("Of %s, %d would be treated differently.", layout.Count(r.Messages, "message"), r.Differing)
		if r.Unknown > 0 {
			t.Sentence += fmt.Sprintf(" Of %d it is not known.", r.Unknown)
		}
	}
	return t
}
