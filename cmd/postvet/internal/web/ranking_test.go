package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// TestRankingOfNewest: a page whose time was over before all was ranked says since when it ranks,
// and its numbers and links are of that time.
func TestRankingOfNewest(t *testing.T) {
	t.Parallel()
	const whole = 365 * 24 * time.Hour
	var back time.Duration
	var within []time.Duration
	s := homeSource{source: source{facts: wellFacts(), ask: func(_ access.User, r control.Request) (any, error) {
		if r.Do != control.DoTop {
			return nil, &control.Refusal{Code: control.CodeFailed, Errors: []string{"no messages"}}
		}
		var q counts.Query
		if err := json.Unmarshal([]byte(r.Query), &q); err != nil {
			t.Error(err)
		}
		within = append(within, q.Within)
		out := counts.Ranking{Query: q, Lines: []counts.Line{}, Oldest: testNow.Add(-90 * 24 * time.Hour), Searched: q.Until.Add(-back)}
		if back == whole {
			out.Searched = q.Since
		}
		if back > 0 {
			out.Lines = append(out.Lines, counts.Line{Name: map[counts.Kind]string{counts.Domain: "a.example", counts.Client: "192.0.2.0/24"}[q.Kind]})
			l := &out.Lines[0]
			l.Sums[counts.All], l.Sums[counts.Failed], l.Sums[counts.Broken] = 9, 7, 7
			out.All = l.Sums
		}
		return out, nil
	}}}
	for path, x := range map[string]struct {
		back         time.Duration
		has, without []string
	}{
		"/domains?range=month&sort=share": {
			48 * time.Hour,
			[]string{"7 of 9 messages failed DMARC since 27 Nov 2026", "searched back to", `href="/domains?range=month&amp;sort=share&amp;wait=long"`, "Go on", "since=2026-11-27", "Messages in the last 30 days, by DMARC"},
			[]string{"new</td>", "the time before)", "since=2026-10-30"},
		},
		"/domains?range=month": {
			whole,
			[]string{"7 of 9 messages failed DMARC in the last 30 days", "All mail is ranked, searched back to", "not compared with the time before", "Go on"},
			[]string{"new</td>", "since 30"},
		},
		"/domains?wait=long":          {48 * time.Hour, []string{"searched back to", "Choose a shorter time"}, []string{"Go on"}},
		"/domains?sort=messages":      {0, []string{"nothing is ranked yet", "Go on"}, []string{"No mail came", "No domain failed", "Nothing is counted"}},
		"/forwarders?range=quarter":   {48 * time.Hour, []string{"since 27 Nov 2026", "searched back to", `href="/forwarders?range=quarter&amp;wait=long"`, "since=2026-11-27"}, []string{"in the last 90 days"}},
		"/forwarders?range=day&x=%3C": {0, []string{"nothing is ranked yet"}, []string{"Nobody", "No forwarder", "<\""}},
	} {
		back, within = x.back, nil
		w := get(t, newTest(s), path)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d\n%s", path, w.Code, w.Body)
		}
		holds(t, path, w.Body.String(), x.has...)
		lacks(t, path, w.Body.String(), x.without...)
		most, least := aSearch(quickly), time.Duration(0)
		if strings.Contains(path, "wait=long") {
			most, least = aSearch(patiently), quickly
		}
		if len(within) != 1 || within[0] > most || within[0] <= least {
			t.Errorf("%s: ranked within %v, want %v to %v", path, within, least, most)
		}
		place, query, _ := strings.Cut(path, "?")
		var page struct {
			Complete *bool     `json:"complete"`
			Searched time.Time `json:"searched"`
			GoOn     string    `json:"go_on"`
		}
		if err := json.Unmarshal(get(t, newTest(s), place+".json?"+query).Body.Bytes(), &page); err != nil || page.Complete == nil || *page.Complete || page.Searched.IsZero() {
			t.Errorf("%s as JSON: %+v, %v", path, page, err)
		}
		if !strings.HasPrefix(page.GoOn, place+"?") && least == 0 {
			t.Errorf("%s goes on at %q", path, page.GoOn)
		}
	}
}

// TestUncounted: a page asks once for counts that cannot be read.
func TestUncounted(t *testing.T) {
	t.Parallel()
	asked := 0
	q := newTest(nil).newRequest(httptest.NewRequest(http.MethodGet, "/own", nil))
	for range 3 {
		if _, err := ofThis(q, func(*request) (int, error) { asked++; return 0, http.ErrHandlerTimeout }); !errors.Is(err, http.ErrHandlerTimeout) {
			t.Errorf("error %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
