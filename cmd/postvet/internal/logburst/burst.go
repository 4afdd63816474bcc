// Package logburst keeps a log readable, and its disk from filling, while the same
// trouble comes again and again: of warnings and errors with the same text only
// the first few of an interval are written, the rest is counted and summed up in
// one line when the interval ends.
//
// Below the level warn nothing is held back: those lines are events of their
// own, such as the one line of each message.
package logburst

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxKinds bounds the memory: what is different from so many kinds in one
// interval counts as one kind by level.
const maxKinds = 256

// Core is a zapcore.Core in front of another one. It is safe for concurrent use.
type Core struct {
	zapcore.Core // with the fields of With
	s            *state
}

// Options are how much is let through.
type Options struct {
	// Most lines of a kind are written in each Every; 0 is all of them.
	Most  int
	Every time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// state is what a core shares with those that With made of it.
type state struct {
	base   zapcore.Core // without fields
	now    func() time.Time
	summed atomic.Uint64

	mu    sync.Mutex
	most  int
	every time.Duration
	kinds map[kind]*bout
}

// kind is what makes lines the same; their fields may differ.
type kind struct {
	level        zapcore.Level
	logger, text string
}

// bout is one interval of one kind.
type bout struct {
	began   time.Time
	written int
	held    int
	timer   *time.Timer // runs from the first line that is held on
}

// New puts a Core in front of next.
func New(next zapcore.Core, o Options) *Core {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Core{Core: next, s: &state{base: next, now: o.Now, most: o.Most, every: o.Every, kinds: map[kind]*bout{}}}
}

// Set changes Options.Most and Every. What was held so far is summed up.
func (c *Core) Set(most int, every time.Duration) {
	c.s.mu.Lock()
	changed := most != c.s.most || every != c.s.every
	c.s.most, c.s.every = most, every
	c.s.mu.Unlock()
	if changed {
		c.s.flush()
	}
}

// Summed is how many lines were not written but counted.
func (c *Core) Summed() uint64 { return c.s.summed.Load() }

// With implements zapcore.Core.
func (c *Core) With(fields []zapcore.Field) zapcore.Core {
	return &Core{Core: c.Core.With(fields), s: c.s}
}

// Check implements zapcore.Core.
func (c *Core) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

// Write implements zapcore.Core.
func (c *Core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if e.Level >= zapcore.WarnLevel && c.s.hold(e) {
		return nil
	}
	return c.Core.Write(e, fields)
}

// Sync sums up what is held and syncs the core behind.
func (c *Core) Sync() error {
	c.s.flush()
	return c.Core.Sync()
}

// hold counts a line and reports whether it is not to be written.
func (s *state) hold(e zapcore.Entry) bool {
	s.mu.Lock()
	if s.most == 0 {
		s.mu.Unlock()
		return false
	}
	now := s.now()
	k := kind{e.Level, e.LoggerName, e.Message}
	b := s.kinds[k]
	if b == nil && len(s.kinds) >= maxKinds {
		s.forgetLocked(now)
		if len(s.kinds) >= maxKinds {
			k = kind{level: e.Level, text: "other lines"}
			b = s.kinds[k]
		}
	}
	var over *bout
	if b != nil && now.Sub(b.began) >= s.every {
		b.stop()
		over, b = b, nil
	}
	if b == nil {
		b = &bout{began: now}
		s.kinds[k] = b
	}
	hold := b.written >= s.most
	switch {
	case !hold:
		b.written++
	default:
		if b.held++; b.held == 1 {
			b.timer = time.AfterFunc(s.every-now.Sub(b.began), func() { s.end(k, b) })
		}
		s.summed.Add(1)
	}
	every := s.every
	s.mu.Unlock()
	if over != nil {
		s.sum(k, over.held, every)
	}
	return hold
}

// forgetLocked drops kinds whose interval is over and of which nothing is held.
func (s *state) forgetLocked(now time.Time) {
	for k, b := range s.kinds {
		if b.held == 0 && now.Sub(b.began) >= s.every {
			delete(s.kinds, k)
		}
	}
}

func (b *bout) stop() {
	if b.timer != nil {
		b.timer.Stop()
	}
}

// end sums up a bout whose interval is over, unless that was done.
func (s *state) end(k kind, b *bout) {
	s.mu.Lock()
	if s.kinds[k] != b {
		s.mu.Unlock()
		return
	}
	delete(s.kinds, k)
	held, took := b.held, s.now().Sub(b.began)
	s.mu.Unlock()
	s.sum(k, held, took)
}

// flush ends all bouts.
func (s *state) flush() {
	s.mu.Lock()
	ended := s.kinds
	s.kinds = map[kind]*bout{}
	now := s.now()
	s.mu.Unlock()
	for k, b := range ended {
		b.stop()
		s.sum(k, b.held, now.Sub(b.began))
	}
}

// sum writes the one line for all that were held.
func (s *state) sum(k kind, held int, took time.Duration) {
	if held == 0 || !s.base.Enabled(k.level) {
		return
	}
	took = max(took.Round(time.Second), time.Second)
	_ = s.base.Write(zapcore.Entry{
		Level: k.level, LoggerName: k.logger, Time: s.now(),
		Message: fmt.Sprintf("%s ... and %d more in %v", k.text, held, took),
	}, []zapcore.Field{zap.Int("more", held)})
}
