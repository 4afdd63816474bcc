package spf

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	other "blitiri.com.ar/go/spf"

	"github.com/postvet/postvet/dnscache"
)

// warm answers from memory as a cache does. Each record is parsed once.
type warm struct{ answers map[question]*dnscache.Answer }

func (w warm) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if a := w.answers[question{name: name, typ: t}]; a != nil {
		return a
	}
	return nxdomain
}

// silent is a zone that does not record its questions.
type silent struct{ z *zone }

func (s silent) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if n := s.z.names[name]; n != nil && n.answers[t] != nil {
		return n.answers[t]
	}
	return nxdomain
}

var nxdomain = &dnscache.Answer{Outcome: dnscache.NXDomain}

// preparsed takes the answers from a real cache once. They keep the values of
// Derive.
func preparsed(b *testing.B, z *zone) warm {
	b.Helper()
	r := serve(b, z.text())
	w := warm{map[question]*dnscache.Answer{}}
	for name, n := range z.names {
		for t := range n.answers {
			r.Lookup(b.Context(), name, t)
			a := r.Lookup(b.Context(), name, t) // an answer from the cache
			if a.Outcome != dnscache.Found {
				b.Fatal(name, t, a.Outcome, a.Err)
			}
			w.answers[question{name: name, typ: t}] = a
		}
	}
	return w
}

// typical is the zone of a domain with two large mail providers.
func typical() *zone {
	return newZone().
		txt("example.org", "google-site-verification=abcdefghijklmnopqrstuvwxyz").
		txt("example.org", "v=spf1 mx include:_spf.provider.example include:spf.newsletter.example ip4:198.51.100.0/24 ~all").
		mx("example.org", 10, "mx1.example.org").mx("example.org", 20, "mx2.example.org").
		addr("mx1.example.org", "203.0.113.10").addr("mx2.example.org", "203.0.113.11").
		txt("_spf.provider.example", "v=spf1 include:_nb1.provider.example include:_nb2.provider.example ~all").
		txt("_nb1.provider.example", "v=spf1"+strings.Repeat(" ip4:203.0.113.128/28", 12)+" ~all").
		txt("_nb2.provider.example", "v=spf1"+strings.Repeat(" ip6:2001:db8:1::/48", 12)+" ~all").
		txt("spf.newsletter.example", "v=spf1 ip4:192.0.2.0/24 -all")
}

func benchmarkCheck(b *testing.B, r Resolver, q Query, want Status, o Options) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if got := Check(context.Background(), r, q, o); got.Status != want {
			b.Fatalf("%+v", got)
		}
	}
}

func BenchmarkCheckTypical(b *testing.B) {
	w := preparsed(b, typical())
	b.Run("warm", func(b *testing.B) { benchmarkCheck(b, w, from("example.org"), Pass, Options{}) })
	// The records are parsed each time, and all lookups that can run ahead do.
	b.Run("cold", func(b *testing.B) { benchmarkCheck(b, silent{typical()}, from("example.org"), Pass, Options{}) })
}

// BenchmarkBlitiriTypical measures another implementation with the same
// answers, for comparison.
func BenchmarkBlitiriTypical(b *testing.B) {
	z := typical()
	q := from("example.org")
	b.ReportAllocs()
	for b.Loop() {
		z.asked = z.asked[:0]
		got, _ := other.CheckHostWithSender(q.IP.AsSlice(), q.Helo, q.Sender, other.WithResolver(otherDNS{z, q.IP}))
		if got != other.Pass {
			b.Fatal(got)
		}
	}
}

func BenchmarkCheckAddress(b *testing.B) {
	w := preparsed(b, newZone().txt("example.org", "v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 -all"))
	benchmarkCheck(b, w, from("example.org"), Pass, Options{})
}

func BenchmarkCheckWorst(b *testing.B) {
	w := preparsed(b, worst())
	benchmarkCheck(b, w, from("worst.example.org"), Fail, Options{})
}

// BenchmarkCheckLargest evaluates records up to the largest that a DNS answer
// can hold, in a loop of redirects that the limit of ten ends. The cost must be
// linear in the size.
func BenchmarkCheckLargest(b *testing.B) {
	for _, terms := range []int{300, 1200, 4800} {
		b.Run(fmt.Sprintf("%dTerms", terms), func(b *testing.B) {
			w := preparsed(b, newZone().txt("example.org", "v=spf1"+strings.Repeat(" ip4:10.0.0.1", terms)+" redirect=example.org"))
			benchmarkCheck(b, w, from("example.org"), PermError, Options{})
		})
	}
}

func BenchmarkCheckMacros(b *testing.B) {
	w := preparsed(b, newZone().txt("example.org", "v=spf1 exists:%{ir}.%{v}.%{l1r+-}._spf.%{d2} -all").
		addr("1.2.0.192.in-addr.joe._spf.example.org", "127.0.0.2"))
	benchmarkCheck(b, w, from("example.org"), Pass, Options{})
}

func BenchmarkParseRecord(b *testing.B) {
	const record = "v=spf1 mx include:_spf.provider.example include:spf.newsletter.example ip4:198.51.100.0/24 ip6:2001:db8::/32 exists:%{ir}.%{d2} ~all"
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRecord(record); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParallel(b *testing.B) {
	w := preparsed(b, typical())
	var wrong atomic.Int32
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if Check(context.Background(), w, from("example.org"), Options{}).Status != Pass {
				wrong.Add(1)
			}
		}
	})
	if wrong.Load() > 0 {
		b.Error(wrong.Load())
	}
}
