package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/web/chart"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// domains ranks the domains of authors: who fails most?
type domains struct {
	Sentence string       `json:"sentence"`
	Period   period       `json:"period"`
	Ranges   []option     `json:"ranges"`
	Sorts    []option     `json:"sorts"`
	By       string       `json:"by"`
	Trend    *chart.Bars  `json:"trend"`
	Lines    []domainLine `json:"domains"`
	extent
	// All and Former are the numbers of all mail, in this time and in the one before.
	All    counts.Sums `json:"all"`
	Former counts.Sums `json:"former"`
	// Notes say what is not shown.
	Notes []string `json:"notes"`
	Nodes *nodes   `json:"nodes,omitempty"`
}

// domainLine is a domain of the ranking.
type domainLine struct {
	Name    string `json:"name"`
	All     int64  `json:"messages"`
	Failed  int64  `json:"failed"`
	Refused int64  `json:"refused"`
	Would   int64  `json:"would"`
	// Share is that of the messages that fail, in percent.
	Share float64 `json:"share"`
	// Before are the failures in the time before, Change how much it changed, in words.
	Before int64  `json:"before"`
	Change string `json:"change"`
	Hint   string `json:"hint,omitempty"`
	// Cause is the likely cause of most failures in words.
	Cause string `json:"cause"`
}

// The bounds of a ranking: so many names are shown, and among so many with most failures those are
// looked for whose share or change is the largest.
const (
	maxLines  = 50
	maxRanked = 200
)

func (h *Handler) domains(q *request) (any, error) {
	p := &domains{Notes: []string{}, Lines: []domainLine{}}
	p.Period, p.Ranges = q.period()
	p.By, p.Sorts = options(q.get("sort"), option{Word: "failed", Title: "failures"}, option{Word: "share", Title: "share"},
		option{Word: "change", Title: "change"}, option{Word: "messages", Title: "messages"}, option{Word: "would", Title: "what would be refused"})
	whole := p.Period
	query := counts.Query{Kind: counts.Domain, By: counts.Failed, Limit: maxLines + 1}
	switch p.By {
	case "messages":
		query.By = counts.All
	case "would":
		query.By = counts.Spared
	case "share", "change":
		query.Limit = maxRanked
	}
	var r counts.Ranking
	var notes []string
	var err error
	if r, p.extent, notes, err = h.rank(q, query, &p.Period); err != nil {
		return nil, err
	}
	p.All, p.Former = r.All, r.Former
	for i := range r.Lines {
		p.Lines = append(p.Lines, lineOf(&r.Lines[i], &r))
	}
	p.sort()
	if more := len(p.Lines) - maxLines; more > 0 {
		p.Lines = p.Lines[:maxLines]
		p.Notes = append(p.Notes, fmt.Sprintf("The first %d are shown; \"postvet top domains --limit 1000\" lists more.", maxLines))
	}
	if query.Limit == maxRanked && len(r.Lines) == maxRanked {
		p.Notes = append(p.Notes, fmt.Sprintf("Only the %d domains that fail most are sorted by %s: one with fewer than %s may come first among all.",
			maxRanked, p.By, layout.Count(r.Lines[maxRanked-1].Sums[counts.Failed], "failure")))
	}
	p.Notes = append(p.Notes, notes...)
	p.Sentence = p.sentence(&r)
	p.Trend = h.trend(q, "Messages "+whole.Text+", by DMARC", counts.SeriesQuery{Since: whole.Since, Until: whole.Until, Step: whole.step}, &p.Notes)
	p.Nodes = q.nodes.told()
	return p, nil
}

// trend returns the chart of a series by DMARC; without points, and with a note, if it cannot be
// read.
func (h *Handler) trend(q *request, title string, query counts.SeriesQuery, notes *[]string) *chart.Bars {
	s, err := h.series(q, query)
	if err != nil {
		*notes = append(*notes, "The trend cannot be shown. "+h.problemOf(q, err).words())
		s = counts.Series{Query: query}
	}
	return resultsOf(title, s)
}

func lineOf(l *counts.Line, r *counts.Ranking) domainLine {
	s := &l.Sums
	x := domainLine{
		Name: l.Name, All: s[counts.All], Failed: s[counts.Failed], Refused: refusedOf(s), Would: s[counts.Spared], Before: l.Former[counts.Failed],
		Hint: l.Hint, Cause: hintText(l.Hint),
	}
	if x.All > 0 {
		x.Share = float64(x.Failed) * 100 / float64(x.All)
	}
	x.Change = changeOf(x.Failed, x.Before, r)
	return x
}

// changeOf returns the change of a number against the time before, in words; "" if the counts
// do not go back so far.
func changeOf(n, before int64, r *counts.Ranking) string {
	switch {
	case r.Oldest.IsZero() || r.Oldest.After(r.FormerSince):
		return ""
	case n == before:
		return "no change"
	case before == 0:
		return "new"
	case n >= 10*before:
		return fmt.Sprintf("%d times as many", n/before)
	}
	return fmt.Sprintf("%+d %%", (n-before)*100/before)
}

// Spared reports whether a line has mail that would be refused.
func (p *domains) Spared() bool {
	return slices.ContainsFunc(p.Lines, func(l domainLine) bool { return l.Would > 0 })
}

// sort sorts the lines.
func (p *domains) sort() {
	slices.SortStableFunc(p.Lines, func(a, b domainLine) int {
		switch p.By {
		case "share":
			return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(b.Failed, a.Failed))
		case "change":
			return cmp.Or(cmp.Compare(b.Failed-b.Before, a.Failed-a.Before), cmp.Compare(b.Failed, a.Failed))
		}
		return 0 // they come in order
	})
}

// sentence answers the question of the page.
func (p *domains) sentence(r *counts.Ranking) string {
	all, failed := p.All[counts.All], p.All[counts.Failed]
	switch {
	case p.nothing:
		return unranked
	case r.Oldest.IsZero():
		return nothingCounted
	case all == 0:
		return "No mail came " + p.Period.Text + "."
	case failed == 0:
		return fmt.Sprintf("Nobody: none of %s failed DMARC %s.", layout.Count(all, "message"), p.Period.Text)
	}
	text := fmt.Sprintf("%s of %s failed DMARC %s", plain(failed), layout.Count(all, "message"), p.Period.Text)
	if c := changeOf(failed, p.Former[counts.Failed], r); c != "" && c != "new" {
		text += " (" + c + " compared with the time before)"
	}
	if len(p.Lines) > 0 && r.Query.By == counts.Failed { // others may lack it
		if most := slices.MaxFunc(p.Lines, func(a, b domainLine) int { return cmp.Compare(a.Failed, b.Failed) }); most.Failed > 0 {
			text += fmt.Sprintf(", most often in the name of %s (%s)", nameText(most.Name), plain(most.Failed))
		}
	}
	return text + "."
}

// nothingCounted is the sentence of a page about counts that have not begun.
const nothingCounted = "Nothing is counted yet: the first mail will be here a few seconds after it came."

// nameText returns a name that is counted, as a sentence has it.
func nameText(name string) string {
	switch name {
	case counts.None:
		return "no domain at all"
	case counts.Other:
		return "others"
	}
	return name
}

// hintText returns a hint in words, "" for none.
func hintText(word string) string {
	if s := explain.Likely(result.HintWord(word)); s != "" || word == "" {
		return s
	}
	return strconv.Quote(word)
}
