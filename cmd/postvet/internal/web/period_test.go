package web

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// TestPeriod: the time of a page is that of its counts, so that a number and the list to which
// it leads are of the same mail.
func TestPeriod(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 17, 6, 5, 4, time.FixedZone("", 3*3600+1800))
	for _, x := range periods {
		q := &request{http: httptest.NewRequest("GET", "/domains?range="+x.word, nil), now: now}
		p, _ := q.period()
		s := counts.SeriesQuery{Since: p.Since, Until: p.Until, Step: p.step}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		if !s.Since.Equal(p.Since) {
			t.Errorf("%s begins %s, and is counted from %s", x.word, p.Since, s.Since)
		}
		if early := now.Add(-x.last).Sub(p.Since); early < 0 || early >= x.step {
			t.Errorf("%s begins %s early", x.word, early)
		}
	}
}
