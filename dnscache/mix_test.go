package dnscache_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/dnscache"
)

// overUDPOnly serves UDP without TCP. The function returns the response to a query, nil for
// none.
func overUDPOnly(t testing.TB, respond func(q *dns.Msg) *dns.Msg) (addr string) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var up sync.WaitGroup
	up.Add(1)
	s := &dns.Server{PacketConn: pc, NotifyStartedFunc: up.Done, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if m := respond(q); m != nil {
			w.WriteMsg(m)
		}
	})}
	go s.ActivateAndServe()
	up.Wait()
	t.Cleanup(func() { s.Shutdown() })
	return pc.LocalAddr().String()
}

// textFor returns the response with a text to a query, for the root its name server.
func textFor(q *dns.Msg, text string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	line := q.Question[0].Name + " 60 TXT " + text
	if q.Question[0].Qtype == dns.TypeNS {
		line = q.Question[0].Name + " 60 NS ns.invalid."
	}
	rr, err := dns.NewRR(line)
	if err != nil {
		panic(err)
	}
	m.Answer = []dns.RR{rr}
	if q.IsEdns0() != nil {
		m.SetEdns0(1232, false)
	}
	return m
}

// counted counts queries. One that is sent again with its id counts once.
type counted struct{ seen sync.Map }

func (c *counted) add(q *dns.Msg) { c.seen.Store(fmt.Sprint(q.Id, q.Question[0].Name), true) }

func (c *counted) count() (n int) {
	c.seen.Range(func(any, any) bool { n++; return true })
	return n
}

// lower returns a response with its question in lower case.
func lower(m *dns.Msg) *dns.Msg {
	m.Question[0].Name = strings.ToLower(m.Question[0].Name)
	return m
}

func distrusting(t testing.TB, addr string) (*dnscache.Resolver, *clock, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	clock := &clock{}
	r := resolver(t, dnscache.Options{Upstreams: []string{addr}, Timeout: 20 * time.Second, AttemptTimeout: 10 * time.Second, Now: clock.now, Logger: zap.New(core)})
	r.Distrust()
	return r, clock, logs
}

const (
	changesCase = "dns upstream changes the case of names, which makes its answers easier to forge"
	keepsCase   = "dns upstream keeps the case of names"
)

// An upstream that changes the case and has no TCP is believed if it says the same twice.
// It is then asked without random case for ten minutes.
func TestCaseWithoutTCP(t *testing.T) { undisturbed(t, caseWithoutTCP) }

func caseWithoutTCP(t testing.TB) {
	var queries counted
	var folds atomic.Bool
	folds.Store(true)
	r, clock, logs := distrusting(t, overUDPOnly(t, func(q *dns.Msg) *dns.Msg {
		if q.Question[0].Qtype == dns.TypeTXT {
			queries.add(q)
		}
		m := textFor(q, "x")
		if folds.Load() {
			return lower(m)
		}
		return m
	}))
	look := func(from, n int) {
		for i := range n {
			if a := r.Lookup(t.Context(), fmt.Sprintf("a-name-with-letters-%d.test", from+i), dnscache.TXT); a.Outcome != dnscache.Found || a.TXT[0] != "x" {
				t.Fatal(a.Outcome, a.Err)
			}
		}
	}
	look(0, 10)
	if n := queries.count(); n != 11 || r.MixesCase() || !r.Stats().Upstreams[0].WithoutMixing {
		t.Errorf("%d queries, mixes %v", n, r.MixesCase())
	}
	clock.advance(11 * time.Minute)
	if !r.MixesCase() {
		t.Error("not tried again")
	}
	look(10, 10)
	if n := queries.count(); n != 22 || logs.FilterMessage(changesCase).Len() != 1 || logs.FilterMessage(keepsCase).Len() != 0 {
		t.Errorf("%d queries, said %v", n, logs.All())
	}
	folds.Store(false)
	clock.advance(11 * time.Minute)
	look(20, 10)
	if n := queries.count(); n != 32 || !r.MixesCase() || logs.FilterMessage(keepsCase).Len() != 1 {
		t.Errorf("%d queries, mixes %v, said %v", n, r.MixesCase(), logs.All())
	}
}

// A response in another case is not believed if the upstream then says something else, and
// a genuine one in the right case counts.
func TestForgedCaseWithoutTCP(t *testing.T) { undisturbed(t, forgedCaseWithoutTCP) }

func forgedCaseWithoutTCP(t testing.TB) {
	var n atomic.Int32
	once, _, logs := distrusting(t, overUDPOnly(t, func(q *dns.Msg) *dns.Msg {
		if q.Question[0].Qtype == dns.TypeTXT && n.Add(1) == 1 {
			return lower(textFor(q, "forged"))
		}
		return textFor(q, "true")
	}))
	if a := once.Lookup(t.Context(), "a-name-with-letters.test", dnscache.TXT); a.Outcome != dnscache.Found || a.TXT[0] != "true" || !once.MixesCase() || logs.Len() != 0 {
		t.Errorf("%v, %v, %v, mixes %v, said %v", a.Outcome, a.TXT, a.Err, once.MixesCase(), logs.All())
	}
	var each atomic.Int32
	addr := overUDPOnly(t, func(q *dns.Msg) *dns.Msg {
		return lower(textFor(q, fmt.Sprintf("forged%d", each.Add(1))))
	})
	always := resolver(t, dnscache.Options{Upstreams: []string{addr}, Timeout: time.Second})
	always.Distrust()
	if a := always.Lookup(t.Context(), "a-name-with-letters.test", dnscache.TXT); a.Outcome.Known() || a.Cause != dnscache.CauseResolver || !always.MixesCase() {
		t.Errorf("%v, %v, %v, mixes %v", a.Outcome, a.TXT, a.Cause, always.MixesCase())
	}
}
