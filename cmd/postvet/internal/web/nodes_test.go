package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// fleetSource counts differently on this node and on all of them. Its database fails with away.
type fleetSource struct {
	source
	away  error
	asked []counts.Nodes
	// silent are nodes that say nothing.
	silent []counts.Silent
}

func newFleetSource() *fleetSource {
	f := &fleetSource{}
	f.facts = Facts{Journal: control.Journal{Directory: "/j", Privacy: "addresses", Running: true, Shipping: &control.Shipping{Node: "mx1"}}}
	return f
}

// sums are the numbers of some nodes.
func (f *fleetSource) sums(of counts.Nodes) (s counts.Sums, names []string, err error) {
	f.asked = append(f.asked, of)
	s[counts.All], s[counts.Failed], s[counts.Broken] = 7, 3, 3
	if of.Fleet {
		names = []string{"mx1", "mx2", hostile}
		s[counts.All], s[counts.Failed], s[counts.Broken], err = 7000, 3000, 3000, f.away
	}
	return s, names, err
}

func (f *fleetSource) Ask(_ context.Context, _ access.User, q control.Request) (any, error) {
	if q.Do != control.DoTop {
		return nil, errors.New("not asked for")
	}
	var query counts.Query
	if err := json.Unmarshal([]byte(q.Query), &query); err != nil {
		return nil, err
	}
	if err := query.Check(); err != nil {
		return nil, err
	}
	s, names, err := f.sums(query.Nodes)
	return counts.Ranking{Query: query, Lines: []counts.Line{{Name: "192.0.2.0/24", Sums: s}}, All: s, Nodes: names, Silent: f.silent, Oldest: testNow.AddDate(0, 0, -30), Complete: true}, err
}

func (f *fleetSource) Series(_ context.Context, _ access.User, q counts.SeriesQuery) (counts.Series, error) {
	if err := q.Check(); err != nil {
		return counts.Series{}, err
	}
	s, names, err := f.sums(q.Nodes)
	return counts.Series{Query: q, Points: []counts.Point{{At: q.Since, Sums: s}}, Oldest: testNow.AddDate(0, 0, -30), Nodes: names, Silent: f.silent, Complete: true}, err
}

// TestNodes: pages show the numbers of all nodes, or of one, and lead to its messages; while the
// database is away they show those of this node, say so, and ask the database no second time.
func TestNodes(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		path  string
		away  error
		asked int // of the database
		has   []string
		lacks []string
	}{
		{"/domains", nil, 2, []string{"000 of 7000 messages", "The numbers are of 3 nodes", `href="/domains?node=mx2&amp;range=week"`, `aria-current="true"><bdi class="foreign">all nodes`}, []string{"away"}},
		{"/domains?node=mx2", nil, 2, []string{"The numbers are of the node mx2.", `href="/domains?node=mx2&amp;range=day`, `node=mx2&amp;range=week&amp;sort=share`}, []string{"away"}},
		{"/forwarders", nil, 1, []string{"3000 messages from 1 network", `/messages?client=192.0.2.0%2F24&amp;dmarc=fail&amp;fleet=1`}, []string{"away"}},
		{"/forwarders?node=mx2", nil, 1, []string{`/messages?client=192.0.2.0%2F24&amp;dmarc=fail&amp;fleet=1&amp;node=mx2`}, nil},
		{"/domains", errors.New("the database cannot be reached: " + hostile), 1, []string{"3 of 7 messages", "of this node alone, as the database of all nodes is away: the database cannot be reached"}, []string{"7000"}},
		{"/forwarders", context.DeadlineExceeded, 1, []string{"of this node alone, as the database of all nodes did not answer in time.", `<a href="/forwarders?wait=long">Read the rest too</a>`, `/messages?client=192.0.2.0%2F24&amp;dmarc=fail&amp;since=`}, []string{"fleet=1", "is away"}},
		{"/", errors.New("no route"), 1, []string{"of this node alone, as the database of all nodes is away: no route."}, nil},
		{"/", nil, 2, []string{"The numbers are of 3 nodes"}, nil},
	} {
		f := newFleetSource()
		f.away = x.away
		w := get(t, newFleetHandler(f), x.path)
		body := w.Body.String()
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", x.path, w.Code)
		}
		for _, want := range x.has {
			if !strings.Contains(body, want) {
				t.Errorf("%s, %v: %q is missing in\n%s", x.path, x.away, want, body)
			}
		}
		for _, bad := range append(x.lacks, hostile) {
			if strings.Contains(body, bad) {
				t.Errorf("%s, %v: has %q", x.path, x.away, bad)
			}
		}
		asked := 0
		for _, of := range f.asked {
			if of.Fleet {
				asked++
			}
		}
		if asked != x.asked {
			t.Errorf("%s, %v: the database is asked %d times, want %d", x.path, x.away, asked, x.asked)
		}
	}
	alone := newFleetSource()
	alone.facts.Journal.Shipping = nil
	if body := get(t, newFleetHandler(alone), "/domains").Body.String(); strings.Contains(body, "The numbers are of") || strings.Contains(body, "fleet=1") {
		t.Error("one machine alone speaks of nodes")
	}
}

// TestSilentNodes: numbers of all nodes say which of them has sent nothing for long.
func TestSilentNodes(t *testing.T) {
	t.Parallel()
	since := testNow.Add(-26 * time.Hour)
	for path, want := range map[string]string{
		"/domains":          "as far as they have sent them. What came since is missing: mx2 has sent nothing since 28 Nov 14:00.",
		"/":                 "What came since is missing: mx2 has sent nothing since 28 Nov 14:00.",
		"/domains?node=mx2": "The numbers are of the node mx2. What came since is missing: mx2 has sent nothing since 28 Nov 14:00.",
		"/domains?node=mx1": "The numbers are of the node mx1.<",
	} {
		f := newFleetSource()
		f.silent = []counts.Silent{{Node: "mx2", Since: since}}
		holds(t, path, get(t, newFleetHandler(f), path).Body.String(), want)
	}
	f := newFleetSource()
	for range 5 {
		f.silent = append(f.silent, counts.Silent{Node: hostile, Since: since})
	}
	page := get(t, newFleetHandler(f), "/domains").Body.String()
	holds(t, "many", page, "2 more nodes neither.")
	checkHarmless(t, page)
}

func newFleetHandler(s Source) *Handler {
	return New(Options{Source: s, Gate: socketRights{}, Now: func() time.Time { return testNow }})
}
