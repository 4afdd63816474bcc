//go:build !race

package dnscache

import (
	"container/list"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"
)

// trace returns a sequence of names: some follow Zipf over a set of names, the share
// scan comes once, like random subdomains.
func trace(length, names int, s, scan float64) []string {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, s, 1, uint64(names-1))
	out := make([]string, length)
	for i := range out {
		if r.Float64() < scan {
			out[i] = fmt.Sprintf("r%d-%d.test", i, r.Uint32())
			continue
		}
		out[i] = fmt.Sprintf("n%d.test", z.Uint64())
	}
	return out
}

// hitRatio returns the hit ratio of a trace. It leaves out names that come once.
func hitRatio(names []string, get func(string) bool, put func(string)) float64 {
	hits, asked := 0, 0
	for i, n := range names {
		hit := get(n)
		if !hit {
			put(n)
		}
		if n[0] == 'n' && i > len(names)/4 {
			asked++
			if hit {
				hits++
			}
		}
	}
	return float64(hits) / float64(asked)
}

// The hit ratio on Zipf traces is about that of otter, which estimates frequencies.
// With names that come once it is far above that of LRU.
func TestHitRatio(t *testing.T) {
	if testing.Short() {
		t.Skip("plays long traces")
	}
	for _, c := range []struct {
		name    string
		s, scan float64
		names   int
		room    int // entries
		ahead   float64
	}{
		{"zipf", 1.01, 0, 200_000, 10_000, 0},
		{"zipf, flat", 1.001, 0, 100_000, 20_000, 0},
		{"scan of half", 1.01, 0.5, 100_000, 5_000, 0.05},
		{"scan of nine tenths", 1.01, 0.9, 100_000, 5_000, 0.10},
	} {
		names := trace(400_000, c.names, c.s, c.scan)
		seedStore := newStore(1 << 20)
		one := textEntry(seedStore, "n12345.test", "v", 0, time.Minute).cost
		s := newStore(0x7fffffff)
		// One shard for exactly so many entries, so that the policies are compared
		// and not the sizes.
		s.shards = s.shards[:1]
		s.shift = 64
		s.shards[0] = shard{}
		s.shards[0].init(int64(c.room) * (one + 24))
		ours := hitRatio(names,
			func(n string) bool {
				e := lookIn(s, n)
				if e != nil {
					e.touch()
				}
				return e != nil
			},
			func(n string) { s.put(textEntry(s, n, "v", 0, time.Minute), 0) })
		room, _, _ := s.usage()
		o := otter.Must(&otter.Options[string, int]{MaximumSize: room, Executor: func(f func()) { f() }})
		theirs := hitRatio(names,
			func(n string) bool { _, ok := o.GetIfPresent(n); return ok },
			func(n string) { o.Set(n, 1) })
		l := &lru{room: room, at: map[string]*list.Element{}}
		worst := hitRatio(names, l.get, l.put)
		t.Logf("%s: %d entries: %.4f, otter %.4f, LRU %.4f", c.name, room, ours, theirs, worst)
		// With a scan, traces differ from one another by about a hundredth.
		near := 0.01
		if c.scan > 0 {
			near = 0.02
		}
		if ours < theirs-near {
			t.Errorf("%s: %.4f, otter %.4f", c.name, ours, theirs)
		}
		if ours < worst+c.ahead {
			t.Errorf("%s: %.4f, LRU %.4f", c.name, ours, worst)
		}
	}
}

type lru struct {
	room int
	l    list.List
	at   map[string]*list.Element
}

func (c *lru) get(n string) bool {
	e := c.at[n]
	if e != nil {
		c.l.MoveToFront(e)
	}
	return e != nil
}

func (c *lru) put(n string) {
	c.at[n] = c.l.PushFront(n)
	if c.l.Len() > c.room {
		delete(c.at, c.l.Remove(c.l.Back()).(string))
	}
}
