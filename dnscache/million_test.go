//go:build !race

package dnscache

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// BenchmarkMillion puts a million answers of common size (a name of 38 octets, a
// text of 60). It reports what one takes by the heap and by the store's own account,
// how long it takes to put one, and to get one in random order, when hardly any is
// in the processor's caches.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("selector%06d._domainkey.example.test", i)
	}
	text := make([]byte, 60)
	for b.Loop() {
		b.StopTimer()
		before := heap()
		s := newStore(2 << 30)
		start := time.Now()
		for i, name := range names {
			text[i%len(text)]++
			s.put(textEntry(s, name, string(text), 0, time.Hour), 0)
		}
		put := time.Since(start)
		grown := heap() - before
		entries, said, _ := s.usage()
		if entries != n {
			b.Fatalf("%d entries", entries)
		}
		at := uint32(1)
		hit := time.Duration(1 << 62)
		for range 100 {
			start = time.Now()
			const round = 10_000
			for range round {
				at = at*1664525 + 1013904223
				name := names[uint64(at)*n>>32]
				if s.find(s.hash(name, TXT), name, TXT) == nil {
					b.Fatal("lost")
				}
			}
			hit = min(hit, time.Since(start)/round)
		}
		ghosts := int64(len(s.shards) * len(s.shards[0].ghosts) * 4)
		runtime.KeepAlive(s)
		b.ReportMetric(float64(grown-ghosts)/n, "B/entry")
		b.ReportMetric(float64(said-ghosts)/n, "B/entry-said")
		b.ReportMetric(float64(put.Nanoseconds())/n, "ns/put")
		b.ReportMetric(float64(hit.Nanoseconds()), "ns/get")
		b.StartTimer()
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSnapshot saves and loads a hundred thousand answers.
func BenchmarkSnapshot(b *testing.B) {
	const n = 100_000
	full := func() *Resolver {
		r, err := New(Options{Upstreams: []string{"127.0.0.1"}, MaxBytes: 256 << 20})
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	r := full()
	for i := range n {
		r.store.put(textEntry(r.store, fmt.Sprintf("selector%06d._domainkey.example.test", i), "v=DKIM1; p=", r.now(), time.Hour), 0)
	}
	path := filepath.Join(b.TempDir(), "snapshot")
	var save, load time.Duration
	rounds := 0
	for b.Loop() {
		start := time.Now()
		if err := r.Save(path); err != nil {
			b.Fatal(err)
		}
		save += time.Since(start)
		b.StopTimer()
		warm := full()
		b.StartTimer()
		start = time.Now()
		if got, err := warm.Load(path); got != n || err != nil {
			b.Fatal(got, err)
		}
		load += time.Since(start)
		rounds++
	}
	b.ReportMetric(float64(save.Milliseconds())/float64(rounds), "ms/save")
	b.ReportMetric(float64(load.Milliseconds())/float64(rounds), "ms/load")
}
