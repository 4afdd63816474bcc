package lookups

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// slow is a resolver that answers on command.
type slow struct{ asked, answer chan struct{} }

func (s slow) Lookup(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
	s.asked <- struct{}{}
	select {
	case <-s.answer:
		return &dnscache.Answer{Outcome: dnscache.Found, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	case <-ctx.Done():
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
}

// TestGivenUp: a caller that gives up does not take the answer from another one, now
// or later. iprev gives names up once one has led back, and they may be mail
// exchangers.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	s := slow{make(chan struct{}), make(chan struct{})}
	d := New(t.Context(), s, time.Now)
	defer d.Close()
	ctx, giveUp := context.WithCancel(t.Context())
	first, second := make(chan *dnscache.Answer), make(chan *dnscache.Answer)
	go func() { first <- d.Lookup(ctx, "mx2.example", dnscache.A) }()
	<-s.asked
	go func() { second <- d.Lookup(t.Context(), "mx2.example", dnscache.A) }()
	giveUp()
	if a := <-first; a.Outcome != dnscache.Timeout {
		t.Errorf("who gave up got %v", a.Outcome)
	}
	close(s.answer)
	if a := <-second; a.Outcome != dnscache.Found {
		t.Errorf("who asked beside it got %v", a.Outcome)
	}
	if a := d.Lookup(t.Context(), "mx2.example", dnscache.A); a.Outcome != dnscache.Found {
		t.Errorf("who asks later gets %v", a.Outcome)
	}
	if made, failed, _ := d.Counts(); made != 1 || failed != 0 {
		t.Errorf("%d of %d failed", failed, made)
	}
}
