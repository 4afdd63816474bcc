package web

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/result"
)

// stuckSource answers questions about the journal, the reports and other nodes only when their time
// is over.
type stuckSource struct {
	source
	waited    int  // the number of questions
	unbounded bool // a question had no time limit
}

// wait waits until the time is over.
func (s *stuckSource) wait(ctx context.Context) error {
	s.waited++
	if _, ok := ctx.Deadline(); !ok {
		s.unbounded = true
		return context.DeadlineExceeded
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *stuckSource) Ask(ctx context.Context, _ access.User, q control.Request) (any, error) {
	if q.Do == control.DoHistory { // a search that is not over has an answer
		_ = s.wait(ctx)
		return rows.Page{Rows: []*rows.Row{}, Searched: testNow.Add(-time.Hour)}, nil
	}
	return nil, s.wait(ctx)
}

func (s *stuckSource) Series(ctx context.Context, _ access.User, q counts.SeriesQuery) (counts.Series, error) {
	return counts.Series{Query: q}, s.wait(ctx)
}

func (s *stuckSource) DomainRecords(ctx context.Context, _ string) ([]rows.Published, error) {
	return nil, s.wait(ctx)
}

func (s *stuckSource) DomainChanges(ctx context.Context, _ string, _ time.Time) (*domainhistory.Changes, error) {
	return nil, s.wait(ctx)
}

func (s *stuckSource) DomainPatterns(ctx context.Context, _ string) (*domainhistory.Patterns, error) {
	return nil, s.wait(ctx)
}

func (s *stuckSource) Reports(ctx context.Context) (ReportReader, error) { return nil, s.wait(ctx) }

func (s *stuckSource) Senders(ctx context.Context, _ string, _ time.Duration) (Senders, error) {
	return Senders{}, s.wait(ctx)
}

func (s *stuckSource) KnownSenders(ctx context.Context, _ string) (Senders, error) {
	return Senders{}, s.wait(ctx)
}

func (s *stuckSource) Fleet(ctx context.Context) Fleet {
	_ = s.wait(ctx)
	return Fleet{Configured: true, Problem: "no answer", Late: true, Nodes: []FleetNode{}}
}

// countedStuckSource is a stuckSource that has counts.
type countedStuckSource struct{ *stuckSource }

func (s countedStuckSource) Ask(ctx context.Context, u access.User, q control.Request) (any, error) {
	if q.Do == control.DoTop {
		r := ranking()
		return r, json.Unmarshal([]byte(q.Query), &r.Query)
	}
	return s.stuckSource.Ask(ctx, u, q)
}

func (s countedStuckSource) Series(_ context.Context, _ access.User, q counts.SeriesQuery) (counts.Series, error) {
	return counts.Series{Query: q, Complete: true, Oldest: q.Since, Points: []counts.Point{{At: q.Since, Sums: ranking().All}}}, q.Check()
}

// TestTimeIsShared: however many parts of a page wait, all of them together have the time of one
// page. Each says that it was not read, and the page leads to the rest.
func TestTimeIsShared(t *testing.T) {
	t.Parallel()
	fleet := &control.Shipping{Node: "mx1"}
	for _, x := range []struct {
		path     string
		counted  bool
		shipping *control.Shipping
		parts    int // that wait
		status   int
		has      []string
	}{
		{"/", false, nil, 2, 200, []string{"What became of mail today cannot be shown. This took too long", "the mail of today", "the reports about 3 domains of yours"}},
		{"/", true, nil, 1, 200, []string{"the reports about 3 domains of yours, which are not read yet", "Messages of the last 24 hours"}},
		{"/", false, fleet, 3, 200, []string{"This took too long", "as the database of all nodes did not answer in time."}},
		{"/domains", false, nil, 1, 504, []string{"This took too long"}},
		{"/domains", false, fleet, 2, 504, []string{"This took too long"}},
		{"/domains/example.org", false, nil, 5, 200, []string{"could not be counted in the time of a page", "Its numbers cannot be shown. This took too long", "The records that mail has met cannot be shown. This took too long"}},
		{"/domains/example.org", true, nil, 4, 200, []string{"No message was found yet", "The records that mail has met cannot be shown. This took too long", "Changes of the records cannot be shown.", "What was learned of its mail cannot be shown."}},
		{"/forwarders", true, nil, 1, 200, []string{"The newest 0 messages were looked at, searched back to"}},
		{"/own", false, nil, 2, 200, []string{"one.example", "two.example", "three.example", "cannot be read at present"}},
		{"/own", false, fleet, 3, 200, []string{"cannot be read at present"}},
		{"/fleet", false, fleet, 1, 200, []string{"The database of all nodes did not answer in time", "no answer"}},
		{"/messages?q=ann%40example.org", false, nil, 2, 200, []string{"was found yet", "earched back to"}},
		{"/held", false, nil, 1, 200, []string{"was found yet", "earched back to"}},
		{"/messages/" + result.FirstReference(testNow).String() + "?dns=no", false, nil, 1, 503, nil},
		{"/reports/in", false, nil, 1, 503, []string{"The store of reports does not answer in time"}},
		{"/reports/sent", false, nil, 1, 503, []string{"The store of reports does not answer in time"}},
		{"/reports/in/1", false, nil, 1, 503, nil},
		{"/reports/sent/1", false, nil, 1, 503, nil},
	} {
		for _, most := range []time.Duration{quickly, patiently} {
			path := x.path
			if most == patiently {
				path += map[bool]string{false: "?", true: "&"}[strings.Contains(path, "?")] + "wait=long"
			}
			t.Run(path, func(t *testing.T) {
				t.Parallel()
				s := &stuckSource{source: source{facts: wellFacts()}}
				s.facts.Journal.Shipping, s.facts.Journal.Privacy = x.shipping, string(rows.Addresses)
				s.facts.OwnDomains = []string{"one.example", "two.example", "three.example"}
				var from Source = s
				if x.counted {
					from = countedStuckSource{s}
				}
				var w *httptest.ResponseRecorder
				var took time.Duration
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					w = get(t, newTest(from), path)
					took = time.Since(began)
				})
				body := w.Body.String()
				if s.unbounded || s.waited < x.parts || w.Code != x.status || took > most || took < most/2 {
					t.Errorf("%d after %v, %d parts wait, want %d; unbounded: %t\n%s", w.Code, took, s.waited, x.parts, s.unbounded, body)
				}
				holds(t, path, body, x.has...)
				rest, search := strings.Contains(body, ">Read the rest too<"), strings.Contains(body, ">Go on with the search<")
				if rest == search && most == quickly || rest && most == patiently {
					t.Errorf("it leads to the rest: %t, goes on: %t\n%s", rest, search, body)
				}
			})
		}
	}
}
