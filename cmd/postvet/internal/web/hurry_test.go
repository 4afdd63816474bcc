package web

import (
	"context"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// hurriedSource notes how long a search may take.
type hurriedSource struct {
	*keptSource
	longest time.Duration
}

func (s *hurriedSource) Ask(ctx context.Context, user access.User, q control.Request) (any, error) {
	if end, ok := ctx.Deadline(); ok && q.Do == control.DoHistory {
		s.longest = max(s.longest, time.Until(end))
	}
	return s.keptSource.Ask(ctx, user, q)
}

func (s *hurriedSource) Facts(ctx context.Context) Facts {
	f := s.keptSource.Facts(ctx)
	f.Journal.Privacy = string(rows.Hashed)
	return f
}

// aSearch is the share of a page's time that its first search has.
func aSearch(all time.Duration) time.Duration { return all * 2 / 3 }

// TestSearchesAreQuick: each search has its page at once. Only a reader who goes on with a search
// waits.
func TestSearchesAreQuick(t *testing.T) {
	t.Parallel()
	k := startKept(t)
	for path, most := range map[string]time.Duration{
		"/messages": aSearch(quickly), "/messages?q=4X17ABCDEF": aSearch(quickly), "/messages?q=%3Cx%40example.org%3E": aSearch(quickly), "/messages?q=ann%40example.org": aSearch(quickly),
		"/messages?q=192.0.2.1": aSearch(quickly), "/held": aSearch(quickly), "/domains/example.org?range=quarter": aSearch(quickly),
		"/messages?q=4X17ABCDEF&wait=long": aSearch(patiently), "/held?wait=long": aSearch(patiently),
	} {
		s := &hurriedSource{keptSource: k}
		w := get(t, newTest(s), path)
		if s.longest == 0 || s.longest > most || most == aSearch(patiently) && s.longest <= quickly {
			t.Errorf("%s: %d, may take %v, want %v", path, w.Code, s.longest, most)
		}
	}
}
