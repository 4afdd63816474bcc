package dnscache

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestEstimate(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name        string
		took        func(i int) time.Duration
		least, most time.Duration
	}{
		{"no sample", nil, 500 * ms, 500 * ms},
		{"one", func(int) time.Duration { return 10 * ms }, 30 * ms, 40 * ms},
		{"quick and even", func(int) time.Duration { return ms / 10 }, 20 * ms, 21 * ms},
		{"slow and even", func(int) time.Duration { return 400 * ms }, 420 * ms, 425 * ms},
		{"one in eight is slow", func(i int) time.Duration {
			if i%8 == 0 {
				return 300 * ms
			}
			return ms
		}, 300 * ms, 600 * ms},
		{"slower than an attempt", func(int) time.Duration { return 3 * time.Second }, 1500 * ms, 1500 * ms},
	} {
		e := &estimate{}
		for i := range 200 {
			if c.took == nil || c.name == "one" && i > 0 {
				break
			}
			e.answered(c.took(i), c.took(i), 1)
		}
		if got := e.timeout(1500 * ms); got < c.least || got > c.most {
			t.Errorf("%s: %v, want %v to %v", c.name, got, c.least, c.most)
		}
	}
}

// Answers after a retransmission do not move the estimate, unless they prove that the
// first query was only late.
func TestEstimateOfRetransmissions(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	e := &estimate{}
	for range 100 {
		e.answered(10*ms, 10*ms, 1)
	}
	before := e.timeout(time.Second)
	for range 100 {
		e.answered(before+10*ms, 10*ms, 2)
	}
	if got := e.timeout(time.Second); got != before || e.lost != 100 {
		t.Errorf("lost queries moved it from %v to %v; %d lost", before, got, e.lost)
	}
	for range 10 {
		e.answered(before+ms, ms, 2)
	}
	if got := e.timeout(time.Second); got <= before+retransmitFloor || e.lost != 100 {
		t.Errorf("late answers left it at %v; %d lost", got, e.lost)
	}
}

// The budget carries a burst, and then 0.6 retransmissions a query.
func TestRetransmissionsHaveABudget(t *testing.T) {
	t.Parallel()
	e, sent := &estimate{}, 0
	for range 1000 {
		e.begin()
		for range 1 + rand.N(5) {
			if e.resend() {
				sent++
			}
		}
	}
	if sent < 500 || sent > 1000*6/10+maxRetransmitTokens {
		t.Errorf("%d retransmissions of 1000 queries", sent)
	}
}
