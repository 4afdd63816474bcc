package dnscache

// Derived is a value computed from an answer and kept beside it in the cache.
type Derived interface {
	// Size returns how many octets of memory the value takes, roughly. The texts
	// and names of the answer, which it may share, do not count.
	Size() int
}

// Derive returns the value that derive computes from an answer. The value of a cached
// answer is computed once and kept with the answer. There is one value of each type T, so T
// should be a type of the caller. Its Size counts against Options.MaxBytes.
//
// derive must depend only on the answer. All callers share its result and must not modify
// it. Concurrent callers may each compute the value, but all get the one that is kept.
func Derive[T Derived](a *Answer, derive func(*Answer) T) T {
	e := a.entry
	if e == nil {
		return derive(a)
	}
	if kept, ok := derivedFrom[T](e.derived.Load()); ok {
		return kept
	}
	d := &derivation{value: derive(a)}
	for {
		d.next = e.derived.Load()
		if kept, ok := derivedFrom[T](d.next); ok {
			return kept
		}
		if e.derived.CompareAndSwap(d.next, d) {
			break
		}
	}
	if s := e.shard.Load(); s != nil {
		s.charge(e, allocated(derivationSize)+allocated(d.value.Size()))
	}
	return d.value.(T)
}

// derivation is an element of the list of values derived from an answer. The
// list has one or two elements.
type derivation struct {
	value Derived
	next  *derivation
}

var derivationSize = sizeOf[derivation]()

// derivedFrom returns the value of type T in a list.
func derivedFrom[T Derived](d *derivation) (value T, ok bool) {
	for ; d != nil; d = d.next {
		if value, ok = d.value.(T); ok {
			return value, true
		}
	}
	return value, false
}
