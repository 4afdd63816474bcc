package reportfailures

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
)

// Close ends the work, and puts what is open into the outbox while ctx gives the time. The
// DNS is not asked for it: who takes a report is asked again when it is sent. What the outbox
// does not take is lost.
func (g *Gatherer) Close(ctx context.Context) {
	if g == nil {
		return
	}
	g.stop()
	select {
	case <-g.done:
	case <-ctx.Done():
	}
	p := &places{g: g, s: g.settings.Load(), now: g.o.Now()}
	var err error
	lost := 0
	for _, x := range g.which(func(*failure) bool { return true }) {
		if err == nil {
			err = g.leave(ctx, p, x)
		}
		if err != nil { // the store fails, for the others too
			g.drop(x, WhyStopped)
			lost++
		}
	}
	if lost > 0 {
		g.o.Log.Warn("failure reports that were not made yet are lost", zap.Int("reports", lost), zap.Error(err))
	}
}

// leave puts a report into the outbox, or drops one that is not to be sent. The error is that
// of the store.
func (g *Gatherer) leave(ctx context.Context, p *places, x *failure) error {
	to, _ := reportsending.ParseURIs(x.ruf)
	switch {
	case p.s.Send == reportsending.Off || !x.ready:
		g.drop(x, WhyStopped)
		return nil
	case p.now.Sub(x.first) > longest:
		g.drop(x, WhyTooLate)
		return nil
	case len(to) == 0:
		g.drop(x, WhyAddress)
		return nil
	}
	if known, err := g.known(ctx, p.s, x.domain); err != nil {
		return err
	} else if !known {
		g.drop(x, WhyUnknown)
		return nil
	}
	at, err := p.of(ctx, to)
	if err != nil {
		return err
	}
	if at.Sub(x.first) > longest {
		g.drop(x, WhyTooLate)
		return nil
	}
	return g.enqueue(ctx, p.s, x, to, at)
}

// places says when reports may be sent that go into the outbox at once: an address gets no
// more of them in an hour than before, and all together no more in a minute.
type places struct {
	g   *Gatherer
	s   *Settings
	now time.Time
	n   int // how many there are
}

// of returns when the next report to some addresses may be sent.
func (p *places) of(ctx context.Context, to []string) (time.Time, error) {
	at := p.now.Add(time.Duration(p.n/p.s.Rate) * time.Minute)
	for _, address := range to {
		next, err := p.ofAddress(ctx, address)
		if err != nil {
			return at, err
		}
		if next.After(at) {
			at = next
		}
	}
	p.n++
	return at, nil
}

// ofAddress returns when an address may get a report: when it had fewer than it may within
// the hour before. Those that wait in the outbox count too.
func (p *places) ofAddress(ctx context.Context, address string) (time.Time, error) {
	// The newest come first.
	had, err := p.g.o.Store.Deliveries(ctx, reportstore.Query{Kind: reports.Failure, Address: address, Since: p.now.Add(-time.Hour), Limit: p.s.PerDestination})
	if err != nil || len(had) < p.s.PerDestination {
		return p.now, err
	}
	return had[len(had)-1].Created.Add(time.Hour), nil
}
