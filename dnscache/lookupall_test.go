package dnscache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// timed answers after as many seconds as stand for a name, or when ctx ends.
type timed map[string]int

func (d timed) Lookup(ctx context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	select {
	case <-time.After(time.Duration(d[name]) * time.Second):
		return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{name}}
	case <-ctx.Done():
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
}

func TestLookupAll(t *testing.T) {
	t.Parallel()
	questions := []dnscache.Question{{Name: "a", Type: dnscache.TXT}, {Name: "b", Type: dnscache.TXT}, {Name: "c", Type: dnscache.TXT}, {Name: "d", Type: dnscache.TXT}}
	for _, tt := range []struct {
		name    string
		seconds timed
		limit   time.Duration
		until   string
		want    []string
		took    time.Duration
	}{
		{"in the order of the questions", timed{"a": 4, "b": 1, "c": 3, "d": 2}, time.Minute, "", []string{"a", "b", "c", "d"}, 4 * time.Second},
		{"as long as the caller wants", timed{"a": 2, "b": 1, "c": 9, "d": 9}, time.Minute, "b", []string{"a", "b"}, 2 * time.Second},
		{"as long as ctx lets", timed{"a": 1, "b": 9, "c": 2, "d": 9}, 5 * time.Second, "", []string{"a", "timeout", "c", "timeout"}, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // which fails if a lookup is left
				ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
				defer cancel()
				began := time.Now()
				var got []string
				for i, a := range dnscache.LookupAll(ctx, tt.seconds, questions) {
					if i != len(got) {
						t.Errorf("the answer %d comes as number %d", i, len(got))
					}
					text := a.Outcome.String()
					if a.Outcome == dnscache.Found {
						text = a.TXT[0]
					}
					if got = append(got, text); text == tt.until {
						break
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// From the cache alone the answers come up to the first that is not there.
func TestLookupAllCacheOnly(t *testing.T) { undisturbed(t, lookupAllCacheOnly) }

func lookupAllCacheOnly(t testing.TB) {
	s, r := dnstest.Start(t, zone)
	questions := []dnscache.Question{{Name: "example.test", Type: dnscache.TXT}, {Name: "example.test", Type: dnscache.MX}, {Name: "example.test", Type: dnscache.A}}
	for _, q := range []int{0, 2} {
		r.Lookup(t.Context(), questions[q].Name, questions[q].Type)
	}
	before := len(s.Queries())
	ctx, recall := dnscache.CacheOnly(t.Context())
	var got []int
	for i := range dnscache.LookupAll(ctx, r, questions) {
		got = append(got, i)
	}
	if diff := cmp.Diff([]int{0}, got); diff != "" || !recall.Missed() || len(s.Queries()) != before {
		t.Errorf("missed %v, %d queries; answers (-want +got):\n%s", recall.Missed(), len(s.Queries())-before, diff)
	}
}
