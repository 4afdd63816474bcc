package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// ranking is what the service counts of today.
func ranking() counts.Ranking {
	r := counts.Ranking{Complete: true, Query: counts.Query{Since: testNow.Add(-16 * 3600e9)}}
	r.All[counts.All], r.All[counts.Rejected], r.All[counts.Quarantined] = 12345, 23, 4
	for name, n := range map[string]int64{"dmarc-reject": 20, "<i>mine": 3, "dmarc-pass": 0} {
		l := counts.Line{Name: name}
		l.Sums[counts.All], l.Sums[counts.Rejected] = 100, n
		r.Lines = append(r.Lines, l)
	}
	return r
}

// homeSource is a source with a message in each hour.
type homeSource struct {
	source
	known func(domain string) (Senders, error) // by default no reports are kept
}

func (s homeSource) KnownSenders(_ context.Context, domain string) (Senders, error) {
	if s.known == nil {
		return Senders{}, ErrNoReports
	}
	return s.known(domain)
}

func (homeSource) Series(_ context.Context, _ access.User, q counts.SeriesQuery) (counts.Series, error) {
	s := counts.Series{Query: q, Complete: true}
	for at := q.Since; at.Before(q.Until); at = at.Add(q.Step) {
		p := counts.Point{At: at}
		p.Sums[counts.All] = 1
		s.Points = append(s.Points, p)
	}
	return s, nil
}

func TestHome(t *testing.T) {
	t.Parallel()
	counted := func(_ access.User, q control.Request) (any, error) {
		if q.Do != control.DoTop {
			return nil, errors.New("asked for something else")
		}
		return ranking(), nil
	}
	for _, tc := range []struct {
		name    string
		change  func(*Facts)
		ask     func(access.User, control.Request) (any, error)
		want    []string
		without []string
	}{
		{
			"well", func(*Facts) {}, counted,
			[]string{
				"lead note good", "All is well: mail is checked", "checks who really sent the mail", "Today 12345 messages came: 23 refused, 4 held. The most frequent reason: Nothing proves", "Messages in each hour", "Messages of the last 24 hours", "<svg", "12\u202f345", "Nothing proves that the message comes from its author&#39;s domain", "/messages?rule=dmarc-reject&amp;since=2026-11-29T00%3A00%3A00Z",
				"Your rule &lt;i&gt;mine decided", "Mail is refused.", "unix:postvet/postvet.sock",
			},
			[]string{"What needs you", "dmarc-pass", "<i>"},
		},
		{"monitors", func(f *Facts) { f.Policy.Monitors = true }, counted, []string{"Postvet only monitors"}, nil},
		{"one thing", func(f *Facts) { f.PatternsUnwritten = true }, counted, []string{"One thing needs a look", "What needs you", "cannot be written to the disk"}, []string{"All is well"}},
		{"two things, one grave", func(f *Facts) { f.PatternsUnwritten, f.Status.DNS.Degraded = true, true }, counted, []string{"Not all is well. The DNS fails", "In all, 2 things need you."}, nil},
		{"stopping", func(f *Facts) { f.Status.State = control.StateDraining }, counted, []string{"Postvet is stopping"}, nil},
		{
			"no journal", func(f *Facts) { f.Journal = control.Journal{}; f.Disk = nil }, counted,
			[]string{"keeps no journal", "Nothing is known to be wrong. Not all could be looked at: the mail of today, as there is no journal."},
			[]string{"12\u202f345", "All is well"},
		},
		{
			"the DNS was not asked", func(f *Facts) { f.Status.DNS.Upstreams[0].Queries = 0 }, counted,
			[]string{"lead note warn", "Not all could be looked at: the DNS, which was not asked yet."},
			[]string{"All is well"},
		},
		{
			"domains wait for their inspection", func(f *Facts) { f.Status.Watch = &control.Domains{ByVerdict: map[string]int{"waiting": 2}} }, counted,
			[]string{"the records of 2 domains of yours"},
			[]string{"All is well"},
		},
		{
			"today is not counted", func(*Facts) {}, func(access.User, control.Request) (any, error) { return nil, context.DeadlineExceeded },
			[]string{"This took too long", "Not all could be looked at: the mail of today."},
			[]string{"All is well"},
		},
		{
			"our own domains cannot be looked at", func(f *Facts) { f.OwnDomains = []string{"example.org"} },
			func(u access.User, q control.Request) (any, error) {
				if query := (counts.Query{}); json.Unmarshal([]byte(q.Query), &query) != nil || query.Kind == counts.Domain {
					return nil, context.DeadlineExceeded
				}
				return counted(u, q)
			},
			[]string{"Not all could be looked at: who sends in the name of your domains.", "Your own domains"},
			[]string{"All is well"},
		},
		{
			"the journal cannot be read", func(*Facts) {}, func(access.User, control.Request) (any, error) { return nil, errors.New("disk I/O error") },
			[]string{"cannot be shown", "The log of the service says why", "The journal cannot be read, so that mail of today", "which file is damaged: postvet journal verify"},
			[]string{"disk I/O error", "All is well", "This page could not be made"},
		},
		{
			"the journal could not be opened", func(f *Facts) { f.Journal.Running, f.Journal.Problem = false, "mkdir /j: permission denied" }, func(access.User, control.Request) (any, error) { return nil, errors.New("no such file") },
			[]string{"nothing is remembered", "mkdir /j: permission denied", "restart the service", "cannot be shown. The journal could not be opened."},
			[]string{"journal verify", "In all, 2 things", "All is well"},
		},
		{"empty", func(*Facts) {}, func(access.User, control.Request) (any, error) { return counts.Ranking{Complete: true}, nil }, []string{"No mail came today"}, nil},
		{"not in time", func(*Facts) {}, func(access.User, control.Request) (any, error) { return counts.Ranking{}, nil }, []string{"not all could be counted in time", "Not all could be looked at: a part of the mail of today."}, []string{"All is well"}},
		{"two minutes after the start", func(f *Facts) { f.Status.UptimeSeconds = 120 }, counted, []string{">5 minutes<"}, []string{">15 minutes<"}},
		{"an hour after the start", func(f *Facts) { f.Status.UptimeSeconds = 3600 }, counted, []string{">5 minutes<", ">15 minutes<"}, nil},
		{"a listener from outside", func(f *Facts) { f.Status.Listeners = []string{"<script>"} }, counted, []string{"&lt;script&gt;"}, []string{"<script>"}},
	} {
		s := homeSource{source: source{ask: tc.ask, facts: wellFacts()}}
		tc.change(&s.facts)
		w := get(t, newTest(s), "/")
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d\n%s", tc.name, w.Code, w.Body)
		}
		holds(t, tc.name, w.Body.String(), tc.want...)
		lacks(t, tc.name, w.Body.String(), tc.without...)
	}
	w := get(t, newTest(homeSource{source: source{ask: counted, facts: wellFacts()}}), "/index.json")
	holds(t, "the page", w.Body.String(), `"well": true`, `"findings": []`, `"rule": "dmarc-reject"`, `"refused": 23`)
}
