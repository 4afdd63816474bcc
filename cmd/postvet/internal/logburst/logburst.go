// Package logburst keeps a log readable, and its disk from filling, while the same
// warning or error is logged again and again. Of lines with the same text only
// the first few of an interval are written. The others are counted and summed up
// in one line when the interval ends.
//
// Lines below the level warn are always written: each is an event of its own,
// such as the one line of each message.
package logburst

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxKinds bounds the memory. When there are so many kinds in one interval, all
// further lines of a level are one kind.
const maxKinds = 256

// Core is a zapcore.Core in front of another one. It is safe for concurrent use.
type Core struct {
	zapcore.Core // with the fields of With
	s            *state
}

// Options are how many lines are written.
type Options struct {
	// Most lines of a kind are written in each interval of length Every. If Most is
	// 0, all are.
	Most  int
	Every time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// state is what a core shares with the cores that With returns.
type state struct {
	base zapcore.Core // without fields
	now  func() time.Time

	mu        sync.Mutex
	most      int
	every     time.Duration
	intervals map[kind]*interval
}

// kind identifies lines that are the same. Their fields may differ.
type kind struct {
	level        zapcore.Level
	logger, text string
}

// interval counts the lines of one kind.
type interval struct {
	began   time.Time
	written int
	held    int         // not written
	timer   *time.Timer // ends the interval, nil while no line is held
}

// New returns a core that writes to next.
func New(next zapcore.Core, o Options) *Core {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Core{Core: next, s: &state{base: next, now: o.Now, most: o.Most, every: o.Every, intervals: map[kind]*interval{}}}
}

// Set changes Options.Most and Every. Lines held so far are summed up.
func (c *Core) Set(most int, every time.Duration) {
	c.s.mu.Lock()
	changed := most != c.s.most || every != c.s.every
	c.s.most, c.s.every = most, every
	c.s.mu.Unlock()
	if changed {
		c.s.flush()
	}
}

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

// Sync sums up the lines that are held and syncs the core behind.
func (c *Core) Sync() error {
	c.s.flush()
	return c.Core.Sync()
}

// hold counts a line and reports whether it must not be written.
func (s *state) hold(e zapcore.Entry) bool {
	s.mu.Lock()
	if s.most == 0 {
		s.mu.Unlock()
		return false
	}
	now, every := s.now(), s.every
	k := s.kindOfLocked(e, now)
	i := s.intervals[k]
	var ended *interval
	if i != nil && now.Sub(i.began) >= every {
		i.stop()
		ended, i = i, nil
	}
	if i == nil {
		i = &interval{began: now}
		s.intervals[k] = i
	}
	hold := i.written >= s.most
	if hold {
		if i.held++; i.held == 1 {
			i.timer = time.AfterFunc(every-now.Sub(i.began), func() { s.end(k, i) })
		}
	} else {
		i.written++
	}
	s.mu.Unlock()
	if ended != nil {
		s.sum(k, ended.held, every)
	}
	return hold
}

// kindOfLocked returns the kind of a line.
func (s *state) kindOfLocked(e zapcore.Entry, now time.Time) kind {
	k := kind{e.Level, e.LoggerName, e.Message}
	if s.intervals[k] == nil && len(s.intervals) >= maxKinds {
		s.forgetLocked(now)
		if len(s.intervals) >= maxKinds {
			return kind{level: e.Level, text: "other lines"}
		}
	}
	return k
}

// forgetLocked drops intervals that are over and of which no line is held.
func (s *state) forgetLocked(now time.Time) {
	maps.DeleteFunc(s.intervals, func(_ kind, i *interval) bool {
		return i.held == 0 && now.Sub(i.began) >= s.every
	})
}

func (i *interval) stop() {
	if i.timer != nil {
		i.timer.Stop()
	}
}

// end sums up an interval that is over, unless that was done.
func (s *state) end(k kind, i *interval) {
	s.mu.Lock()
	if s.intervals[k] != i {
		s.mu.Unlock()
		return
	}
	delete(s.intervals, k)
	held, took := i.held, s.now().Sub(i.began)
	s.mu.Unlock()
	s.sum(k, held, took)
}

// flush ends all intervals.
func (s *state) flush() {
	s.mu.Lock()
	ended := s.intervals
	s.intervals = map[kind]*interval{}
	now := s.now()
	s.mu.Unlock()
	for k, i := range ended {
		i.stop()
		s.sum(k, i.held, now.Sub(i.began))
	}
}

// sum writes one line for all lines that were held.
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
