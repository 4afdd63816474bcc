package web

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/cmd/postvet/internal/web/chart"
)

// CountSource has counts over time.
type CountSource interface {
	// Series returns how a name fares over time. It is ErrNoJournal if nothing is
	// counted.
	Series(ctx context.Context, user access.User, q counts.SeriesQuery) (counts.Series, error)
}

// refusedOf returns the number of messages that were refused, or lost without a word.
func refusedOf(s *counts.Sums) int64 { return s[counts.Rejected] + s[counts.Discarded] }

// acceptedOf returns the number of messages that reached somebody.
func acceptedOf(s *counts.Sums) int64 {
	return max(0, s[counts.All]-refusedOf(s)-s[counts.Quarantined]-s[counts.Deferred])
}

// outcomesOf returns a chart of what became of the messages of a series. The title is made
// harmless by the caller if it has foreign text.
func outcomesOf(title string, s counts.Series) *chart.Bars {
	return barsOf(title, s, []outcome{
		{"accepted", "good", acceptedOf},
		{"refused", "bad", refusedOf},
		{"held", "warn", func(s *counts.Sums) int64 { return s[counts.Quarantined] }},
		{"deferred", "plain", func(s *counts.Sums) int64 { return s[counts.Deferred] }},
	})
}

// resultsOf returns a chart of what DMARC says of the messages of a series.
func resultsOf(title string, s counts.Series) *chart.Bars {
	return barsOf(title, s, []outcome{
		{"pass", "good", func(s *counts.Sums) int64 { return s[counts.Passed] }},
		{"fail", "bad", func(s *counts.Sums) int64 { return s[counts.Failed] }},
		{"undecided", "warn", func(s *counts.Sums) int64 { return s[counts.Undecided] }},
		{"without a policy", "plain", func(s *counts.Sums) int64 {
			return max(0, s[counts.All]-s[counts.Passed]-s[counts.Failed]-s[counts.Undecided])
		}},
	})
}

// outcome is a part of all messages.
type outcome struct {
	name, tone string
	of         func(*counts.Sums) int64
}

func barsOf(title string, s counts.Series, outcomes []outcome) *chart.Bars {
	b := &chart.Bars{Title: title, Step: chart.Step(s.Query.Step)}
	for _, o := range outcomes {
		p := chart.Part{Name: o.name, Tone: o.tone, Values: []int64{}}
		for i := range s.Points {
			p.Values = append(p.Values, o.of(&s.Points[i].Sums))
		}
		b.Parts = append(b.Parts, p)
	}
	b.Times = timesOf(s)
	return b
}

// alignedOf returns a chart of the share of messages that pass DMARC.
func alignedOf(title string, s counts.Series) *chart.Line {
	l := &chart.Line{Title: title, Step: chart.Step(s.Query.Step), Times: timesOf(s), Part: []int64{}, Whole: []int64{}}
	for i := range s.Points {
		l.Part, l.Whole = append(l.Part, s.Points[i].Sums[counts.Passed]), append(l.Whole, s.Points[i].Sums[counts.All])
	}
	return l
}

func timesOf(s counts.Series) []time.Time {
	all := make([]time.Time, len(s.Points))
	for i := range s.Points {
		all[i] = s.Points[i].At
	}
	return all
}
