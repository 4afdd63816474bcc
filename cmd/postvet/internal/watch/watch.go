// Package watch looks after what the DNS says of domains: it inspects them again and again,
// and tells of records that change and of errors that come and go.
//
// A DNS failure is never a change: only the answer that there is no record means that one
// is gone. What was told once is not told again by a restart, and what changes to and fro is
// told at most once in a time.
package watch

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc"
)

const (
	// MaxDomains bounds the domains that are watched.
	MaxDomains = 1000
	// atOnce bounds the domains that are inspected at a time.
	atOnce = 4
	// timeout bounds the inspection of one domain.
	timeout = 2 * time.Minute
	// again is after what time a domain is inspected again whose lookups failed.
	again = 30 * time.Minute
	// begin is within what time new domains are inspected.
	begin = time.Minute
	// relist is how often it is looked up which domains there are.
	relist = 10 * time.Minute
	// pause is the least time between two looks at what is due.
	pause = 5 * time.Second
)

// Options are options of a watcher. Resolver, Domains and Every are required.
type Options struct {
	Resolver lookups.Resolver
	// Domains are the domains, More those that come and go, nil for none. Those beyond
	// MaxDomains are not watched.
	Domains []string
	More    func() []string
	// Selectors returns selectors of DKIM keys of a domain; nil for none.
	Selectors func(domain string) []string
	DMARC     dmarc.Options
	// Every is after what time a domain is inspected again, Repeat after what time
	// something is told again about the same record or error.
	Every, Repeat time.Duration
	// File keeps the state; "" to forget it with the process.
	File string
	// Mail sends a mail; nil for none. Daily has it tell what the last day has changed,
	// instead of each change soon.
	Mail  func(ctx context.Context, subject, text string) error
	Daily bool
	// Before is the watcher before this one, whose counters go on; nil for none.
	Before *Watcher
	Log    *zap.Logger
}

// Watcher watches domains.
type Watcher struct {
	o     Options
	log   *zap.Logger
	began time.Time

	mu    sync.Mutex
	state *State
	stats Stats
	names []string  // the domains now
	next  time.Time // the next mail
	lock  *os.File  // held while the file of the state is this process's

	unsaved, unsent string // the last failures, which are logged once
}

// New returns a watcher with the state of the file. The error says why the state is empty;
// the watcher works all the same.
func New(o Options) (*Watcher, error) {
	w := &Watcher{o: o, log: o.Log, began: time.Now(), stats: Stats{Checks: map[finding.Verdict]uint64{}, Events: map[Kind]uint64{}}}
	if w.log == nil {
		w.log = zap.NewNop()
	}
	w.state = &State{Version: version, Domains: map[string]*Domain{}}
	var err error
	switch b := o.Before; {
	case b != nil && b.o.File == o.File: // the file may not have taken what is known
		w.takeOver(b)
		w.state = b.handOver()
	case b != nil:
		w.takeOver(b)
		fallthrough
	default:
		if o.File != "" {
			w.state, err = Load(o.File)
		}
		if err != nil {
			err = errors.Join(err, setAside(o.File))
		}
	}
	w.o.Before = nil
	now := time.Now()
	w.state.notAfter(now)
	w.list(now)
	w.next = w.state.Mailed.Add(mailEvery)
	if w.state.Daily.IsZero() || w.state.Daily.After(now) {
		w.state.Daily = now
	}
	return w, err
}

// takeOver goes on with the counters of the watcher before.
func (w *Watcher) takeOver(b *Watcher) {
	w.began, w.stats, w.unsaved, w.unsent = b.began, b.Stats(), b.unsaved, b.unsent
}

// handOver returns the state of a watcher that has ended, and leaves it an empty one.
func (w *Watcher) handOver() *State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state
	w.state, w.names = &State{Version: version, Domains: map[string]*Domain{}}, nil
	return s
}

