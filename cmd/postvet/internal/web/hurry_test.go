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

// TestSearchesAreQuick: each search has its page at once. Only a reader who goes on with a search
// waits.
func TestSearchesAreQuick(t *testing.T) {
	t.Parallel()
	k := startKept(t)
	for path, most := range map[string]time.Duration{
		"/messages": quickly, "/messages?q=4X17ABCDEF": quickly, "/messages?q=%3Cx%40example.org%3E": quickly, "/messages?q=ann%40example.org": quickly,
		"/messages?q=192.0.2.1": quickly, "/held": quickly, "/domains/example.org?range=quarter": quickly,
		"/messages?q=4X17ABCDEF&wait=long": patiently, "/held?wait=long": patiently,
	} {
		s := &hurriedSource{keptSource: k}
		w := get(t, newTest(s), path)
		if s.longest == 0 || s.longest > most || most == patiently && s.longest <= quickly {
			t.Errorf("%s: %d, may take %v, want %v", path, w.Code, s.longest, most)
		}
	}
}
