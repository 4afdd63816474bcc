package dnscache_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/miekg/dns"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

const benchNames = 4096

func benchResolver(b *testing.B) (*dnstest.Server, *dnscache.Resolver, []string) {
	b.Helper()
	s, err := dnstest.NewServer("*.test. 3600 TXT \"v=spf1 -all\"")
	if err != nil {
		b.Fatal(err)
	}
	r, err := s.Resolver(dnscache.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close(); s.Close() })
	names := make([]string, benchNames)
	for i := range names {
		names[i] = fmt.Sprintf("selector%d._domainkey.example.test", i)
	}
	return s, r, names
}

func BenchmarkHit(b *testing.B) {
	_, r, names := benchResolver(b)
	ctx := context.Background()
	for _, n := range names {
		r.Lookup(ctx, n, dnscache.TXT)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if r.Lookup(ctx, names[i%benchNames], dnscache.TXT).Outcome != dnscache.Found {
			b.Fatal("miss")
		}
	}
}

func BenchmarkHitParallel(b *testing.B) {
	_, r, names := benchResolver(b)
	ctx := context.Background()
	for _, n := range names {
		r.Lookup(ctx, n, dnscache.TXT)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			r.Lookup(ctx, names[i%benchNames], dnscache.TXT)
		}
	})
}

// BenchmarkHitParallelOneName has all cores look up the same name.
func BenchmarkHitParallelOneName(b *testing.B) {
	_, r, names := benchResolver(b)
	ctx := context.Background()
	r.Lookup(ctx, names[0], dnscache.TXT)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			r.Lookup(ctx, names[0], dnscache.TXT)
		}
	})
}

// BenchmarkHitOtter does the same with otter, whose key is name and type and whose
// entries expire. It does a little less: it does not bring names to lower case, nor
// count hits.
func BenchmarkHitOtter(b *testing.B)         { benchOtter(b, false) }
func BenchmarkHitOtterParallel(b *testing.B) { benchOtter(b, true) }

func benchOtter(b *testing.B, parallel bool) {
	type key struct {
		name string
		typ  dnscache.Type
	}
	_, r, names := benchResolver(b)
	o := otter.Must(&otter.Options[key, *dnscache.Answer]{MaximumSize: 2 * benchNames, ExpiryCalculator: otter.ExpiryWriting[key, *dnscache.Answer](time.Hour)})
	b.Cleanup(func() { o.StopAllGoroutines() })
	for _, n := range names {
		o.Set(key{strings.Clone(n), dnscache.TXT}, r.Lookup(context.Background(), n, dnscache.TXT))
	}
	b.ReportAllocs()
	b.ResetTimer()
	if parallel {
		b.RunParallel(func(p *testing.PB) {
			for i := 0; p.Next(); i++ {
				o.GetIfPresent(key{names[i%benchNames], dnscache.TXT})
			}
		})
		return
	}
	for i := 0; b.Loop(); i++ {
		if _, ok := o.GetIfPresent(key{names[i%benchNames], dnscache.TXT}); !ok {
			b.Fatal("miss")
		}
	}
}

// BenchmarkMissCompared compares lookups that miss the cache with the same
// exchanges by miekg/dns alone. They take turns. The difference of the best rounds
// is what the cache adds, see BenchmarkHitCompared.
func BenchmarkMissCompared(b *testing.B) {
	s, r, _ := benchResolver(b)
	ctx := context.Background()
	c := &dns.Client{UDPSize: 1232}
	const round = 20
	n := 0
	best := map[string]time.Duration{}
	take := func(what string, f func(name string) error) {
		start := time.Now()
		for range round {
			n++
			if err := f(fmt.Sprintf("n%d.test", n)); err != nil {
				b.Fatal(err)
			}
		}
		if took := time.Since(start); best[what] == 0 || took < best[what] {
			best[what] = took
		}
	}
	for b.Loop() {
		take("ours", func(name string) error { return r.Lookup(ctx, name, dnscache.TXT).Err })
		take("alone", func(name string) error {
			m := new(dns.Msg)
			m.SetQuestion(name+".", dns.TypeTXT)
			m.SetEdns0(1232, false)
			_, _, err := c.Exchange(m, s.Addr())
			return err
		})
	}
	per := func(what string) float64 { return float64(best[what].Microseconds()) / round }
	b.ReportMetric(0, "ns/op") // of a round of both: says nothing
	b.ReportMetric(per("ours"), "us/miss")
	b.ReportMetric(per("alone"), "us/exchange")
	b.ReportMetric(per("ours")-per("alone"), "us/overhead")
}

func BenchmarkMiss(b *testing.B) {
	_, r, _ := benchResolver(b)
	ctx := context.Background()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if a := r.Lookup(ctx, fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
			b.Fatal(a.Err)
		}
	}
}

// BenchmarkMissExchangeAlone does the same exchange with miekg/dns alone.
func BenchmarkMissExchangeAlone(b *testing.B) {
	s, _, _ := benchResolver(b)
	c := &dns.Client{UDPSize: 1232}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := new(dns.Msg)
		m.SetQuestion(fmt.Sprintf("n%d.test.", i), dns.TypeTXT)
		m.SetEdns0(1232, false)
		if _, _, err := c.Exchange(m, s.Addr()); err != nil {
			b.Fatal(err)
		}
	}
}
