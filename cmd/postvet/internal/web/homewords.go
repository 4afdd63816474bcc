package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// levelGood is the level of a page on which all is well.
const levelGood = "good"

// unknownOf returns the parts of the service that could not be looked at.
func unknownOf(f *Facts) []string {
	all := []string{}
	if state, _ := f.Status.DNS.State(); state == "not asked yet" {
		all = append(all, "the DNS, which was not asked yet")
	}
	if w := f.Status.Watch; w != nil {
		if n := w.ByVerdict["waiting"]; n > 0 {
			all = append(all, "the records of "+layout.Count(n, "domain")+" of yours, which are inspected soon")
		}
	}
	if f.Journal.Directory == "" {
		all = append(all, "the mail of today, as there is no journal")
	}
	return all
}

// level returns the colour of the sentence.
func (p *home) level() string {
	switch {
	case slices.ContainsFunc(p.Findings, func(f finding) bool { return f.Level == levelBad }):
		return levelBad
	case p.Well:
		return levelGood
	}
	return levelWarn
}

// sentence says whether all is well.
func (p *home) sentence() string {
	bad := slices.IndexFunc(p.Findings, func(f finding) bool { return f.Level == levelBad })
	text := ""
	switch n := len(p.Findings); {
	case p.Facts.Status.State == control.StateDraining:
		return "Postvet is stopping; mail waits at its senders until it runs again."
	case bad >= 0 && n == 1:
		return "Not all is well. " + p.Findings[bad].Text
	case bad >= 0:
		return fmt.Sprintf("Not all is well. %s In all, %d things need you.", p.Findings[bad].Text, n)
	case n == 1:
		text = "Mail is checked as it should be. One thing needs a look when you have time."
	case n > 1:
		text = fmt.Sprintf("Mail is checked as it should be. %d things need a look when you have time.", n)
	case len(p.Unknown) > 0:
		text = "Nothing is known to be wrong."
	case p.Facts.Policy.Monitors:
		return "All is well. Mail is checked, and nothing is refused: Postvet only monitors."
	default:
		return "All is well: mail is checked, the DNS answers, and nothing waits for you."
	}
	if len(p.Unknown) > 0 {
		text += " Not all could be looked at: " + strings.Join(p.Unknown, "; ") + "."
	}
	return text
}

// protects says what is protected, in one sentence.
func (f *InForce) protects(node string) string {
	mail := "the mail that comes to this server"
	if node != "" {
		mail = "the mail that comes to " + node
	}
	if f.Monitors {
		return "Postvet checks who really sent " + mail + ", but refuses nothing of it: it only monitors."
	}
	return "Postvet checks who really sent " + mail + ", and refuses, holds or marks what is forged."
}

// sentence says what became of the mail of today.
func (t *today) sentence() string {
	if t.Messages == 0 {
		return "No mail came today."
	}
	var parts []string
	for _, x := range []struct {
		n    int64
		what string
	}{{t.Refused, "refused"}, {t.Held, "held"}, {t.Deferred, "deferred"}} {
		if x.n > 0 {
			parts = append(parts, plain(x.n)+" "+x.what)
		}
	}
	text := "Today " + layout.Count(t.Messages, "message") + " came"
	switch {
	case len(parts) == 0:
		text += ", and none of them was refused, held or deferred."
	case t.Refused+t.Held+t.Deferred == 1:
		text += ": " + parts[0] + "."
	default:
		text += ": " + strings.Join(parts, ", ") + "."
	}
	if len(t.Reasons) > 0 && len(parts) > 0 {
		text += " The most frequent reason: " + foreign.Terminal(t.Reasons[0].Text, foreign.Whole)
	}
	if t.Would > 0 {
		text += " " + layout.Count(t.Would, "message") + " more would have been refused, held or deferred, but Postvet only monitors them."
	}
	return text
}
