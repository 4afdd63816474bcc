package policy_test

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brokenResolver stands for our own fault: it panics for the names that
// contain Word, and answers nothing else.
type brokenResolver struct{ word string }

func (r brokenResolver) Lookup(_ context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	if strings.Contains(name, r.word) {
		panic("lookup of " + name)
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

func sample() golden {
	return golden{
		client:  message.Client{IP: netip.MustParseAddr("192.0.2.1")},
		helo:    "helo.example",
		sender:  message.Sender{Path: "a@sender.example"},
		message: []byte("From: a@author.example\r\nSubject: x\r\n\r\nbody\r\n"),
	}
}

// A panic in one check is our fault, never the sender's: the others still run,
// the result is temperror, and the rules defer.
func TestPanicInACheckDefers(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"helo.example", "sender.example", "author.example", "in-addr.arpa"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			checker := policy.NewChecker(policy.Options{Resolver: brokenResolver{word}, AuthservID: "mx.test.example"})
			res := converse(t, checker, sample())
			if len(res.Faults) == 0 {
				t.Fatal("no fault noted")
			}
			if v := (rules.Rules{}).Decide(res); v.Action != result.TempFail {
				t.Errorf("action %s", v.Action)
			}
			if res.DMARC.Status == dmarc.Fail {
				t.Error("DMARC failed by our own fault")
			}
		})
	}
}

// slowResolver answers only when the asker gives up.
type slowResolver struct{}

func (slowResolver) Lookup(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	<-ctx.Done()
	return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
}

// RFC 9989 section 5.3.6: what could not be asked is neither pass nor fail. The
// message gets its answer within MessageTimeout.
func TestMessageTimeout(t *testing.T) {
	t.Parallel()
	checker := policy.NewChecker(policy.Options{Resolver: slowResolver{}, AuthservID: "mx.test.example", MessageTimeout: 50 * time.Millisecond})
	res := converse(t, checker, sample())
	if res.DMARC.Status != dmarc.TempError {
		t.Errorf("dmarc=%s", res.DMARC.Status)
	}
	if len(res.Faults) != 0 {
		t.Errorf("faults %q", res.Faults)
	}
	for _, r := range res.SPF {
		if r.Status != spf.TempError {
			t.Errorf("spf of %s: %s", r.Identity, r.Status)
		}
	}
}

// A client that vanishes ends all that it caused, at any point.
func TestCloseAtEveryStep(t *testing.T) {
	t.Parallel()
	for stop := range 6 {
		checker := policy.NewChecker(policy.Options{Resolver: slowResolver{}, AuthservID: "mx.test.example"})
		conn := checker.Connect(t.Context(), sample().client)
		steps := []func(m *policy.Message){
			func(m *policy.Message) { m.Recipient("b@test.example") },
			func(m *policy.Message) { m.Field(message.NewField("From", " a@author.example")) },
			func(m *policy.Message) { m.EndOfHeader() },
			func(m *policy.Message) { _, _ = m.Write([]byte("body\r\n")) },
		}
		if stop > 0 {
			conn.Helo("helo.example")
		}
		if stop > 1 {
			m := conn.Message(sample().sender)
			for i := range stop - 2 {
				steps[i](m)
			}
			m.Close()
			m.Close()
		}
		conn.Close()
		conn.Close()
	}
	// goleak in TestMain tells whether anything went on.
}

// Several messages of one connection do not mix, and a message that is begun
// anew ends the one before.
func TestMessagesOfOneConnection(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, `
one.example. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.one.example. TXT "v=DMARC1; p=reject"
two.example. TXT "v=spf1 -all"
_dmarc.two.example. TXT "v=DMARC1; p=reject"
`)
	checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example"})
	conn := checker.Connect(t.Context(), sample().client)
	defer conn.Close()
	conn.Helo("one.example")
	for i, domain := range []string{"one.example", "two.example", "one.example"} {
		conn.Message(message.Sender{Path: "left@off.example"}).Field(message.NewField("From", " left@off.example"))
		m := conn.Message(message.Sender{Path: "a@" + domain})
		m.Field(message.NewField("From", " a@"+domain))
		res := m.Finish(t.Context())
		want := dmarc.Pass
		if domain == "two.example" {
			want = dmarc.Fail
		}
		if res.DMARC.Status != want || res.DMARC.AuthorDomain != domain {
			t.Errorf("message %d: dmarc=%s for %q: %s", i, res.DMARC.Status, res.DMARC.AuthorDomain, res.DMARC.Reason)
		}
		if res.DNS.Lookups == 0 || res.DNS.Lookups > 12 {
			t.Errorf("message %d: %d lookups", i, res.DNS.Lookups)
		}
	}
}

// One checker serves many connections at a time.
func TestConcurrentConnections(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, `
one.example. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.one.example. TXT "v=DMARC1; p=reject"
`)
	checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example"})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			g := sample()
			g.sender.Path = "a@one.example"
			g.message = bytes.ReplaceAll(g.message, []byte("author.example"), []byte("one.example"))
			if res := converse(t, checker, g); res.DMARC.Status != dmarc.Pass {
				t.Errorf("dmarc=%s: %s", res.DMARC.Status, res.DMARC.Reason)
			}
		})
	}
	wg.Wait()
}
