package control

import (
	"sync"
	"time"
)

const (
	// SampleEvery is how often Rates.Sample is to be called.
	SampleEvery = 5 * time.Second
	// samples reach over the longest window, and one more to begin it with.
	samples = int(15*time.Minute/SampleEvery) + 1
)

// Totals are the messages since the start by what became of them.
type Totals struct {
	Accept     int64 `json:"accept"`
	Quarantine int64 `json:"quarantine"`
	Reject     int64 `json:"reject"`
	TempFail   int64 `json:"tempfail"`
}

// All is their sum.
func (t Totals) All() int64 { return t.Accept + t.Quarantine + t.Reject + t.TempFail }

// Rate is messages per minute, by what became of them.
type Rate struct {
	Accept     float64 `json:"accept"`
	Quarantine float64 `json:"quarantine"`
	Reject     float64 `json:"reject"`
	TempFail   float64 `json:"tempfail"`
}

// All is their sum.
func (r Rate) All() float64 { return r.Accept + r.Quarantine + r.Reject + r.TempFail }

// Rates remember the totals of the last 15 minutes. The zero value is ready;
// it is safe for concurrent use. It has no clock of its own.
type Rates struct {
	mu   sync.Mutex
	ring [samples]sample
	n    int // taken so far
}

type sample struct {
	at time.Time
	t  Totals
}

// Sample takes note of the totals at a moment, later than that of the last call.
func (r *Rates) Sample(at time.Time, t Totals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.n%samples] = sample{at, t}
	r.n++
}

// Over returns the rate from window ago to now, when the totals are t. If there
// is no sample so old it is the rate since the oldest.
func (r *Rates) Over(window time.Duration, now time.Time, t Totals) Rate {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The youngest sample that is old enough, or else the oldest.
	var from sample
	for i := 1; i <= min(r.n, samples); i++ {
		from = r.ring[(r.n-i)%samples]
		if now.Sub(from.at) >= window {
			break
		}
	}
	if r.n == 0 {
		return Rate{}
	}
	// What came in the first moment says nothing of a minute.
	minutes := max(now.Sub(from.at), SampleEvery).Minutes()
	per := func(a, b int64) float64 { return float64(max(a-b, 0)) / minutes }
	return Rate{
		Accept:     per(t.Accept, from.t.Accept),
		Quarantine: per(t.Quarantine, from.t.Quarantine),
		Reject:     per(t.Reject, from.t.Reject),
		TempFail:   per(t.TempFail, from.t.TempFail),
	}
}
