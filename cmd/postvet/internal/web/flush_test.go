package web

import (
	"context"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// flushSource is a source that flushes a journal for each request.
type flushSource struct {
	homeSource
	requests, flushes *int
}

func (s flushSource) flush(ctx context.Context) {
	*s.requests++
	FlushOnce(ctx, func() { *s.flushes++ })
}

func (s flushSource) Ask(ctx context.Context, u access.User, q control.Request) (any, error) {
	s.flush(ctx)
	return s.homeSource.Ask(ctx, u, q)
}

func (s flushSource) Series(ctx context.Context, u access.User, q counts.SeriesQuery) (counts.Series, error) {
	s.flush(ctx)
	return s.homeSource.Series(ctx, u, q)
}

// TestFlushOnce: a page that reads the journal several times flushes it once, and the next
// page flushes it again.
func TestFlushOnce(t *testing.T) {
	t.Parallel()
	facts := wellFacts()
	facts.OwnDomains = []string{"example.org"}
	s := flushSource{
		homeSource{source: source{facts: facts, ask: func(access.User, control.Request) (any, error) { return ranking(), nil }}},
		new(int), new(int),
	}
	for n := 1; n <= 2; n++ {
		get(t, newTest(s), "/")
		if *s.requests != 3*n || *s.flushes != n {
			t.Errorf("after page %d: %d requests, %d flushes", n, *s.requests, *s.flushes)
		}
	}
	for range 2 { // no page
		s.flush(t.Context())
	}
	if *s.flushes != 4 {
		t.Errorf("%d flushes", *s.flushes)
	}
}

// factsSource counts how often its facts are read.
type factsSource struct {
	homeSource
	read *int
}

func (s factsSource) Facts(ctx context.Context) Facts {
	*s.read++
	return s.homeSource.Facts(ctx)
}

// TestFactsOnce: a page reads the facts of the service once.
func TestFactsOnce(t *testing.T) {
	t.Parallel()
	facts := wellFacts()
	facts.OwnDomains = []string{"example.org"}
	facts.Journal.Privacy, facts.Journal.Shipping = string(rows.Addresses), &control.Shipping{Node: "mx1"}
	s := factsSource{homeSource{source: source{facts: facts, ask: func(_ access.User, q control.Request) (any, error) {
		if q.Do == control.DoHistory {
			return rows.Page{Complete: true}, nil
		}
		return ranking(), nil
	}}}, new(int)}
	for _, path := range []string{"/", "/held", "/messages"} {
		*s.read = 0
		if w := get(t, newTest(s), path); *s.read != 1 || w.Code != 200 {
			t.Errorf("%s, of status %d, reads them %d times", path, w.Code, *s.read)
		}
	}
}
