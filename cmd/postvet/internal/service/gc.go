package service

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// Go collects garbage when the heap has doubled. With the few megabytes that
// Postvet holds that is so some fifty times a second under load, and takes a
// fifth of all processor time. So there is always to be room for this much
// garbage; a heap that is larger by itself is collected as usual.
const garbageRoom = 32 << 20

// The bounds of GOGC: usual is Go's own. Up to 4 MB of live heap, where Go's least
// heap grows with GOGC too, most gives garbageRoom.
const (
	usualPercent = 100
	mostPercent  = 100 * garbageRoom / (4 << 20)
)

// gcPercent is the GOGC that leaves garbageRoom beside a live heap of so many bytes.
func gcPercent(live uint64) int {
	percent := mostPercent
	if live > 0 {
		percent = int(min(100*garbageRoom/live, mostPercent))
	}
	return max(percent, usualPercent)
}

// steadyCollector adapts GOGC to the live heap after each collection, until stop
// is called. It leaves the choice to an administrator who has made one, by the
// environment's GOGC or GOMEMLIMIT.
func steadyCollector() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	c := &collector{percent: mostPercent}
	before := debug.SetGCPercent(c.percent)
	c.watch()
	return func() {
		c.stopped.Store(true)
		debug.SetGCPercent(before)
	}
}

// collector is the state of steadyCollector.
type collector struct {
	percent int // in force; only adapt uses it
	stopped atomic.Bool
}

// watch has adapt called after the next collection: that is when what nobody
// holds is found.
func (c *collector) watch() {
	runtime.AddCleanup(new([32]byte), (*collector).adapt, c)
}

func (c *collector) adapt() {
	if c.stopped.Load() {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() == metrics.KindUint64 {
		// A change stops the world for a moment, so small ones are not made.
		if p := gcPercent(live[0].Value.Uint64()); p < c.percent*7/8 || p > c.percent*9/8 {
			c.percent = p
			debug.SetGCPercent(p)
		}
	}
	c.watch()
}