// list lists the domains. New ones, and those that are overdue, do not all begin at once.
func (w *Watcher) list(now time.Time) {
	names := slices.Clone(w.o.Domains)
	slices.Sort(names)
	names = slices.Compact(names)
	if w.o.More != nil {
		more := w.o.More()
		slices.Sort(more)
		for _, name := range slices.Compact(more) {
			if !slices.Contains(w.o.Domains, name) {
				names = append(names, name)
			}
		}
	}
	names = names[:min(len(names), MaxDomains)]
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		d := w.state.Domains[name]
		if d == nil {
			d = &Domain{}
			w.state.Domains[name] = d
		}
		// A clock or a setting may have been changed.
		if !slices.Contains(w.names, name) && (d.Next.Before(now) || d.Next.Sub(now) > 2*w.o.Every) {
			d.Next = now.Add(jitter(begin))
		}
	}
	w.names = names
}

// jitter returns a time between none and d.
func jitter(d time.Duration) time.Duration { return rand.N(max(d, 1)) }

// Run watches until the context ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.release()
	listed := time.Now()
	for ctx.Err() == nil {
		if now := time.Now(); now.Sub(listed) >= relist {
			listed = now
			w.list(now)
		}
		due, wait := w.due(time.Now())
		if len(due) > 0 {
			w.checkAll(ctx, due)
		}
		if ctx.Err() == nil {
			w.tellDay(time.Now())
			w.sendMail(ctx, time.Now())
		}
		if len(due) > 0 {
			continue
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// due returns the domains to be inspected now, as many as are at a time, or else how long
// to wait.
func (w *Watcher) due(now time.Time) (names []string, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait = time.Minute
	for _, name := range w.names {
		left := w.state.Domains[name].Next.Sub(now)
		if left > 0 {
			wait = min(wait, left)
		} else if names = append(names, name); len(names) == atOnce {
			break
		}
	}
	return names, max(wait, pause)
}

// checkAll inspects domains at the same time, and tells what it finds.
func (w *Watcher) checkAll(ctx context.Context, names []string) {
	all := make([]*seen, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() { all[i] = w.inspect(ctx, name) })
	}
	group.Wait()
	if ctx.Err() != nil {
		return // what was cut short says nothing
	}
	var events []Event
	w.mu.Lock()
	for i, name := range names {
		d := w.state.Domains[name]
		events = append(events, d.update(name, all[i], w.o.Repeat)...)
		after := w.o.Every
		if all[i].verdict == finding.Undetermined {
			after = min(again, after)
		}
		d.Next = time.Now().Add(after - after/10 + jitter(after/5))
		w.stats.Checks[all[i].verdict]++
	}
	for i := range events {
		w.stats.Events[events[i].Kind]++
	}
	w.pend(events)
	w.mu.Unlock()
	w.save() // first, so that a restart tells nothing twice
	for i := range events {
		events[i].log(w.log)
	}
}

// inspect inspects one domain. A panic is a fault of this program, and ends no service.
func (w *Watcher) inspect(ctx context.Context, name string) (s *seen) {
	defer func() {
		if v := recover(); v != nil {
			w.log.Error("panic while a domain was inspected", zap.String("domain", name), zap.Any("panic", v), zap.Stack("stack"))
			s = &seen{at: time.Now(), verdict: finding.Undetermined}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := &recorder{Resolver: w.o.Resolver, answers: map[question]*dnscache.Answer{}}
	o := inspect.Options{DMARC: w.o.DMARC}
	if w.o.Selectors != nil {
		o.Selectors = w.o.Selectors(name)
	}
	report := inspect.Inspect(ctx, r, name, o)
	return &seen{
		at: time.Now(), verdict: report.Verdict(), totals: report.Totals, errors: report.All(finding.Error), complete: report.Failed == 0,
		records: r.records(name, report),
	}
}

// save writes the state. A failure is logged once.
func (w *Watcher) save() {
	if w.o.File == "" {
		return
	}
	w.mu.Lock()
	err := w.claim()
	if err == nil {
		err = w.state.save(w.o.File)
	}
	isNew := another(&w.unsaved, err)
	w.mu.Unlock()
	if isNew {
		w.log.Warn("the state of watched domains is not saved; a restart would tell changes again", zap.String("file", w.o.File), zap.Error(err))
	}
}

// another reports whether an error is another than the one before, and keeps its text.
func another(before *string, err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	isNew := text != "" && text != *before
	*before = text
	return isNew
}
