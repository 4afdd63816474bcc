package service

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// spareHeap is how much garbage may accumulate before Go collects it. By default Go
// collects when the heap has doubled. Postvet's heap is a few megabytes, so under load
// that would happen about fifty times a second and take a fifth of all CPU time. A live
// heap that is larger than spareHeap is collected as usual.
const spareHeap = 32 << 20

// The bounds of GOGC. minPercent is Go's default. maxPercent leaves spareHeap beside a
// live heap of 4 MB. A smaller heap needs no higher GOGC: Go's minimum heap is 4 MB at
// GOGC=100 and grows with GOGC.
const (
	minPercent = 100
	maxPercent = 100 * spareHeap / (4 << 20)
)

// gcPercent returns the GOGC that leaves spareHeap beside a live heap of so many
// bytes.
func gcPercent(live uint64) int {
	percent := maxPercent
	if live > 0 {
		percent = int(min(100*spareHeap/live, maxPercent))
	}
	return max(percent, minPercent)
}

// adaptGC adapts GOGC to the live heap after each collection, until stop is
// called. It does nothing if the administrator has set GOGC or GOMEMLIMIT in the
// environment.
func adaptGC() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	c := &gcAdapter{percent: maxPercent}
	before := debug.SetGCPercent(c.percent)
	c.watch()
	return func() {
		c.stopped.Store(true)
		debug.SetGCPercent(before)
	}
}

// gcAdapter is the state of adaptGC.
type gcAdapter struct {
	percent int // the current GOGC; only adapt uses it
	stopped atomic.Bool
}

// watch calls adapt after the next collection. It registers a cleanup of an unreachable
// object, which that collection frees.
func (c *gcAdapter) watch() {
	runtime.AddCleanup(new([32]byte), (*gcAdapter).adapt, c)
}

// adapt sets GOGC for the present live heap, and waits for the next collection.
func (c *gcAdapter) adapt() {
	if c.stopped.Load() {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() == metrics.KindUint64 {
		// A change stops the world for a moment, so small changes are left out.
		if p := gcPercent(live[0].Value.Uint64()); p < c.percent*7/8 || p > c.percent*9/8 {
			c.percent = p
			debug.SetGCPercent(p)
		}
	}
	c.watch()
}
