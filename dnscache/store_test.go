package dnscache

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func textEntry(s *store, name, text string, now int64, ttl time.Duration) *entry {
	name, ok := keyName(name)
	if !ok {
		panic("bad name " + name)
	}
	return newEntry(s.key(name, TXT), Answer{Outcome: Found, TXT: []string{text}}, now, time.Time{}, ttl, 0)
}

func lookIn(s *store, name string) *entry {
	k := s.key(name, TXT)
	return s.get(&k)
}

// consistent checks the invariants of a shard.
func (s *shard) consistent() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, bytes := 0, s.fixed
	for _, q := range []*queue{&s.small, &s.main} {
		var last *entry
		var sum int64
		for e := q.head; e != nil; last, e = e, e.older {
			if e.newer != last || e.inMain != (q == &s.main) {
				return fmt.Errorf("%q is linked badly", e.name())
			}
			if find(s.table.Load(), e.hash, e.name(), e.typ) != e {
				return fmt.Errorf("%q is in a queue and not in the table", e.name())
			}
			n++
			sum += e.cost
		}
		if q.tail != last || sum != q.bytes {
			return fmt.Errorf("queue of %d bytes says %d, or its tail is wrong", sum, q.bytes)
		}
		bytes += sum
	}
	used, live := 0, 0
	for i := range s.table.Load().slots {
		if e := s.table.Load().slots[i].Load(); e != nil {
			used++
			if e != s.tombstone {
				live++
			}
		}
	}
	if n != s.live || live != s.live || used != s.used {
		return fmt.Errorf("%d queued, %d in the table, %d said; %d slots used, %d said", n, live, s.live, used, s.used)
	}
	if bytes > s.maxBytes {
		return fmt.Errorf("%d bytes of %d", bytes, s.maxBytes)
	}
	return nil
}

// The store is a map that may lose entries when it is full, and only then.
func TestStoreIsAMap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		bytes int64
		full  bool
	}{{"not full", 64 << 20, false}, {"full", 64 << 10, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				s := newStore(c.bytes)
				model := map[string]string{}
				name := rapid.Custom(func(t *rapid.T) string {
					return fmt.Sprintf("n%d.test", rapid.IntRange(0, 200).Draw(t, "n"))
				})
				now := int64(0)
				t.Repeat(map[string]func(*rapid.T){
					"put": func(t *rapid.T) {
						n, v := name.Draw(t, "name"), strings.Repeat("x", rapid.IntRange(0, 3000).Draw(t, "size"))
						s.put(textEntry(s, n, v, now, time.Minute), now)
						model[n] = v
					},
					"put many": func(t *rapid.T) {
						from := rapid.IntRange(0, 200).Draw(t, "from")
						for i := range 50 {
							n := fmt.Sprintf("n%d.test", from+i)
							s.put(textEntry(s, n, n, now, time.Minute), now)
							model[n] = n
						}
					},
					"get": func(t *rapid.T) {
						n := name.Draw(t, "name")
						e := lookIn(s, n)
						v, ok := model[n]
						switch {
						case e == nil && ok && !c.full:
							t.Fatalf("%s is lost", n)
						case e != nil && !ok:
							t.Fatalf("%s was never put, or deleted", n)
						case e != nil && e.answer.TXT[0] != v:
							t.Fatalf("%s is an older one", n)
						}
						if e != nil {
							e.touch()
						}
					},
					"delete": func(t *rapid.T) {
						n := name.Draw(t, "name")
						k := s.key(n, TXT)
						s.delete(&k)
						delete(model, n)
					},
					"remove": func(t *rapid.T) {
						end := fmt.Sprintf("%d.test", rapid.IntRange(0, 9).Draw(t, "digit"))
						s.remove(func(e *entry) bool { return strings.HasSuffix(e.name(), end) })
						for n := range model {
							if strings.HasSuffix(n, end) {
								delete(model, n)
							}
						}
					},
					"pass": func(*rapid.T) { now += int64(rapid.IntRange(0, 90).Draw(t, "s")) * int64(time.Second) },
					"": func(t *rapid.T) {
						for i := range s.shards {
							if err := s.shards[i].consistent(); err != nil {
								t.Fatal(err)
							}
						}
						if n, _, _ := s.usage(); !c.full && n != len(model) {
							t.Fatalf("%d entries, want %d", n, len(model))
						}
					},
				})
			})
		})
	}
}

func TestStoreIsConcurrent(t *testing.T) {
	t.Parallel()
	s := newStore(256 << 10)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 3000 {
				n := fmt.Sprintf("n%d.test", (i*7+g*13)%900)
				if e := lookIn(s, n); e != nil {
					if e.name() != n || e.answer.TXT[0] != n {
						t.Errorf("%s got %s", n, e.name())
					}
					e.touch()
				} else {
					s.put(textEntry(s, n, n, 0, time.Minute), 0)
				}
				if i%500 == 499 {
					s.remove(func(e *entry) bool { return strings.HasPrefix(e.name(), "n1") })
				}
			}
		})
	}
	wg.Wait()
	for i := range s.shards {
		if err := s.shards[i].consistent(); err != nil {
			t.Error(err)
		}
	}
}

func TestStoreRefusesWhatIsTooBig(t *testing.T) {
	t.Parallel()
	s := newStore(64 << 10)
	s.put(textEntry(s, "a.test", "x", 0, time.Minute), 0)
	s.put(textEntry(s, "big.test", strings.Repeat("x", 60<<10), 0, time.Minute), 0)
	s.put(textEntry(s, "a.test", strings.Repeat("x", 60<<10), 0, time.Minute), 0)
	if lookIn(s, "big.test") != nil || lookIn(s, "a.test") != nil {
		t.Error("kept, or kept what it replaces")
	}
}

// The memory that the store accounts for is what the heap grows by.
func TestStoreAccounting(t *testing.T) {
	if testing.Short() {
		t.Skip("fills the heap")
	}
	const n = 50_000
	for _, size := range []int{10, 60, 400} {
		s := newStore(1 << 30)
		before := heap()
		for i := range n {
			text := strings.Repeat("x", size)
			s.put(textEntry(s, fmt.Sprintf("name-%d.example.test", i), text, 0, time.Minute), 0)
		}
		grown := heap() - before
		entries, bytes, _ := s.usage()
		// The ghosts were allocated before.
		said := bytes - int64(len(s.shards)*len(s.shards[0].ghosts)*4)
		if entries != n || float64(said) < 0.95*float64(grown) || float64(said) > 1.15*float64(grown) {
			t.Errorf("%d entries of %d: the heap grew by %d, the store says %d", entries, size, grown, said)
		}
		t.Logf("text of %d: %d bytes an entry, said %d", size, grown/n, said/n)
		runtime.KeepAlive(s)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
