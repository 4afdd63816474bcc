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

// rank returns the names with the highest sums over lists, the highest first, by reading only
// the beginning of each list. read returns the first n names of each list in descending
// order, and all of them if there are fewer. sums returns the sum of each name over all lists; it is
// asked for at most limit names at a time.
//
// A name that was not seen at the beginning of a list has there at most the number at which
// the reading ended. So the bound of each name is known, and reading ends when no other name
// can have more (R. Fagin, A. Lotem, M. Naor: Optimal aggregation algorithms for middleware,
// 2003).
func rank(limit int, read func(n int) ([][]Ranked, error), sums func(names []string) (map[string]int64, error)) ([]Ranked, error) {
	exact := map[string]int64{}
	for depth := 2 * limit; ; depth *= 3 {
		names, unseen, err := bounds(depth, read)
		if err != nil {
			return nil, err
		}
		var best []Ranked
		left := names
		for len(left) > 0 && !(len(best) == limit && best[limit-1].N >= left[0].N) {
			some := left[:min(limit, len(left))]
			if unseen > 0 { // otherwise the bounds are the sums
				if len(names)-len(left) >= maxSummed*limit {
					break
				}
				if err := sumUp(some, exact, sums); err != nil {
					return nil, err
				}
			}
			best, left = append(best, some...), left[len(some):]
			slices.SortFunc(best, compareRanked)
			best = best[:min(limit, len(best))]
		}
		most := unseen // that another name may have
		if len(left) > 0 {
			most = max(most, left[0].N)
		}
		if unseen == 0 || len(best) == limit && best[limit-1].N >= most {
			return best, nil
		}
	}
}

// maxSummed is how often sums are asked for, before more of each list is read to have better bounds.
const maxSummed = 3

// bounds returns the names at the beginning of lists with the most that each may have, the
// highest first, and the most that a name has which was nowhere seen.
func bounds(depth int, read func(n int) ([][]Ranked, error)) (names []Ranked, unseen int64, err error) {
	seen, tails := map[string]int64{}, map[string]int64{}
	lists, err := read(depth)
	if err != nil {
		return nil, 0, err
	}
	for _, all := range lists {
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
	for name, n := range seen {
		names = append(names, Ranked{name, n + unseen - tails[name]})
	}
	slices.SortFunc(names, compareRanked)
	return names, unseen, nil
}

// sumUp sets the sums of names. exact has those that are known.
func sumUp(all []Ranked, exact map[string]int64, sums func([]string) (map[string]int64, error)) error {
	var unknown []string
	for _, r := range all {
		if _, ok := exact[r.Name]; !ok {
			unknown = append(unknown, r.Name)
		}
	}
	if len(unknown) > 0 {
		found, err := sums(unknown)
		if err != nil {
			return err
		}
		for _, name := range unknown {
			exact[name] = found[name]
		}
	}
	for i := range all {
		all[i].N = exact[all[i].Name]
	}
	return nil
}

// compareRanked orders the highest number first, and names of the same one by name.
func compareRanked(a, b Ranked) int {
	return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name))
}
