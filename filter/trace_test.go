package filter

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// tracing returns a fake with a checker for traces beside its own.
func tracing() (f, traced *fake) {
	results := func(trace string) func(context.Context) *result.Results {
		return func(context.Context) *result.Results {
			return &result.Results{Trace: []result.Event{{Text: trace}}}
		}
	}
	return &fake{finish: results("")}, &fake{finish: results("traced")}
}

// startTracing starts a server with both.
func startTracing(t *testing.T, f, traced *fake, o Options) *testServer {
	t.Helper()
	r := start(t, f, o)
	h := f.handler()
	h.traced = traced
	r.handler.Store(h)
	return r
}

// A connection changes to the checker for traces, and back, with its next message.
func TestTrace(t *testing.T) {
	t.Parallel()
	var watched atomic.Bool
	var asked atomic.Int64
	f, traced := tracing()
	r := startTracing(t, f, traced, Options{Trace: func(c message.Client) bool {
		asked.Add(1)
		if c.IP.String() != "192.0.2.1" {
			t.Errorf("asked about %v", c)
		}
		return watched.Load()
	}})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	for i, on := range []bool{false, true, true, false} {
		watched.Store(on)
		m.Deliver(miltertest.Usual())
		d := r.decision()
		if d.Traced != on || (d.Results.Trace[0].Text == "traced") != on {
			t.Errorf("message %d: traced %v, %+v", i, d.Traced, d.Results.Trace)
		}
	}
	if n := asked.Load(); n > 2+4 {
		t.Errorf("asked %d times", n)
	}
	for _, c := range []struct {
		f    *fake
		want int
	}{{f, 2}, {traced, 1}} {
		connects, helos := 0, 0
		for _, s := range c.f.heard() {
			if strings.HasPrefix(s, "connect") {
				connects++
			}
			if s == "helo helo.example.org" {
				helos++
			}
		}
		if connects != c.want || helos != c.want {
			t.Errorf("%d conversations and %d HELOs, want %d", connects, helos, c.want)
		}
	}
	m.Close()
	r.stop()
	if n := r.traced.Load(); n != 0 {
		t.Errorf("%d connections are traced at the end", n)
	}
}

// Beyond the limit messages are evaluated without a trace.
func TestMaxTraced(t *testing.T) {
	t.Parallel()
	f, traced := tracing()
	r := startTracing(t, f, traced, Options{MaxTraced: 2, Trace: func(message.Client) bool { return true }})
	var open []*miltertest.MTA
	deliver := func() (n int) {
		for _, m := range open {
			m.Deliver(miltertest.Usual())
			if r.decision().Traced {
				n++
			}
		}
		return n
	}
	for range 4 {
		m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
		m.Hello()
		open = append(open, m)
		deliver()
	}
	if n := deliver(); n != 2 {
		t.Errorf("%d of 4 are traced", n)
	}
	if n := strings.Count(fmt.Sprint(f.heard()), "connect"); n != 2 {
		t.Errorf("%d conversations without a trace", n)
	}
	open[0].Close()
	open[1].Close()
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	open = []*miltertest.MTA{m}
	for range 100 { // the end of the others is noticed in their own time
		if deliver() == 1 {
			return
		}
		m.Close()
		m = miltertest.Connect(t, r.dial, miltertest.OfferAll)
		m.Hello()
		open[0] = m
	}
	t.Error("none is traced in place of those that ended")
}
