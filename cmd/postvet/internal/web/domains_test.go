package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// TestDomainsBySome: a page that sorts only some of the domains says so.
func TestDomainsBySome(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		sort  string
		names int
		says  string
	}{
		{"share", 500, "Only the 200 domains that fail most are sorted by share: one with fewer than 301 failures may come first among all."},
		{"change", 500, "Only the 200 domains that fail most are sorted by change: one with fewer than 301 failures may come first among all."},
		{"share", 199, ""},
		{"failed", 500, ""},
	} {
		s := homeSource{source: source{facts: wellFacts(), ask: func(_ access.User, q control.Request) (any, error) {
			r := counts.Ranking{Complete: true, Oldest: testNow.AddDate(-1, 0, 0)}
			if err := json.Unmarshal([]byte(q.Query), &r.Query); err != nil {
				return nil, err
			}
			for i := range min(x.names, r.Query.Limit) {
				l := counts.Line{Name: fmt.Sprintf("d%d.example", i)}
				l.Sums[counts.All], l.Sums[counts.Failed] = 1000, int64(500-i)
				r.All.Add(&l.Sums)
				r.Lines = append(r.Lines, l)
			}
			return r, nil
		}}}
		body := get(t, newTest(s), "/domains?sort="+x.sort).Body.String()
		if says := strings.Contains(body, "Only the 200 domains"); says != (x.says != "") || !strings.Contains(body, x.says) || !strings.Contains(body, "d0.example") {
			t.Errorf("%d names by %s: says so %t, want %q\n%s", x.names, x.sort, says, x.says, body)
		}
	}
}
