package control

import (
	"sync"
	"time"
)

const (
	// SampleEvery is the interval at which Rates.Sample must be called.
	SampleEvery = 5 * time.Second
	// samples cover the longest window, from one at its beginning.
	samples = int(15*time.Minute/SampleEvery) + 1
)

// ByAction is a number of messages for each action.
type ByAction[T int64 | float64] struct {
	Accept     T `json:"accept"`
	Quarantine T `json:"quarantine"`
	Reject     T `json:"reject"`
	TempFail   T `json:"tempfail"`
	Redirect   T `json:"redirect"`
	Discard    T `json:"discard"`
}

// Totals are the messages since the start.
type Totals = ByAction[int64]

// Rate is the messages per minute.
type Rate = ByAction[float64]

// All returns their sum.
func (b ByAction[T]) All() T {
	return b.Accept + b.Quarantine + b.Reject + b.TempFail + b.Redirect + b.Discard
}

// Rates remembers the totals of the last 15 minutes. The zero value is ready. It
// is safe for concurrent use, and has no clock of its own.
type Rates struct {
	mu   sync.Mutex
	ring [samples]sample
	n    int // samples taken so far
}

type sample struct {
	at time.Time
	t  Totals
}

// Sample records the totals at a time after that of the last call.
func (r *Rates) Sample(at time.Time, t Totals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.n%samples] = sample{at, t}
	r.n++
}

// Over returns the rate over a window that ends now, when the totals are t. If no
// sample is so old, it is the rate since the oldest one.
func (r *Rates) Over(window time.Duration, now time.Time, t Totals) Rate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return Rate{}
	}
	// from is the youngest sample that is old enough, or else the oldest.
	var from sample
	for i := 1; i <= min(r.n, samples); i++ {
		from = r.ring[(r.n-i)%samples]
		if now.Sub(from.at) >= window {
			break
		}
	}
	// The messages of the first seconds say nothing about a minute.
	minutes := max(now.Sub(from.at), SampleEvery).Minutes()
	per := func(a, b int64) float64 { return float64(max(a-b, 0)) / minutes }
	return Rate{
		Accept:     per(t.Accept, from.t.Accept),
		Quarantine: per(t.Quarantine, from.t.Quarantine),
		Reject:     per(t.Reject, from.t.Reject),
		TempFail:   per(t.TempFail, from.t.TempFail),
		Redirect:   per(t.Redirect, from.t.Redirect),
		Discard:    per(t.Discard, from.t.Discard),
	}
}
