package dnscache

import (
	"fmt"
	"testing"
	"time"
)

// TestExportBound: of answers that are too many, those in demand are exported.
func TestExportBound(t *testing.T) {
	t.Parallel()
	newCache := func() *Resolver {
		r, err := New(Options{Upstreams: []string{"127.0.0.1:1"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	r := newCache()
	const each = 200
	for i := range each {
		for _, name := range []string{fmt.Sprintf("rare%d.test", i), fmt.Sprintf("busy%d.test", i)} {
			e := newEntry(r.store.key(name, TXT), Answer{Outcome: Found, TXT: []string{"x"}}, r.now(), r.start, time.Hour, 0)
			e.inMain = name[0] == 'b'
			r.store.put(e, r.now())
		}
	}
	for _, most := range []int64{0, 100, 5000, 1 << 20} {
		out := r.Export().(*snapshotReader)
		out.left = most
		other := newCache()
		done, err := other.Import(out, Origin{})
		if err != nil {
			t.Fatal(err)
		}
		busy, octets := 0, int64(0)
		held, all := other.Select(Selection{})
		for _, h := range held {
			if h.Name[0] == 'b' {
				busy++
			}
			octets += int64(len(h.Name)) // an answer takes more than its name
		}
		switch {
		case all != done.Loaded || octets > most:
			t.Errorf("%d octets: %+v, %d answers", most, done, all)
		case most == 1<<20 && all != 2*each, most == 100 && all == 0, most < 1<<20 && all != busy:
			t.Errorf("%d octets: %d answers, %d of them in demand", most, all, busy)
		}
	}
}
