package dnscache_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// Known has what Lookup would answer from memory, and asks nothing.
func TestKnown(t *testing.T) {
	t.Parallel()
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
		if a := r.Known(q.name, q.typ); a != nil {
			t.Errorf("%s %s is known before it was asked for: %+v", q.name, q.typ, a)
		}
	}
	if n := len(s.Queries()); n != 0 {
		t.Fatalf("%d queries by Known", n)
	}
	for _, q := range questions {
		want := r.Lookup(t.Context(), q.name, q.typ)
		got := r.Known(q.name, q.typ)
		if got == nil || got.Outcome != q.want || !got.Cached {
			t.Errorf("%s %s: %+v, want %s from the cache", q.name, q.typ, got, q.want)
			continue
		}
		if diff := cmp.Diff(want, got, said); diff != "" {
			t.Errorf("%s %s (-asked +known):\n%s", q.name, q.typ, diff)
		}
	}
	// A name that does not exist does not for other types, and what cannot exist
	// need not be asked for.
	for _, name := range []string{"nowhere.example.test", "a..b", ""} {
		if a := r.Known(name, dnscache.TXT); a == nil || a.Outcome != dnscache.NXDomain {
			t.Errorf("%q: %+v", name, a)
		}
	}
}

func TestRecall(t *testing.T) {
	t.Parallel()
	s, r := dnstest.Start(t, zone)
	r.Lookup(t.Context(), "example.test", dnscache.TXT)
	before := len(s.Queries())
	recall := dnscache.NewRecall(r)
	if a := recall.Lookup(t.Context(), "example.test", dnscache.TXT); a.Outcome != dnscache.Found || recall.Missed() {
		t.Errorf("%+v, missed %v", a, recall.Missed())
	}
	if a := recall.Lookup(t.Context(), "example.test", dnscache.MX); a.Outcome != dnscache.Timeout || !recall.Missed() {
		t.Errorf("%+v, missed %v", a, recall.Missed())
	}
	// From then on it only says that something was missed.
	if a := recall.Lookup(t.Context(), "example.test", dnscache.TXT); a.Outcome != dnscache.Timeout {
		t.Errorf("%+v", a)
	}
	if n := len(s.Queries()) - before; n != 0 {
		t.Errorf("%d queries", n)
	}
}

// counting is a memory that counts what it told.
type counting struct {
	answers         map[string]*dnscache.Answer
	counted, failed int
}

func (c *counting) Known(name string, _ dnscache.Type) *dnscache.Answer {
	a := c.answers[name]
	if a != nil {
		c.counted++
		if a.Outcome.Temporary() {
			c.failed++
		}
	}
	return a
}

func (c *counting) Uncount(answers, failed int) {
	c.counted -= answers
	c.failed -= failed
}

// What was told to a recall that missed something will be asked for again.
func TestRecallIsNotCountedTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		asked           []string
		missed          bool
		counted, failed int
	}{
		{"all known", []string{"found", "failed"}, false, 2, 1},
		{"the first missed", []string{"gone", "found"}, true, 0, 0},
		{"the last missed", []string{"found", "failed", "gone"}, true, 0, 0},
		{"one in between missed", []string{"found", "gone", "failed", "gone"}, true, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &counting{answers: map[string]*dnscache.Answer{"found": {Outcome: dnscache.Found}, "failed": {Outcome: dnscache.ServFail}}}
			recall := dnscache.NewRecall(c)
			for _, name := range tt.asked {
				recall.Lookup(t.Context(), name, dnscache.TXT)
			}
			if recall.Missed() != tt.missed || c.counted != tt.counted || c.failed != tt.failed {
				t.Errorf("missed %v, %d counted, %d failed; want %v, %d, %d", recall.Missed(), c.counted, c.failed, tt.missed, tt.counted, tt.failed)
			}
		})
	}
}
