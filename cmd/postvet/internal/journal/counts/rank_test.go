package counts

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRank compares Rank with the sums of all names, of lists with few and many equal numbers.
func TestRank(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		lists := make([][]Ranked, 1+r.IntN(40))
		all := map[string]int64{}
		names, most := 1+r.IntN(2000), 1+r.IntN(200)
		skew := r.IntN(3)
		for i := range lists {
			for name := range names {
				n := int64(r.IntN(most))
				if n /= int64(1 + skew*name); n > 0 {
					lists[i] = append(lists[i], Ranked{fmt.Sprint("name", name), n})
					all[lists[i][len(lists[i])-1].Name] += n
				}
			}
			lists[i] = append(lists[i], Ranked{Other, int64(r.IntN(1000))})
			slices.SortFunc(lists[i], compareRanked)
		}
		limit := 1 + r.IntN(30)
		got, err := rank(limit, beginnings(lists), func([]string) (map[string]int64, error) { return all, nil })
		if err != nil {
			t.Fatal(err)
		}
		var want []Ranked
		for name, n := range all {
			want = append(want, Ranked{name, n})
		}
		slices.SortFunc(want, compareRanked)
		want = want[:min(limit, len(want))]
		// Which one of equal names at the end has a place is open.
		for i, x := range got {
			if i >= len(want) || x.N != want[i].N || all[x.Name] != x.N {
				t.Fatalf("seed %d: place %d has %v, want %v", seed, i, x, want)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d names, want %d", seed, len(got), len(want))
		}
	}
}

// beginnings returns what reads the first names of lists.
func beginnings(lists [][]Ranked) func(n int) ([][]Ranked, error) {
	return func(n int) (all [][]Ranked, err error) {
		for _, list := range lists {
			all = append(all, list[:min(n, len(list))])
		}
		return all, nil
	}
}

// TestRankReadsLittle finds the first of many names by the beginning of each list.
func TestRankReadsLittle(t *testing.T) {
	t.Parallel()
	const lists, names = 30, 20_000
	list := make([]Ranked, names)
	for i := range list {
		list[i] = Ranked{fmt.Sprint("name", i), int64(names / (i + 1))}
	}
	reads, sums := 0, 0
	got, err := rank(20, func(n int) ([][]Ranked, error) {
		reads += n * lists
		return slices.Repeat([][]Ranked{list[:n]}, lists), nil
	},
		func(names []string) (map[string]int64, error) {
			all := map[string]int64{}
			for _, name := range names {
				sums++
				var i int
				if _, err := fmt.Sscanf(name, "name%d", &i); err != nil {
					return nil, err
				}
				all[name] = lists * list[i].N
			}
			return all, nil
		})
	if err != nil || len(got) != 20 || got[0] != (Ranked{"name0", lists * names}) || got[19].Name != "name19" {
		t.Errorf("%v, %v", got, err)
	}
	if reads > 500*lists || sums > 100 {
		t.Errorf("%d names are read and %d are summed up", reads, sums)
	}
}

func TestRankFails(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	if _, err := rank(1, func(int) ([][]Ranked, error) { return nil, failed }, nil); !errors.Is(err, failed) {
		t.Error(err)
	}
	list := make([]Ranked, 1000)
	for i := range list {
		list[i] = Ranked{fmt.Sprint(i), 1}
	}
	_, err := rank(1, beginnings([][]Ranked{list, list[1:]}), func([]string) (map[string]int64, error) { return nil, failed })
	if diff := cmp.Diff(failed.Error(), fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}
