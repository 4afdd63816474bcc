package patterns

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestMerge: rows of several nodes are one, in which a message that was replayed to all of them
// counts once. Neither their order nor their number matters.
func TestMerge(t *testing.T) {
	t.Parallel()
	of := func(kind Kind, n, unsigned int64) Row {
		return Row{"a.example", kind, "192.0.2.0/24", today, n, unsigned}
	}
	for _, tt := range []struct {
		name string
		rows []Row
		want Row
	}{
		{"mail of all", []Row{of(Network, 5, 1), of(Network, 3, 3), of(Network, 2, 0)}, of(Network, 10, 4)},
		{"single messages may be one", []Row{of(Network, 1, 1), of(Network, 1, 1), of(Network, 1, 1)}, of(Network, 1, 1)},
		{"a single message beside much", []Row{of(Network, 1, 1), of(Network, 5, 0), of(Network, 4, 0)}, of(Network, 9, 1)},
		{"of a signer", []Row{of(Signer, 1, 0), of(Signer, 1, 0), of(Signer, 7, 0)}, of(Signer, 7, 0)},
		{"through a forwarder", []Row{of(Forwarder, 1, 0), of(Forwarder, 2, 0), of(Forwarder, 2, 0)}, of(Forwarder, 2, 0)},
		{"of one node", []Row{of(Forwarder, 1, 0)}, of(Forwarder, 1, 0)},
	} {
		for range 20 {
			rand.Shuffle(len(tt.rows), func(i, k int) { tt.rows[i], tt.rows[k] = tt.rows[k], tt.rows[i] })
			for split := range len(tt.rows) + 1 {
				if got := merge(t, tt.rows[:split], tt.rows[split:]); len(got) != 1 || got[0] != tt.want {
					t.Fatalf("%s: %+v gives %+v, want %+v", tt.name, tt.rows, got, tt.want)
				}
			}
		}
	}
	var own, others []Row
	for _, c := range strings.Split("a b d e f", " ") {
		own = append(own, Row{Org: c, Kind: Network, N: 2})
	}
	for _, c := range strings.Split("b c d d g h", " ") {
		others = append(others, Row{Org: c, Kind: Network, N: 2})
	}
	var text string
	for _, r := range merge(t, own, others) {
		text += r.Org + string(rune('0'+r.N))
	}
	if text != "a2b4c2d6e2f2g2h2" {
		t.Errorf("in order: %s", text)
	}
}

func merge(t *testing.T, own, others []Row) (all []Row) {
	t.Helper()
	err := Merge(func(f func(Row)) error {
		for r := range slices.Values(own) {
			f(r)
		}
		return nil
	}, func() (r Row, ok bool) {
		if len(others) == 0 {
			return r, false
		}
		r, others = others[0], others[1:]
		return r, true
	}, func(r Row) { all = append(all, r) })
	if err != nil {
		t.Fatal(err)
	}
	return all
}
