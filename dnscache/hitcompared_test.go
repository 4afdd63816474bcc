//go:build !race

package dnscache_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/postvet/postvet/dnscache"
)

// BenchmarkHitCompared compares hits on one and on two cores with otter's at the
// same work. All take turns in rounds of some milliseconds, and the best round of
// each counts: other programs take whole slices of time away, and the best round
// lost none. Times are per hit. Scaling is how much faster two cores are than one.
func BenchmarkHitCompared(b *testing.B) {
	type key struct {
		name string
		typ  dnscache.Type
	}
	_, r, names := benchResolver(b)
	o := otter.Must(&otter.Options[key, *dnscache.Answer]{MaximumSize: 2 * benchNames, ExpiryCalculator: otter.ExpiryWriting[key, *dnscache.Answer](time.Hour)})
	b.Cleanup(func() { o.StopAllGoroutines() })
	ctx := context.Background()
	for _, n := range names {
		// A caller does not have the very string that is stored.
		o.Set(key{strings.Clone(n), dnscache.TXT}, r.Lookup(ctx, n, dnscache.TXT))
	}
	const hits = 4 * benchNames
	ours := func(from int) {
		for i := range hits {
			r.Lookup(ctx, names[(i+from)%benchNames], dnscache.TXT)
		}
	}
	oursHot := func(int) {
		for range hits {
			r.Lookup(ctx, names[7], dnscache.TXT)
		}
	}
	otters := func(from int) {
		for i := range hits {
			o.GetIfPresent(key{names[(i+from)%benchNames], dnscache.TXT})
		}
	}
	best := map[string]time.Duration{}
	round := func(name string, cores int, f func(from int)) {
		var ready, done sync.WaitGroup
		ready.Add(cores)
		begin := make(chan struct{})
		for c := range cores {
			done.Go(func() { ready.Done(); <-begin; f(c * benchNames / 2) })
		}
		ready.Wait()
		start := time.Now()
		close(begin)
		done.Wait()
		if took := time.Since(start) / time.Duration(cores); best[name] == 0 || took < best[name] {
			best[name] = took
		}
	}
	for b.Loop() {
		round("ours", 1, ours)
		round("ours-2", 2, ours)
		round("hot", 1, oursHot)
		round("hot-2", 2, oursHot)
		round("otter", 1, otters)
		round("otter-2", 2, otters)
	}
	per := func(name string) float64 { return float64(best[name]) / hits }
	b.ReportMetric(0, "ns/op") // of a round of all: says nothing
	b.ReportMetric(per("ours"), "ns/hit")
	b.ReportMetric(per("ours")/per("ours-2"), "scaling")
	b.ReportMetric(per("hot"), "ns/hit-1name")
	b.ReportMetric(per("hot")/per("hot-2"), "scaling-1name")
	b.ReportMetric(per("otter"), "ns/hit-otter")
	b.ReportMetric(per("otter")/per("otter-2"), "scaling-otter")
}
