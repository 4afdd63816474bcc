package counts

import (
	"cmp"
	"slices"
)

// Ranked is a name with the number by which it is ranked.
type Ranked struct {
	Name string
	N    int64
}

// Rank returns the names with the highest sums over lists, the highest first, by reading only
// the beginning of each list. read returns the first n names of list i in descending order,
// and all of them if there are fewer. sum returns the sum of a name over all lists.
//
// A name that was not seen at the beginning of a list has there at most the number at which
// the reading ended. So the bound of each name is known, and reading ends when no other name
// can have more (R. Fagin, A. Lotem, M. Naor: Optimal aggregation algorithms for middleware,
// 2003).
func Rank(lists, limit int, read func(i, n int) ([]Ranked, error), sum func(name string) (int64, error)) ([]Ranked, error) {
	exact := map[string]int64{}
	for depth := 2 * limit; ; depth *= 3 {
		// unseen is the most that a name has which was nowhere seen.
		var unseen int64
		seen, tails := map[string]int64{}, map[string]int64{}
		for i := range lists {
			all, err := read(i, depth)
			if err != nil {
				return nil, err
			}
			var tail int64
			if len(all) >= depth {
				tail = all[len(all)-1].N
			}
			unseen += tail
			for _, r := range all {
				if r.Name != Other {
					seen[r.Name] += r.N
					tails[r.Name] += tail
				}
			}
		}
		names := make([]Ranked, 0, len(seen))
		for name, n := range seen {
			names = append(names, Ranked{name, n + unseen - tails[name]})
		}
		slices.SortFunc(names, compareRanked)
		var best []Ranked
		for _, r := range names {
			if len(best) == limit && best[limit-1].N >= r.N {
				break
			}
			n, ok := exact[r.Name]
			switch {
			case unseen == 0:
				n = r.N
			case !ok:
				var err error
				if n, err = sum(r.Name); err != nil {
					return nil, err
				}
				exact[r.Name] = n
			}
			r.N = n
			at, _ := slices.BinarySearchFunc(best, r, compareRanked)
			best = slices.Insert(best, at, r)
			best = best[:min(limit, len(best))]
		}
		if unseen == 0 || len(best) == limit && best[limit-1].N >= unseen {
			return best, nil
		}
	}
}

// compareRanked orders the highest number first, and names of the same one by name.
func compareRanked(a, b Ranked) int {
	return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name))
}
