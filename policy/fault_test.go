package policy_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// faulty is a resolver that fails at one question by a fault in Postvet.
type faulty struct {
	policy.Resolver
	at     dnscache.Question
	fault  func() *dnscache.Answer
	cached bool // it has the other answers in its cache

	mu    sync.Mutex
	asked []dnscache.Question
}

func (f *faulty) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	recall := dnscache.RecallOf(ctx)
	if recall != nil && !f.cached {
		return recall.Miss()
	}
	q := dnscache.Question{Name: name, Type: t}
	f.mu.Lock()
	f.asked = append(f.asked, q)
	f.mu.Unlock()
	if q == f.at {
		return f.fault()
	}
	return f.Resolver.Lookup(ctx, name, t)
}

// questions returns what was asked so far.
func (f *faulty) questions() []dnscache.Question {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// A fault in any lookup costs this message a temporary failure, and nobody else
// anything: the others' checks run on, no goroutine ends the program, and DMARC
// fails nobody.
func TestFaultsInLookups(t *testing.T) {
	t.Parallel()
	g := golden{
		client: message.Client{IP: netip.MustParseAddr("192.0.2.1")},
		helo:   "out1.provider.example",
		sender: message.Sender{Path: "a@bounce.author.example"},
		zone: `
1.2.0.192.in-addr.arpa. PTR other.provider.example.
1.2.0.192.in-addr.arpa. PTR out1.provider.example.
out1.provider.example. A 192.0.2.1
out1.provider.example. TXT "v=spf1 a -all"
bounce.author.example. A 192.0.2.9
bounce.author.example. TXT "v=spf1 include:_spf.provider.example a mx:provider.example exists:%{h}.author.example ptr:author.example +all"
_spf.provider.example. TXT "v=spf1 a:a.provider.example -all"
a.provider.example. A 192.0.2.77
provider.example. MX 1 mx1.provider.example.
provider.example. MX 2 mx2.provider.example.
mx1.provider.example. A 192.0.2.78
mx2.provider.example. A 192.0.2.79
_dmarc.author.example. TXT "v=DMARC1; p=reject; sp=none; np=reject"
`,
		message: []byte("From: a@sub.author.example\r\nSubject: x\r\n\r\nbody\r\n"),
	}
	g.sign(t, "author.example", "one", "relaxed/relaxed")
	g.sign(t, "news.author.example", "two", "relaxed/relaxed")
	g.seal(t, "list.example", "seal", "spf=pass smtp.mailfrom=author.example")
	_, r := dnstest.Start(t, g.zone)
	deliver := func(f *faulty) *result.Results {
		f.Resolver = r
		return converse(t, policy.NewChecker(policy.Options{Resolver: f, AuthservID: "mx.test.example", SenderDomain: true}), g)
	}
	whole := &faulty{}
	if res := deliver(whole); res.DMARC.Status != dmarc.Pass || len(res.Faults) != 0 {
		t.Fatalf("without a fault: %+v", res)
	}
	questions := map[dnscache.Question]bool{}
	for _, q := range whole.questions() {
		questions[q] = true
	}
	if len(questions) < 20 {
		t.Fatalf("only %d questions", len(questions))
	}
	panics := func() *dnscache.Answer { panic("in a test") }
	for q := range questions {
		for _, tt := range []struct {
			name   string
			cached bool
			fault  func() *dnscache.Answer
			faults bool
		}{
			{"panic", false, panics, true},
			{"panic, the rest in the cache", true, panics, true},
			{"panic of dnscache", false, func() *dnscache.Answer {
				return &dnscache.Answer{Outcome: dnscache.ServFail, Err: errors.Join(&dnscache.PanicError{Value: "in a test"})}
			}, true},
			{"panic of dnscache, the rest in the cache", true, func() *dnscache.Answer {
				return &dnscache.Answer{Outcome: dnscache.ServFail, Err: errors.Join(&dnscache.PanicError{Value: "in a test"})}
			}, true},
			{"no answer", false, func() *dnscache.Answer { return nil }, false},
		} {
			t.Run(q.Name+" "+q.Type.String()+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				f := &faulty{at: q, fault: tt.fault, cached: tt.cached}
				res := deliver(f)
				if !slices.Contains(f.questions(), q) {
					if q.Type == dnscache.AAAA {
						return // an IPv4 address may suffice
					}
					t.Fatal("the question was not asked")
				}
				faults := slices.ContainsFunc(res.Faults, func(s string) bool { return strings.Contains(s, "in a test") })
				if faults != tt.faults {
					t.Errorf("faults %q", res.Faults)
				}
				if v := (rules.Rules{}).Decide(res); faults && v.Action != result.TempFail || v.Action == result.Reject {
					t.Errorf("%s (%s)", v.Action, v.Rule)
				}
				if res.DMARC.Status == dmarc.Fail {
					t.Error("DMARC failed by our own fault")
				}
			})
		}
	}
}
