package policy_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// A forger of a domain with p=reject may make lookups fail: names
// below the domain that are delegated badly, names of his own. None of it may
// let the forgery pass.
func TestTroubleCannotBeForced(t *testing.T) {
	t.Parallel()
	const zone = `
victim.example. TXT "v=spf1 a:%{h} -all"
_dmarc.victim.example. TXT "v=DMARC1; p=reject"
ok.attacker.example. A 192.0.2.66
$FAULT lame.victim.example * SERVFAIL
$FAULT _dmarc.lame.victim.example * SERVFAIL
$FAULT x._domainkey.lame.victim.example * SERVFAIL
$FAULT down.attacker.example * SERVFAIL
`
	const author = "ceo@victim.example"
	for _, tt := range []struct {
		name                   string
		helo, path, from, sign string
	}{
		{"baseline", "down.other.example", "x@attacker.example", author, ""},
		{"a signature of a badly delegated subdomain", "ok.attacker.example", "x@attacker.example", author, "lame.victim.example"},
		{"MAIL FROM at such a subdomain", "ok.attacker.example", "x@lame.victim.example", author, ""},
		{"the null sender and HELO at such a subdomain", "lame.victim.example", "", author, ""},
		{"HELO of the attacker in the victim's macro", "down.attacker.example", "x@victim.example", author, ""},
		{"an author at such a subdomain", "ok.attacker.example", "x@attacker.example", "ceo@lame.victim.example", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, resolver := dnstest.Start(t, zone)
			checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example"})
			text := "From: " + tt.from + "\r\nSubject: x\r\n\r\nbody\r\n"
			if tt.sign != "" {
				text = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=" + tt.sign +
					"; s=x; h=From; bh=c0NA9lu1ye10+EAAEfBOy3f5ab+AbPm4anGAy50ZxUo=; b=AAAA\r\n" + text
			}
			res := converse(t, checker, golden{
				client: message.Client{IP: netip.MustParseAddr("192.0.2.66")}, helo: tt.helo,
				sender: message.Sender{Path: tt.path}, message: []byte(text),
			})
			if v := (rules.Rules{}).Decide(res); v.Action != result.Reject && v.Action != result.TempFail {
				t.Errorf("%s by %s: dmarc=%s %s (%s)", v.Action, v.Rule, res.DMARC.Status, res.DMARC.Policy, res.DMARC.Reason)
			}
		})
	}
}

// crowdResolver answers after a moment and remembers how many asked at once.
// DMARC's lookups, which wait for no others, are not counted.
type crowdResolver struct{ now, most, total atomic.Int64 }

func (r *crowdResolver) Lookup(ctx context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	if strings.HasPrefix(name, "_dmarc.") {
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	}
	r.total.Add(1)
	n := r.now.Add(1)
	defer r.now.Add(-1)
	for most := r.most.Load(); n > most && !r.most.CompareAndSwap(most, n); {
		most = r.most.Load()
	}
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

// The worst message has a bounded share of the DNS, and bounded lookups in all.
func TestWorstMessageIsBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=s%d.example; s=x; b=AAAA\r\n", i+1, i)
		fmt.Fprintf(&text, "ARC-Message-Signature: i=%d; a=rsa-sha256; d=m%d.example; s=x; h=from; bh=AAAA; b=AAAA\r\n", i+1, i)
		fmt.Fprintf(&text, "ARC-Authentication-Results: i=%d; a.example; none\r\n", i+1)
	}
	for i := range 200 {
		fmt.Fprintf(&text, "DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example; s=x; h=From; bh=%s; b=AAAA\r\n", i, strings.Repeat("A", 43)+"=")
	}
	text.WriteString("From: a@author.example\r\n\r\nbody\r\n")
	r := &crowdResolver{}
	g := sample()
	g.message = []byte(text.String())
	res := converse(t, policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.test.example"}), g)
	if len(res.Faults) > 0 {
		t.Error(res.Faults)
	}
	if most := r.most.Load(); most > 24 {
		t.Errorf("%d lookups at once", most)
	}
	// Three of reverse DNS and SPF, ten signatures, sixty of the chain at most.
	if total := r.total.Load(); total < 13 || total > 80 {
		t.Errorf("%d lookups", total)
	}
}

// A client may say EHLO as often as it likes.
func TestRepeatedHelo(t *testing.T) {
	t.Parallel()
	r := &crowdResolver{}
	conn := policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.test.example"}).Connect(t.Context(), sample().client)
	defer conn.Close()
	for i := range 1000 {
		conn.Helo(fmt.Sprintf("h%d.example", i))
	}
	m := conn.Message(sample().sender)
	m.Field(message.NewField("From", " a@author.example"))
	res := m.Finish(t.Context())
	if total := r.total.Load(); total > 10 {
		t.Errorf("%d lookups", total)
	}
	if res.SPF[0].Domain != "h999.example" {
		t.Errorf("the last name does not count: %+v", res.SPF[0])
	}
}

// nilResolver does not keep its contract.
type nilResolver struct{}

func (nilResolver) Lookup(context.Context, string, dnscache.Type) *dnscache.Answer { return nil }

func TestNoAnswerIsTrouble(t *testing.T) {
	t.Parallel()
	checker := policy.NewChecker(policy.Options{Resolver: nilResolver{}, AuthservID: "mx.test.example", Trace: true})
	res := converse(t, checker, sample())
	if res.DMARC.Status != "temperror" || res.IPRev.Status != "temperror" || len(res.Faults) > 0 {
		t.Errorf("dmarc=%s iprev=%s %q", res.DMARC.Status, res.IPRev.Status, res.Faults)
	}
}

// More fields in our name than we keep track of: the message does not pass.
func TestTooManyClaims(t *testing.T) {
	t.Parallel()
	g := sample()
	g.message = []byte(strings.Repeat("Authentication-Results: mx.test.example; none\r\n", 1001) + "From: a@author.example\r\n\r\n")
	res := converse(t, policy.NewChecker(policy.Options{Resolver: &crowdResolver{}, AuthservID: "mx.test.example"}), g)
	if !res.ClaimsIncomplete || len(res.Claims) != 1000 {
		t.Errorf("%d claims, incomplete %v", len(res.Claims), res.ClaimsIncomplete)
	}
}
