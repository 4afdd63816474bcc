package arc

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
)

func BenchmarkVerify(b *testing.B) {
	answer := &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{keyRecord()}}
	r := resolverFunc(func(context.Context, string, dnscache.Type) *dnscache.Answer { return answer })
	for _, n := range []int{1, 3, 10, 50} {
		h, body := splitMessage(chain(plainMail, n))
		b.Run(fmt.Sprintf("Sets%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var bodies dkim.Bodies
				v := NewVerifier(h, &bodies, dkim.Options{})
				keys := v.LookupKeys(context.Background(), r)
				bodies.Write([]byte(body))
				bodies.Close()
				if got := v.Finish(keys); got.Status != Pass {
					b.Fatal(got)
				}
			}
		})
	}
	// More than 50 sets break the chain before any lookup.
	for _, n := range []int{100, 300, 1000} {
		set := "ARC-Seal: i=1; cv=none\r\nARC-Message-Signature: i=1\r\nARC-Authentication-Results: i=1; x\r\n"
		hostile, _ := splitMessage(strings.Repeat(set, n) + plainMail)
		b.Run(fmt.Sprintf("Sets%d", n), func(b *testing.B) {
			for b.Loop() {
				var bodies dkim.Bodies
				if got := NewVerifier(hostile, &bodies, dkim.Options{}).Finish(nil); got.Status != Fail {
					b.Fatal(got)
				}
			}
		})
	}
}
