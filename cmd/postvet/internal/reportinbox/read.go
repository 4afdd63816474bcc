package reportinbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
)

// next returns the next message. While both kinds wait, either may be the next. The queues
// are closed together: what the other still has comes first.
func (b *Inbox) next() (j job, ok bool) {
	select {
	case j, ok = <-b.queue:
		if !ok {
			j, ok = <-b.bounceQueue
		}
	case j, ok = <-b.bounceQueue:
		if !ok {
			j, ok = <-b.queue
		}
	}
	return j, ok
}

// work reads the messages that wait, one at a time.
func (b *Inbox) work(ctx context.Context) {
	defer close(b.done)
	for j, ok := b.next(); ok; j, ok = b.next() {
		if ctx.Err() != nil {
			j.m.release()
			b.lose(j.m, j.a, Overload)
			continue
		}
		b.read(ctx, j.m, j.a)
		j.m.release()
	}
}

// read reads a message. A panic costs the message and no more.
func (b *Inbox) read(ctx context.Context, m *Message, a Arrival) {
	defer func() {
		if v := recover(); v != nil {
			b.counts.add(m.kind(), Panicked)
			b.opt.Logger.Error("panic while a report was read", zap.String("queue", a.Queue), zap.String("panic", foreign.Line(fmt.Sprint(v), 200)), zap.Stack("stack"))
		}
	}()
	if m.bounce != "" {
		b.readBounce(ctx, m, a)
		return
	}
	s := &sink{inbox: b, ctx: ctx, arrival: a}
	s.keeper = received.Keeper{Arrival: received.Arrival{At: a.At, Author: a.Author, Result: a.Result}, Keep: s.keep}
	place := received.Place{File: a.Queue}
	_ = received.New(s).Mail(m.reader(), place, b.opt.MaxTime) // the sink's errors, of which it has none
}

// readBounce has a bounce of our own read.
func (b *Inbox) readBounce(ctx context.Context, m *Message, a Arrival) {
	x := b.bounces.Load()
	if x == nil { // since a reload
		b.counts.add(Bounce, Failed)
		return
	}
	if err := (*x).Bounce(ctx, m.bounce, m.reader()); err != nil {
		b.counts.add(Bounce, Failed)
		b.opt.Logger.Warn("bounce of our report not read", zap.String("queue", a.Queue), zap.Error(err))
		return
	}
	b.counts.add(Bounce, Kept)
	b.opt.Logger.Info("bounce of our report read", zap.String("queue", a.Queue))
}

// sink keeps the reports of one message.
type sink struct {
	inbox   *Inbox
	ctx     context.Context
	arrival Arrival
	keeper  received.Keeper
}

// Record implements [received.Sink].
func (s *sink) Record(p received.Place, h *report.Head, r *report.Record) error {
	return s.keeper.Record(p, h, r)
}

// End implements [received.Sink].
func (s *sink) End(r *received.Report) error {
	if err := s.keeper.End(r); err != nil {
		r.Err = err
	}
	if r.Err == nil {
		return nil // keep has counted it
	}
	kind, result := kindOf(r.Kind), Unreadable
	if errors.Is(r.Err, received.ErrTooLargeToKeep) {
		result = TooLarge
	}
	s.inbox.counts.add(kind, result)
	s.inbox.opt.Logger.Info("mail to report.inbox has no report that can be read", zap.String("queue", s.arrival.Queue), zap.String("kind", string(kind)), zap.String("author", s.arrival.Author),
		zap.String("dmarc", s.arrival.Result), zap.String("reason", foreign.Line(r.Err.Error(), maxLogged)))
	return nil
}

func kindOf(k received.Kind) Kind {
	if k == "" {
		return Unknown
	}
	return Kind(k)
}

// maxLogged bounds a text in a line of the log.
const maxLogged = 200

// keep stores a report. A store that fails is asked again for a while.
func (s *sink) keep(kept *reports.Received, r *received.Report) error {
	if r.Err != nil {
		return nil // End says so
	}
	b := s.inbox
	outcome, err := b.opt.Store.AddReceived(s.ctx, kept)
	for _, pause := range b.opt.Retries {
		if err == nil {
			break
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(pause):
			outcome, err = b.opt.Store.AddReceived(s.ctx, kept)
		}
	}
	fields := []zap.Field{
		zap.String("queue", s.arrival.Queue), zap.String("kind", string(kept.Kind)), zap.String("reporter", foreign.Line(kept.Reporter, maxLogged)),
		zap.String("domain", foreign.Line(kept.Domain, maxLogged)), zap.String("author", s.arrival.Author), zap.String("dmarc", s.arrival.Result),
		zap.Int64("messages", kept.Messages), zap.Int("findings", len(kept.Findings)),
	}
	if err != nil {
		b.counts.add(Kind(kept.Kind), Failed)
		b.opt.Logger.Error("report could not be kept", append(fields, zap.Error(err))...)
		return nil
	}
	b.counts.add(Kind(kept.Kind), Result(outcome))
	b.opt.Logger.Info("report received", append(fields, zap.String("result", string(outcome)))...)
	return nil
}
