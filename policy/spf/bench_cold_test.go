package spf

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// BenchmarkCheckDelayed evaluates a typical policy through the real cache
// against a server that answers after 20 ms. It reports the longest chain of
// lookups that depend on each other (policy, include, include within it), which
// bounds the time of a check with a cold cache.
func BenchmarkCheckDelayed(b *testing.B) {
	const (
		delay = 20 * time.Millisecond
		chain = 3
	)
	s, err := dnstest.NewServer(typical().text())
	if err != nil {
		b.Fatal(err)
	}
	r, err := s.Resolver(dnscache.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close(); s.Close() })
	s.SetDelay(delay)
	for _, c := range []struct {
		name string
		o    Options
		warm bool
	}{
		{"cold", Options{}, false},
		{"coldSequential", Options{Sequential: true}, false},
		{"warm", Options{}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			r.Flush(".")
			s.Forget()
			if c.warm {
				Check(context.Background(), r, from("example.org"), c.o)
				s.Forget()
			}
			best, checks := time.Duration(math.MaxInt64), 0
			for b.Loop() {
				if !c.warm {
					b.StopTimer()
					r.Flush(".")
					b.StartTimer()
				}
				start := time.Now()
				if got := Check(context.Background(), r, from("example.org"), c.o); got.Status != Pass {
					b.Fatalf("%+v", got)
				}
				best = min(best, time.Since(start))
				checks++
			}
			b.ReportMetric(float64(len(s.Queries()))/float64(checks), "queries/check")
			b.ReportMetric(float64(best)/float64(time.Millisecond), "ms/best")
			b.ReportMetric(float64(best)/float64(chain*delay), "of-chain")
		})
	}
}
