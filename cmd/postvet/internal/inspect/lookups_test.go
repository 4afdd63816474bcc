package inspect

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

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
	d := newLookups(t.Context(), s)
	defer d.close()
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
	if lookups, failed, _ := d.counts(); lookups != 1 || failed != 0 {
		t.Errorf("%d of %d failed", failed, lookups)
	}
}

// crowded is a domain whose reverse zones have more names than are looked up.
type crowded struct{}

func (crowded) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	a := &dnscache.Answer{Outcome: dnscache.NoData}
	var host int
	switch {
	case t == dnscache.MX:
		for i := range maxHosts {
			a.MX = append(a.MX, dnscache.Exchange{Preference: uint16(i), Host: fmt.Sprintf("mx%d.example", i)})
		}
	case t == dnscache.A && strings.HasPrefix(name, "mx"):
		_, _ = fmt.Sscanf(name, "mx%d", &host)
		for i := range maxAddresses {
			a.Addrs = append(a.Addrs, netip.AddrFrom4([4]byte{198, 51, byte(host), byte(i)}))
		}
	case t == dnscache.PTR:
		for i := range 10 {
			a.Names = append(a.Names, fmt.Sprintf("n%d.%s.example", i, strings.TrimSuffix(name, ".in-addr.arpa")))
		}
	}
	if len(a.MX)+len(a.Addrs)+len(a.Names) > 0 {
		a.Outcome = dnscache.Found
	}
	return a
}

// TestTooManyLookups: a lookup that was not made does not count as failed.
func TestTooManyLookups(t *testing.T) {
	t.Parallel()
	r := Inspect(t.Context(), crowded{}, "crowded.example", Options{})
	if r.Lookups != maxLookups || r.Failed != 0 {
		t.Errorf("%d of %d lookups failed", r.Failed, r.Lookups)
	}
	if n := len(r.Findings); n != 1 || !r.Findings[0].DNSFailure || !strings.Contains(r.Findings[0].Text, "more than 1000 lookups") {
		t.Errorf("%+v", r.Findings)
	}
}
