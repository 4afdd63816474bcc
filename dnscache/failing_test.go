package dnscache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// A failure says since when the question has failed, until it is answered or nobody asked
// for long.
func TestFailingSince(t *testing.T) { undisturbed(t, failingSince) }

func failingSince(t testing.TB) {
	s, r, clock := fixture(t, "*.test. TXT x\n$FAULT a.test * SERVFAIL", dnscache.Options{Timeout: 20 * time.Second})
	since := func() time.Time {
		// The resolver answers for other names.
		r.Lookup(t.Context(), fmt.Sprintf("n%d.other", clock.now().UnixNano()), dnscache.TXT)
		return r.Lookup(t.Context(), "a.test", dnscache.TXT).FailingSince()
	}
	began := clock.now()
	for range 4 {
		if got := since(); !got.Equal(began) {
			t.Errorf("since %v, want %v", got, began)
		}
		clock.advance(90 * time.Minute)
	}
	clock.advance(time.Hour)
	if got, want := since(), clock.now(); !got.Equal(want) {
		t.Errorf("after a long pause: since %v, want %v", got, want)
	}
	clock.advance(time.Minute)
	s.SetFault("a.test", "*", "")
	if got := since(); !got.IsZero() {
		t.Errorf("answered: since %v", got)
	}
	clock.advance(time.Hour)
	s.SetFault("a.test", "*", "SERVFAIL")
	if got, want := since(), clock.now(); !got.Equal(want) {
		t.Errorf("after an answer: since %v, want %v", got, want)
	}
}
