package lookups

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
)

// fixed is a resolver with one answer.
type fixed struct{ answer *dnscache.Answer }

func (s *fixed) Lookup(context.Context, string, dnscache.Type) *dnscache.Answer {
	return s.answer
}

// TestOrder: texts and data are in one order, whatever that of the answer is, and the answer
// of the resolver stays as it is.
func TestOrder(t *testing.T) {
	t.Parallel()
	want := &dnscache.Answer{
		TXT: []string{"", "a=1", "B=2", "b=2", "c\x80"}, Data: []string{"\x02", "\x03\x00", "\x03\x01"},
		Canonical: "c.example", Authentic: true, Cached: true, Stale: true, Outcome: dnscache.Found, Expires: time.Unix(1, 0),
	}
	for n := range len(want.TXT) {
		given := *want
		given.TXT = slices.Concat(want.TXT[n:], want.TXT[:n])
		given.Data = slices.Concat(want.Data[n%3:], want.Data[:n%3])
		before := slices.Clone(given.TXT)
		l := New(t.Context(), &fixed{&given}, time.Now)
		got := l.Lookup(t.Context(), "a.example", dnscache.TXT)
		l.Close()
		if d := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".entry" }, cmp.Ignore())); d != "" {
			t.Error(d)
		}
		if !slices.Equal(before, given.TXT) {
			t.Errorf("the resolver's answer becomes %q", given.TXT)
		}
	}
}
