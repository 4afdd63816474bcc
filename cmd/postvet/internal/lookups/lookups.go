// Package lookups makes the DNS lookups of one inspection: counted, bounded, and none
// twice.
package lookups

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postvet/postvet/dnscache"
)

const (
	// Max bounds the questions of one inspection. A large and healthy domain takes
	// some two hundred.
	Max = 1000
	// maxAtOnce bounds the questions under way at one time.
	maxAtOnce = 20
)

// Resolver is what an inspection needs of the DNS.
type Resolver interface {
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Lookups are the lookups of one inspection. They are counted and bounded, and none is
// made twice.
type Lookups struct {
	resolver Resolver
	now      func() time.Time
	slots    chan struct{}
	// inspection is the context of the inspection. A lookup goes on when its first
	// caller gives it up, since others may need the answer: iprev gives up the
	// remaining names when one of them leads back.
	inspection context.Context
	// asking is the context of the lookups, which ends with Close.
	asking context.Context
	stop   context.CancelFunc
	all    sync.WaitGroup

	mu       sync.Mutex
	answers  map[question]*lookup
	failed   int
	signed   bool // an answer was authentic
	exceeded bool // there were more than Max
	closed   bool
}

type question struct {
	name string
	typ  dnscache.Type
}

// lookup is a question under way or answered.
type lookup struct {
	done   chan struct{}
	answer *dnscache.Answer
}

// New returns lookups that end with ctx or Close. now is the clock of the resolver.
func New(ctx context.Context, r Resolver, now func() time.Time) *Lookups {
	l := &Lookups{resolver: r, now: now, inspection: ctx, slots: make(chan struct{}, maxAtOnce), answers: map[question]*lookup{}}
	l.asking, l.stop = context.WithCancel(ctx)
	return l
}

// Close ends the lookups that are under way: nobody waits for them any more.
func (l *Lookups) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stop()
	l.all.Wait()
}

// Lookup returns the answer to a question, never nil. It returns when ctx ends.
func (l *Lookups) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	q := question{name, t}
	l.mu.Lock()
	p := l.answers[q]
	if p == nil {
		if full := len(l.answers) >= Max; full || l.closed {
			l.exceeded = l.exceeded || full
			l.mu.Unlock()
			return &dnscache.Answer{Outcome: dnscache.Timeout}
		}
		p = &lookup{done: make(chan struct{})}
		l.answers[q] = p
		l.all.Go(func() { l.run(p, name, t) })
	}
	l.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
		if l.inspection.Err() == nil {
			return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
		}
		<-p.done // the lookup ends with the inspection
	}
	return p.answer
}

// run makes a lookup when a slot is free.
func (l *Lookups) run(p *lookup, name string, t dnscache.Type) {
	defer close(p.done)
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
		p.answer = l.resolver.Lookup(l.asking, name, t)
	case <-l.asking.Done():
		p.answer = &dnscache.Answer{Outcome: dnscache.Timeout, Err: l.asking.Err()}
	}
	if p.answer == nil {
		p.answer = &dnscache.Answer{Outcome: dnscache.ServFail}
	}
	p.answer = inOrder(p.answer)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.answer.Outcome.Known() {
		l.failed++
	}
	l.signed = l.signed || p.answer.Authentic
}

// inOrder returns an answer with its texts and data sorted: servers give them in any order,
// and two reports of the same records are to be equal.
func inOrder(a *dnscache.Answer) *dnscache.Answer {
	byText := func(x, y string) int {
		return cmp.Or(strings.Compare(strings.ToLower(x), strings.ToLower(y)), strings.Compare(x, y))
	}
	if slices.IsSortedFunc(a.TXT, byText) && slices.IsSorted(a.Data) {
		return a
	}
	b := a.Copy()
	b.TXT, b.Data = slices.SortedFunc(slices.Values(a.TXT), byText), slices.Sorted(slices.Values(a.Data))
	return b
}

// Counts returns how many lookups were made, how many failed, and whether there
// would have been more than are allowed.
func (l *Lookups) Counts() (made, failed int, exceeded bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers), l.failed, l.exceeded
}

// Addresses looks up the addresses of both families at once. The outcome is Found
// if there is any address, and that of a failed lookup if there is none. It is authentic
// if both are, or the one that did not fail.
func (l *Lookups) Addresses(ctx context.Context, name string) *dnscache.Answer {
	var v4, v6 *dnscache.Answer
	var both sync.WaitGroup
	both.Go(func() { v4 = l.Lookup(ctx, name, dnscache.A) })
	both.Go(func() { v6 = l.Lookup(ctx, name, dnscache.AAAA) })
	both.Wait()
	all := &dnscache.Answer{Outcome: v4.Outcome, Err: v4.Err, Canonical: v4.Canonical, Authentic: allAuthentic(v4, v6)}
	if all.Canonical == "" {
		all.Canonical = v6.Canonical
	}
	all.Addrs = append(append(all.Addrs, v4.Addrs...), v6.Addrs...)
	all.Expires = earliest(v4, v6)
	switch {
	case len(all.Addrs) > 0:
		all.Outcome, all.Err = dnscache.Found, nil
	case !v6.Outcome.Known():
		all.Outcome, all.Err = v6.Outcome, v6.Err
	case v4.Outcome == dnscache.NXDomain && v6.Outcome != dnscache.NXDomain:
		all.Outcome = v6.Outcome
	}
	return all
}

// allAuthentic reports whether those of the answers are authentic that did not fail.
func allAuthentic(answers ...*dnscache.Answer) bool {
	known := 0
	for _, a := range answers {
		if !a.Outcome.Known() {
			continue
		}
		if known++; !a.Authentic {
			return false
		}
	}
	return known > 0
}

// earliest returns when the first of the answers with records ends.
func earliest(answers ...*dnscache.Answer) (at time.Time) {
	for _, a := range answers {
		if a.Outcome == dnscache.Found && (at.IsZero() || a.Expires.Before(at)) {
			at = a.Expires
		}
	}
	return at
}

// Failure returns the text of a finding: the lookup of something at name
// failed.
func Failure(what, name string, a *dnscache.Answer) string {
	why := "DNS failure"
	switch o := a.Outcome; {
	case a.Bogus():
		why = "it does not pass DNSSEC validation"
	case o == dnscache.ServFail:
		why = "its DNS servers fail (SERVFAIL)"
	case o == dnscache.Refused:
		why = "the resolver refuses to answer"
	case o == dnscache.Timeout:
		why = "no answer in time"
	}
	return what + " of " + name + " could not be looked up: " + why
}
