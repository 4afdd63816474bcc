package service

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/patterns"
)

// patternsEvery is how often what was learned is written and read again.
const patternsEvery = time.Hour

// patternsSoon is when the database is asked again for what other nodes learned.
const patternsSoon = 5 * time.Minute

// maxPending bounds the rows that wait while writing fails.
const maxPending = 4 * patterns.MaxRows

// observedPatterns learns from genuine mail, and keeps that in the directory of the journal.
// Its zero value learns nothing and knows nothing.
type observedPatterns struct {
	dir     string // that of the journal; "" if nothing is learned
	fleet   fleetPatterns
	log     *zap.Logger
	learner patterns.Learner
	known   atomic.Pointer[patterns.Known] // nil for nothing
	again   chan struct{}                  // has one if known is to be read again
	work    background

	mu      sync.Mutex // while rows are written or forgotten
	pending []patterns.Row
	failing bool

	failures atomic.Uint64 // attempts to write that failed
}

// fleetPatterns is how nodes share what they learned; its zero value is for one node alone.
type fleetPatterns struct {
	database *postgres.Database
	node     string
	shipper  *postgres.Shipper
	away     atomic.Bool // only what this node learned is used
}

// openPatterns begins to learn if there is a journal. What is known is read in the background.
func (d *daemon) openPatterns() {
	if d.journal.recorder == nil {
		return
	}
	p := &d.patterns
	p.dir, p.log = d.journal.dir, d.log.Named("patterns")
	if d.journal.shipper != nil {
		node, _ := d.started.Journal.NodeName() // the shipper has it too
		p.fleet.database, p.fleet.node, p.fleet.shipper = &postgres.Database{DSN: d.started.Journal.Postgres}, node, d.journal.shipper
	}
	p.again = make(chan struct{}, 1)
	p.work.replace(func(ctx context.Context) { p.run(ctx, patternsEvery) })
}

// closePatterns writes what was learned since the last hour.
func (d *daemon) closePatterns() {
	p := &d.patterns
	if !p.work.stop(closeTimeout) {
		p.log.Error("what was learned was not written in time; the last hour may be missing")
	}
}

// run reads what is known, and writes what was learned, until the context ends.
func (p *observedPatterns) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	p.attempt(func() { p.read(ctx) })
	for {
		var soon <-chan time.Time
		if p.fleet.away.Load() {
			soon = time.After(min(every, patternsSoon))
		}
		select {
		case <-soon:
			p.attempt(func() { p.read(ctx) })
		case <-ticker.C:
			p.attempt(p.write)
			p.attempt(func() { p.read(ctx) })
		case <-p.again:
			p.attempt(func() { p.read(ctx) })
		case <-ctx.Done():
			p.attempt(p.write)
			return
		}
	}
}

// attempt logs a panic: mail does not depend on what is learned.
func (p *observedPatterns) attempt(f func()) {
	defer func() {
		if v := recover(); v != nil {
			p.log.Error("panic while patterns were learned", zap.Any("panic", v), zap.Stack("stack"))
		}
	}()
	f()
}

// write writes what was learned. What cannot be written is tried again.
func (p *observedPatterns) write() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = append(p.pending, p.learner.Take(patterns.DayOf(time.Now()))...)
	p.pending = p.pending[max(0, len(p.pending)-maxPending):]
	err := sqlite.WritePatterns(p.dir, p.pending)
	switch {
	case err == nil:
		p.pending = nil
		if p.failing {
			p.log.Info("what is learned can be written again")
		}
	case !p.failing:
		p.log.Error("what is learned from genuine mail cannot be written; it is tried again, and mail is not affected", zap.Error(err))
	}
	if p.failing = err != nil; p.failing {
		p.failures.Add(1)
	}
	p.fleet.shipper.SharePatterns()
}

// read reads what is known of the last days, from all nodes if there are several. While the
// database is away, it uses what this node learned alone; the shipper logs why.
func (p *observedPatterns) read(ctx context.Context) {
	source := PatternSource{Dir: p.dir, Database: p.fleet.database, Node: p.fleet.node}
	known, away, err := source.Known(ctx, time.Now())
	if err != nil {
		if ctx.Err() == nil {
			p.log.Warn("what was learned from genuine mail cannot be read; what was known before counts on", zap.Error(err))
		}
		return
	}
	p.fleet.away.Store(away != nil)
	p.known.Store(known)
	domains, forwarders := known.Size()
	p.log.Debug("patterns are known", zap.Int("domains", domains), zap.Int("forwarders", forwarders), zap.Error(away))
}

// learn takes note of a message that has its verdict. Mail that the journal does not keep
// teaches nothing.
func (d *daemon) learn(x *filter.Decision) {
	if d.patterns.dir == "" || !d.config().Policy.Observed || d.journal.ignores(x) {
		return
	}
	d.patterns.learner.Learn(x.Results, d.patterns.known.Load())
}

// forget has nothing written of a domain that is being forgotten. Then the domain must
// be removed from the file.
func (p *observedPatterns) forget(domain string) {
	if p.dir == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.learner.Forget(domain)
	p.pending = slices.DeleteFunc(p.pending, func(r patterns.Row) bool { return message.Below(r.Org, domain) })
}

// readAgain has what is known read soon.
func (p *observedPatterns) readAgain() {
	if p.dir == "" {
		return
	}
	select {
	case p.again <- struct{}{}:
	default:
	}
}

// observer returns what tells the evaluation of earlier mail.
func (d *daemon) observer(c *config.Config) *patterns.Observer {
	o := &patterns.Observer{Failures: d.failures}
	if c.Policy.Observed {
		o.Known = d.patterns.known.Load
		except := c.Policy.ObservedExcept.Set
		o.Except = func(domain string) bool { return except.At(time.Now()).Name(domain) }
	}
	return o
}

// describe returns how much is known; nil if nothing is learned.
func (p *observedPatterns) describe() *control.Patterns {
	if p.dir == "" {
		return nil
	}
	out := &control.Patterns{Fleet: p.fleet.database != nil && !p.fleet.away.Load()}
	out.Domains, out.Forwarders = p.known.Load().Size()
	return out
}
