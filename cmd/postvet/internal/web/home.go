package web

import (
	"fmt"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/web/chart"
	"github.com/postvet/postvet/policy/explain"
)

// home is the first page: is all well now?
type home struct {
	// Well is true if nothing needs attention, and all was looked at. Sentence says so, or
	// what is the matter, and Level is the colour of that: "good" or one of a finding.
	Well     bool   `json:"well"`
	Level    string `json:"level"`
	Sentence string `json:"sentence"`
	// Protects says what is protected.
	Protects string    `json:"protects"`
	Findings []finding `json:"findings"`
	// Unknown are the things that could not be looked at.
	Unknown []string `json:"unknown"`
	Facts   Facts    `json:"facts"`
	Today   today    `json:"today"`
	// Nodes are those whose mail Today counts, nil if this machine is alone.
	Nodes *nodes `json:"nodes,omitempty"`
}

// today is what became of mail since midnight.
type today struct {
	Since time.Time `json:"since"`
	// Known is false if there is no journal that counts. Problem says then why not.
	Known   bool   `json:"known"`
	Problem string `json:"problem,omitempty"`
	// Complete is false if the time was over before all was counted.
	Complete bool `json:"complete"`
	// Sentence says the numbers below.
	Sentence string `json:"sentence"`
	Messages int64  `json:"messages"`
	Refused  int64  `json:"refused"`
	Held     int64  `json:"held"`
	Deferred int64  `json:"deferred"`
	// Would are messages that were accepted only because they are monitored.
	Would   int64    `json:"would"`
	Reasons []reason `json:"reasons"`
	// Chart is nil if the hours are not counted.
	Chart *chart.Bars `json:"chart,omitempty"`
	// Undrawn says why there is no chart, "" if there is one.
	Undrawn string `json:"chart_problem,omitempty"`
}

// reason is why messages were not plainly accepted.
type reason struct {
	Rule string `json:"rule"`
	// Text is the rule in words.
	Text     string `json:"text"`
	Refused  int64  `json:"refused"`
	Held     int64  `json:"held"`
	Deferred int64  `json:"deferred"`
	// Would are messages that were accepted only because they are monitored.
	Would int64 `json:"would"`
}

// maxReasons bounds the reasons of the first page.
const maxReasons = 8

func (h *Handler) home(q *request) (any, error) {
	p := &home{Facts: *h.facts(q)}
	p.Findings, p.Unknown = findingsOf(&p.Facts, q.now), unknownOf(&p.Facts)
	p.Today.Since = midnight(q.now, q.zone)
	h.fillToday(q, p)
	h.fillNewSenders(q, p)
	if p.Today.Known {
		p.Today.draw(h, q)
	}
	p.Nodes = q.nodes.told()
	p.Well = len(p.Findings) == 0 && len(p.Unknown) == 0
	p.Level, p.Sentence = p.level(), p.sentence()
	p.Protects = p.Facts.Policy.protects(h.opt.Node)
	return p, nil
}

// midnight returns the beginning of the day of a time in a zone.
func midnight(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
}

// fillToday counts the mail of the day, and adds what that tells of our own domains.
func (h *Handler) fillToday(q *request, p *home) {
	t := &p.Today
	t.Reasons = []reason{}
	if p.Facts.Journal.Directory == "" {
		return
	}
	if j := &p.Facts.Journal; !j.Running && j.Problem != "" { // a finding has the problem
		t.Problem = "The journal could not be opened."
		p.Unknown = append(p.Unknown, "the mail of today")
		return
	}
	ranking, err := h.top(q, counts.Query{Kind: counts.Rule, By: counts.All, Since: t.Since, Until: q.now, Limit: counts.MaxLimit, Within: q.within()})
	if err != nil {
		why := h.problemOf(q, h.unreadable(q, err))
		t.Problem = why.words()
		p.Unknown = append(p.Unknown, "the mail of today")
		if why.Title == unreadableTitle {
			p.Findings = append([]finding{{
				Name: "journal-unreadable", Level: levelBad, Path: "/status#journal", Details: []string{},
				Text: "The journal cannot be read, so that mail of today cannot be counted or found.", Do: "Run \"postvet journal verify\", which says which file is damaged.",
			}}, p.Findings...)
		}
		return
	}
	t.Known, t.Complete = true, ranking.Complete
	if !t.Complete {
		p.Unknown = append(p.Unknown, "a part of the mail of today")
	}
	all := &ranking.All
	t.Messages, t.Refused, t.Held, t.Deferred, t.Would = all[counts.All], refusedOf(all), all[counts.Quarantined], all[counts.Deferred], all[counts.Would]
	if t.Since = ranking.Query.Since; !ranking.Searched.IsZero() { // as exactly as it is counted
		t.Since = ranking.Searched
	}
	t.Reasons = reasonsOf(ranking.Lines)
	t.Sentence = t.sentence()
	h.findOwnDomains(q, p)
}

