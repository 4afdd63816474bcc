package dnscache_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/postvet/postvet/dnscache"
)

const (
	dropsEDNS   = "dns upstream drops queries with EDNS, and is asked without"
	answersEDNS = "dns upstream answers queries with EDNS again"
)

// An upstream that drops queries with EDNS is found out, also by the questions that wait
// meanwhile, and is asked without for ten minutes. A test then shows whether it still does.
func TestDroppedEDNS(t *testing.T) { undisturbed(t, droppedEDNS) }

func droppedEDNS(t testing.TB) {
	var drops atomic.Bool
	drops.Store(true)
	addr := overUDPOnly(t, func(q *dns.Msg) *dns.Msg {
		if q.IsEdns0() != nil && drops.Load() {
			return nil
		}
		return textFor(q, "x")
	})
	r, clock, logs := distrusting(t, addr)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
				t.Error(a.Outcome, a.Err)
			}
		})
	}
	wg.Wait()
	if u := r.Stats().Upstreams[0]; !u.WithoutEDNS || u.Failures > 0 || logs.FilterMessage(dropsEDNS).Len() != 1 {
		t.Errorf("%+v; said %v", u, logs.All())
	}
	// Still, after ten minutes. No question waits for the test.
	clock.advance(11 * time.Minute)
	if a := r.Lookup(t.Context(), "still.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Error(a.Outcome, a.Err)
	}
	drops.Store(false)
	n := 0
	eventually(t, func() bool {
		n++
		clock.advance(11 * time.Minute)
		r.Lookup(t.Context(), fmt.Sprintf("again%d.test", n), dnscache.TXT)
		return !r.Stats().Upstreams[0].WithoutEDNS && logs.FilterMessage(answersEDNS).Len() == 1
	})
	if n := logs.FilterMessage(dropsEDNS).Len(); n != 1 {
		t.Errorf("said so %d times", n)
	}
}

// Neither silent names nor losses are taken for dropped EDNS.
func TestSilenceIsNotDroppedEDNS(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]func(q *dns.Msg, n int32) bool{
		"a silent name":         func(q *dns.Msg, _ int32) bool { return strings.HasPrefix(q.Question[0].Name, "silent") },
		"two of three are lost": func(_ *dns.Msg, n int32) bool { return n%3 != 0 },
		"nothing is answered":   func(*dns.Msg, int32) bool { return true },
	} {
		runUndisturbed(t, name, func(t testing.TB) {
			var n atomic.Int32
			addr := overUDPOnly(t, func(q *dns.Msg) *dns.Msg {
				if lost(q, n.Add(1)) {
					return nil
				}
				return textFor(q, "x")
			})
			r := resolver(t, dnscache.Options{Upstreams: []string{addr}, Timeout: 3 * time.Second})
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() { r.Lookup(t.Context(), fmt.Sprintf("silent%d.test", i), dnscache.TXT) })
			}
			wg.Wait()
			if r.Stats().Upstreams[0].WithoutEDNS {
				t.Error("goes without EDNS")
			}
		})
	}
}

// An upstream that answers FORMERR without the question, as old ones do, is asked without
// EDNS. Once alone, such a response may be forged.
func TestFormErrWithoutQuestion(t *testing.T) { undisturbed(t, formErrWithoutQuestion) }

func formErrWithoutQuestion(t testing.TB) {
	header := func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg)
		m.SetRcode(q, dns.RcodeFormatError)
		m.Question = nil
		return m
	}
	r, _, _ := distrusting(t, overUDPOnly(t, func(q *dns.Msg) *dns.Msg {
		if q.IsEdns0() != nil {
			return header(q)
		}
		return textFor(q, "x")
	}))
	for i := range 3 {
		if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
			t.Error(a.Outcome, a.Err)
		}
	}
	if !r.Stats().Upstreams[0].WithoutEDNS {
		t.Error("asked with EDNS")
	}
	var n atomic.Int32
	forged, _, _ := distrusting(t, overUDPOnly(t, func(q *dns.Msg) *dns.Msg {
		if n.Add(1) == 1 {
			return header(q)
		}
		return textFor(q, "x")
	}))
	if a := forged.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found || forged.Stats().Upstreams[0].WithoutEDNS {
		t.Errorf("%v, %v; forged once", a.Outcome, a.Err)
	}
}
