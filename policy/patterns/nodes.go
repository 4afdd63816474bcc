package patterns

import (
	"cmp"
	"strings"
)

// Compare compares what rows are about. Rows are kept and read in this order.
func (r Row) Compare(o Row) int {
	return cmp.Or(strings.Compare(r.Org, o.Org), strings.Compare(string(r.Kind), string(o.Kind)), strings.Compare(r.Name, o.Name), cmp.Compare(r.Day, o.Day))
}

// add adds what another node has of the same name and day. Messages that may be replayed
// count once a day on each node. The same message can be replayed to all of them, so that
// single ones of several nodes are one. A forwarder is one, whoever saw it.
func (r Row) add(o Row) Row {
	n := r.N + o.N
	if r.Kind == Forwarder || min(r.N, o.N) <= 1 {
		n = max(r.N, o.N)
	}
	r.N, r.Unsigned = n, min(n, r.Unsigned+o.Unsigned)
	return r
}

// Merge calls f with the rows of a node and of others, one for a name and day. own calls its
// function with those of the node. others returns the next one of another node, and false
// after the last. Both are in order.
func Merge(own func(func(Row)) error, others func() (Row, bool), f func(Row)) error {
	var sum Row
	add := func(r Row) {
		switch {
		case sum.N > 0 && sum.Compare(r) == 0:
			sum = sum.add(r)
			return
		case sum.N > 0:
			f(sum)
		}
		sum = r
	}
	other, more := others()
	err := own(func(r Row) {
		for more && other.Compare(r) <= 0 {
			add(other)
			other, more = others()
		}
		add(r)
	})
	if err != nil {
		return err
	}
	for more {
		add(other)
		other, more = others()
	}
	if sum.N > 0 {
		f(sum)
	}
	return nil
}