// draw draws the last 24 hours.
func (t *today) draw(h *Handler, q *request) {
	hours := counts.SeriesQuery{Since: q.now.Add(-24 * time.Hour), Until: q.now, Step: time.Hour}
	series, err := h.series(q, hours)
	if err != nil {
		t.Undrawn = h.problemOf(q, h.unreadable(q, err)).words()
		return
	}
	t.Chart = outcomesOf("Messages of the last 24 hours", series)
}

// findOwnDomains adds who sends in the name of our own domains today, and did not before.
func (h *Handler) findOwnDomains(q *request, p *home) {
	if len(p.Facts.OwnDomains) == 0 {
		return
	}
	own, err := h.top(q, counts.Query{Kind: counts.Domain, By: counts.Failed, Since: p.Today.Since, Until: q.now, Limit: counts.MaxLimit, Within: q.within()})
	if err != nil || !own.Complete {
		p.Unknown = append(p.Unknown, "who sends in the name of your domains")
		if own.FormerSince.IsZero() { // nothing is known of the time before
			return
		}
	}
	p.Findings = append(p.Findings, ownDomainFindings(p.Facts.OwnDomains, own.Lines)...)
}

// reasonsOf returns the rules that did something to messages, those with most of them first.
func reasonsOf(lines []counts.Line) []reason {
	all := []reason{}
	for _, l := range lines {
		s := &l.Sums
		r := reason{Rule: l.Name, Refused: refusedOf(s), Held: s[counts.Quarantined], Deferred: s[counts.Deferred], Would: s[counts.Would]}
		if r.messages() > 0 {
			r.Text = ruleText(l.Name)
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b reason) int { return int(b.messages() - a.messages()) })
	return all[:min(len(all), maxReasons)]
}

func (r *reason) messages() int64 { return r.Refused + r.Held + r.Deferred + r.Would }

// ruleText returns a rule in words.
func ruleText(name string) string {
	if text := explain.RuleSentence(name); text != "" {
		return text
	}
	switch name {
	case counts.Other:
		return "Other rules."
	case counts.None:
		return "No rule is known."
	}
	return "Your rule " + name + " decided."
}

// ownDomainFindings finds our own domains that others use without proof today, and did not
// before.
func ownDomainFindings(own []string, lines []counts.Line) (all []finding) {
	for _, l := range lines {
		failed, before := l.Sums[counts.Failed], l.Former[counts.Failed]
		is := slices.ContainsFunc(own, func(d string) bool { return rows.Within(d, l.Name) })
		if !is || failed < 5 || before*4 > failed {
			continue
		}
		all = append(all, finding{
			Name: "own-domain-unproven", Level: levelWarn, Path: "/domains/" + l.Name + "?range=day", Details: []string{},
			Text: fmt.Sprintf("Mail of today claims to be from your domain %s without proof: %s, %d in the same time before.", l.Name, layout.Count(failed, "message"), before),
			Do:   "See which networks sent it: those of a forger, or of a new service of yours that is in no record yet.",
		})
	}
	return all[:min(len(all), 5)]
}
