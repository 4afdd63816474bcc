package policy_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// BenchmarkTrace is a whole message, signed by its author and with a warm cache,
// without and with a trace.
func BenchmarkTrace(b *testing.B) {
	sig := attackSignature{domain: "good.example", selector: "s1", name: "s1._domainkey.good.example", fields: "from:to:subject", length: -1}
	msg := []byte("From: ann@good.example\r\nTo: user@test.example\r\nSubject: a test\r\n\r\nHello.\r\n")
	fields := []message.Field{message.NewField("From", " ann@good.example"), message.NewField("To", " user@test.example"), message.NewField("Subject", " a test")}
	signature := sig.sign(msg)
	fields = append([]message.Field{{Name: "DKIM-Signature", Raw: signature}}, fields...)
	_, resolver := dnstest.Start(b, fmt.Sprintf(`good.example. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.good.example. TXT "v=DMARC1; p=reject"
mx.good.example. TXT "v=spf1 -all"
1.2.0.192.in-addr.arpa. PTR mx.good.example.
mx.good.example. A 192.0.2.1
s1._domainkey.good.example. TXT "%s"
`, sig.keyRecord()))
	for _, trace := range []bool{false, true} {
		b.Run(fmt.Sprintf("trace=%v", trace), func(b *testing.B) {
			checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example", Trace: trace})
			set := rules.Rules{AuthservID: "mx.test.example"}
			one := func() {
				conn := checker.Connect(context.Background(), message.Client{IP: netip.MustParseAddr("192.0.2.1")})
				defer conn.Close()
				conn.Helo("mx.good.example")
				m := conn.Message(message.Sender{Path: "ann@good.example"})
				for _, f := range fields {
					m.Field(f)
				}
				m.EndOfHeader()
				_, _ = m.Write([]byte("Hello.\r\n"))
				if v := set.Decide(m.Finish(context.Background())); v.Rule != result.RuleDMARCPass {
					b.Fatal(v.Rule)
				}
			}
			one() // warms the cache
			b.ReportAllocs()
			for b.Loop() {
				one()
			}
		})
	}
}
