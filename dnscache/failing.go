package dnscache

import (
	"errors"
	"sync"
	"time"
)

// failing remembers since when questions have failed through the fault of their names, so
// that a caller can be patient for a while, and not for ever. Forgetting one makes callers
// patient for longer, so a flood of names that fail does no harm.
type failing struct {
	mu    sync.Mutex
	since map[key]failingSince
}

// failingSince has times on the resolver's clock.
type failingSince struct{ first, last int64 }

const (
	maxFailing = 4096 // questions that are remembered
	// Nobody knows what was between failures that are further apart than failingGap. A
	// sender that retries a message asks again sooner (RFC 5321 section 4.5.4.1).
	failingGap = 2 * time.Hour
)

// failed records that a question failed at a time, and returns since when it has.
func (f *failing) failed(k key, now int64) (first int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.since[k]
	if !ok || now-s.last > int64(failingGap) {
		s.first = now
	}
	s.last = now
	if f.since == nil {
		f.since = map[key]failingSince{}
	}
	for other := range f.since { // in random order
		if ok || len(f.since) < maxFailing {
			break
		}
		delete(f.since, other)
	}
	f.since[k] = s
	return s.first
}

// answered records that a question was answered.
func (f *failing) answered(k key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.since, k)
}

// sinceError is a failure with the time since which the question has failed.
type sinceError struct {
	error
	since time.Time
}

func (e *sinceError) Unwrap() error { return e.error }

// FailingSince returns since when the question has failed through the fault of its name,
// as far as this resolver has seen. It is zero after other failures.
func (a *Answer) FailingSince() time.Time {
	var e *sinceError
	if errors.As(a.Err, &e) {
		return e.since
	}
	return time.Time{}
}
