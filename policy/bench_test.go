package policy_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// usual is a message as most are: a provider's client sends, the author's domain
// signs, and all passes.
func usual(tb testing.TB, body string) (golden, message.Header) {
	tb.Helper()
	k := key("author.example", "s")
	g := golden{
		client: message.Client{IP: netip.MustParseAddr("192.0.2.1")},
		helo:   "out1.provider.example",
		sender: message.Sender{Path: "bounce@author.example"},
		zone: "author.example. TXT \"v=spf1 include:_spf.provider.example -all\"\n" +
			"_spf.provider.example. TXT \"v=spf1 ip4:192.0.2.0/25 ~all\"\n" +
			"_dmarc.author.example. TXT \"v=DMARC1; p=reject\"\n" +
			"out1.provider.example. A 192.0.2.1\n1.2.0.192.in-addr.arpa. PTR out1.provider.example.\n" +
			"out1.provider.example. TXT \"v=spf1 a -all\"\n" +
			fmt.Sprintf("s._domainkey.author.example. TXT \"v=DKIM1; k=ed25519; p=%s\"\n", base64.StdEncoding.EncodeToString(k.Public().(ed25519.PublicKey))),
	}
	var mail strings.Builder
	for i := range 4 {
		fmt.Fprintf(&mail, "Received: from relay%d.author.example (relay%d.author.example [192.0.2.1])\r\n\tby relay.author.example (Postfix) with ESMTPS id 4ABC%dXYZ\r\n\tfor <user@test.example>; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)\r\n", i, i, i)
	}
	mail.WriteString("From: \"Some Sender\" <news@author.example>\r\nTo: User <user@test.example>\r\nSubject: a subject of some length\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1.abcdef@author.example>\r\n\r\n" + body)
	var out bytes.Buffer
	if err := msgauth.Sign(&out, strings.NewReader(mail.String()), &msgauth.SignOptions{
		Domain: "author.example", Selector: "s", Signer: k, Hash: crypto.SHA256,
		HeaderCanonicalization: msgauth.CanonicalizationRelaxed, BodyCanonicalization: msgauth.CanonicalizationRelaxed,
	}); err != nil {
		tb.Fatal(err)
	}
	header, err := message.NewReader(bytes.NewReader(out.Bytes())).Header()
	if err != nil {
		tb.Fatal(err)
	}
	g.message = []byte(body)
	return g, header
}

// warmChecker returns a checker whose cache knows what the message needs.
func warmChecker(tb testing.TB, g golden, h message.Header) *policy.Checker {
	tb.Helper()
	s, err := dnstest.NewServer(g.zone)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := s.Resolver(dnscache.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close(); s.Close() })
	c := policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.test.example"})
	if res := deliver(c, g, h); res.DMARC.Status != dmarc.Pass || len(res.DKIM) != 1 || res.DKIM[0].Status != dkim.Pass {
		tb.Fatalf("%+v", res)
	}
	return c
}

// deliver plays a connection with one message, its body in the chunks of a milter.
func deliver(c *policy.Checker, g golden, h message.Header) *result.Results {
	ctx := context.Background()
	conn := c.Connect(ctx, g.client)
	defer conn.Close()
	conn.Helo(g.helo)
	msg := conn.Message(g.sender)
	defer msg.Close()
	msg.Recipient("user@test.example")
	for _, f := range h {
		msg.Field(f)
	}
	msg.EndOfHeader()
	for body := g.message; len(body) > 0; {
		n := min(len(body), 65535)
		msg.Write(body[:n])
		body = body[n:]
	}
	return msg.Finish(ctx)
}

func text(size int) string {
	const line = "The quick brown fox jumps over the lazy dog, and then it goes home. 12\r\n"
	return strings.Repeat(line, size/len(line)+1)
}

// BenchmarkMessage is all that happens to a message between the MTA and the
// verdict, the milter protocol aside, with a warm cache.
func BenchmarkMessage(b *testing.B) {
	set := rules.Rules{AuthservID: "mx.test.example"}
	for _, kb := range []int{2, 24, 1024} {
		g, h := usual(b, text(kb<<10))
		c := warmChecker(b, g, h)
		b.Run(fmt.Sprintf("%dKB", kb), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := set.Decide(deliver(c, g, h)); v.Action != result.Accept {
					b.Fatal(v)
				}
			}
		})
		b.Run(fmt.Sprintf("%dKB/SHA256", kb), func(b *testing.B) {
			for b.Loop() {
				sha256.Sum256(g.message)
			}
		})
	}
}

// Nothing that a message takes in memory grows with its body.
func TestMemoryDoesNotGrowWithTheBody(t *testing.T) {
	measure := func(size int) uint64 {
		const messages = 20
		g, h := usual(t, text(size))
		c := warmChecker(t, g, h)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range messages {
			deliver(c, g, h)
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / messages
	}
	small, large := measure(10<<10), measure(4<<20)
	if large > small+small/2 {
		t.Errorf("%d bytes allocated with 10 KB of body, %d with 4 MB", small, large)
	}
}
