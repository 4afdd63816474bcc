package counts

import "math/bits"

// hour has the counts of an hour.
type hour struct {
	at      int64 // its beginning, in seconds since 1970
	n       int64
	missing int64
	names   [Kinds]table
	facts   table // by what appendFacts returns
	used    bool  // since the last Take
	changed bool  // since it was written
	lost    bool  // a part was not written, so that a whole one is needed
	// written is the size of the parts since the last whole one, 1 or more if there is
	// one, and whole that of it.
	written, whole int
}

func newHour(at int64) *hour { return &hour{at: at} }

// tables calls f with each table and what its overflow is counted under.
func (h *hour) tables(f func(kind uint8, t *table, other string)) {
	for k := range h.names {
		f(uint8(k), &h.names[k], Other)
	}
	f(Kinds, &h.facts, otherFacts)
}

// merge adds other counts of the same hour.
func (h *hour) merge(other *hour) {
	h.used, h.changed, h.lost = h.used || other.used, true, true
	h.n += other.n
	h.missing += other.missing
	for k := range h.names {
		h.names[k].merge(&other.names[k], Other)
	}
	h.facts.merge(&other.facts, otherFacts)
}

// table has numbers by name.
type table struct {
	index map[string]int32
	all   []tally
}

type tally struct {
	name    string
	sums    [Fields]uint32
	changed bool // since it was written
}

// add counts a message. It returns false if the name is new and there are as many as may
// be.
func (t *table) add(name []byte, which fieldSet, most int) bool {
	i, ok := t.index[string(name)]
	if !ok {
		if len(t.all) >= most {
			return false
		}
		i = t.insert(string(name))
	}
	x := &t.all[i]
	x.changed = true
	for ; which != 0; which &= which - 1 {
		x.sums[bits.TrailingZeros32(uint32(which))]++
	}
	return true
}

// sums returns the numbers of the name with an index.
func (t *table) sums(i int) (s Sums) {
	for f, n := range t.all[i].sums {
		s[f] = int64(n)
	}
	return s
}

func (t *table) insert(name string) int32 {
	if t.index == nil {
		t.index = map[string]int32{}
	}
	i := int32(len(t.all))
	t.index[name] = i
	t.all = append(t.all, tally{name: name})
	return i
}

// merge adds the numbers of another table, those of names beyond the bound to other.
func (t *table) merge(from *table, other string) {
	for i := range from.all {
		x := &from.all[i]
		at, ok := t.index[x.name]
		if !ok {
			name := x.name
			if len(t.all) >= MaxNames-1 {
				name = other
			}
			if at, ok = t.index[name]; !ok {
				at = t.insert(name)
			}
		}
		to := &t.all[at]
		to.changed = true
		for f, n := range x.sums {
			to.sums[f] += n
		}
	}
}
