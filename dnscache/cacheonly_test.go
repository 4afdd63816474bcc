package dnscache_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// cached returns the answer from the cache, nil if there is none.
func cached(t testing.TB, r *dnscache.Resolver, name string, typ dnscache.Type) *dnscache.Answer {
	t.Helper()
	ctx, recall := dnscache.CacheOnly(t.Context())
	a := r.Lookup(ctx, name, typ)
	if missed := errors.Is(a.Err, dnscache.ErrNotCached); missed != recall.Missed() {
		t.Errorf("%s %s: %+v, and the recall says %v", name, typ, a, recall.Missed())
	}
	if recall.Missed() {
		return nil
	}
	return a
}

// A lookup that may not ask has what one that may would have from the cache.
func TestCacheOnly(t *testing.T) { undisturbed(t, cacheOnly) }

func cacheOnly(t testing.TB) {
	s, r := dnstest.Start(t, zone)
	questions := []struct {
		name string
		typ  dnscache.Type
		want dnscache.Outcome
	}{
		{"example.test", dnscache.TXT, dnscache.Found},
		{"EXAMPLE.test.", dnscache.MX, dnscache.Found},
		{"example.test", dnscache.A, dnscache.NoData},
		{"nowhere.example.test", dnscache.A, dnscache.NXDomain},
		{"alias.example.test", dnscache.A, dnscache.Found},
		{"fail.example.test", dnscache.A, dnscache.ServFail},
	}
	for _, q := range questions {
		if a := cached(t, r, q.name, q.typ); a != nil {
			t.Errorf("%s %s is cached before it was asked for: %+v", q.name, q.typ, a)
		}
	}
	if n := len(s.Queries()); n != 0 {
		t.Fatalf("%d queries", n)
	}
	if s := r.Stats(); s.Misses != 0 {
		t.Errorf("%d misses counted, though nothing was to be asked", s.Misses)
	}
	for _, q := range questions {
		want := r.Lookup(t.Context(), q.name, q.typ)
		got := cached(t, r, q.name, q.typ)
		if got == nil || got.Outcome != q.want || !got.Cached {
			t.Errorf("%s %s: %+v, want %s from the cache", q.name, q.typ, got, q.want)
			continue
		}
		if diff := cmp.Diff(want, got, said); diff != "" {
			t.Errorf("%s %s (-asked +cached):\n%s", q.name, q.typ, diff)
		}
	}
	// A name that does not exist has no records of other types either, and a name
	// that cannot exist need not be asked for.
	for _, name := range []string{"nowhere.example.test", "a..b", ""} {
		if a := cached(t, r, name, dnscache.TXT); a == nil || a.Outcome != dnscache.NXDomain {
			t.Errorf("%q: %+v", name, a)
		}
	}
}

// Nothing waits for the cache, so no timer is set; all else ends in time.
func TestWithTimeout(t *testing.T) {
	t.Parallel()
	cached, _ := dnscache.CacheOnly(t.Context())
	if ctx, cancel := dnscache.WithTimeout(cached, 0); ctx != cached || ctx.Err() != nil {
		t.Errorf("a timer for the cache: %v", ctx.Err())
	} else if cancel(); ctx.Err() != nil {
		t.Errorf("the cache's context has ended: %v", ctx.Err())
	}
	ctx, cancel := dnscache.WithTimeout(t.Context(), 0)
	defer cancel()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("no timer for lookups that wait: %v", ctx.Err())
	}
}

// A Recall keeps what it noted, and contexts derived from its own have it too.
func TestRecall(t *testing.T) { undisturbed(t, recall) }

func recall(t testing.TB) {
	s, r := dnstest.Start(t, zone)
	r.Lookup(t.Context(), "example.test", dnscache.TXT)
	before := len(s.Queries())
	if dnscache.RecallOf(t.Context()) != nil {
		t.Error("a context without a recall has one")
	}
	ctx, recall := dnscache.CacheOnly(t.Context())
	below, cancel := context.WithCancel(ctx)
	defer cancel()
	if dnscache.RecallOf(below) != recall {
		t.Error("a context below has another recall")
	}
	if a := r.Lookup(below, "example.test", dnscache.TXT); a.Outcome != dnscache.Found || recall.Missed() {
		t.Errorf("%+v, missed %v", a, recall.Missed())
	}
	if a := r.Lookup(below, "example.test", dnscache.MX); a.Outcome != dnscache.Timeout || !recall.Missed() {
		t.Errorf("%+v, missed %v", a, recall.Missed())
	}
	if a := r.Lookup(ctx, "example.test", dnscache.TXT); a.Outcome != dnscache.Found || !recall.Missed() {
		t.Errorf("%+v, missed %v", a, recall.Missed())
	}
	if n := len(s.Queries()) - before; n != 0 {
		t.Errorf("%d queries", n)
	}
}
