package dnstest

import (
	"runtime"
	"slices"
	"testing"
)

// CheckSize fails the test unless said, the size in octets that a derived value names, is about
// what the heap grows by for each one that value makes. The test must not be parallel.
func CheckSize(t testing.TB, said int, value func() any) {
	t.Helper()
	// What an earlier test still runs may take or free memory meanwhile, but hardly in most of
	// the rounds.
	var grown [5]int
	for round := range grown {
		grown[round] = HeapPer(200, func(int) any { return value() })
	}
	slices.Sort(grown[:])
	if g := grown[len(grown)/2]; said < g*7/8-32 || said > g*5/4+32 {
		t.Errorf("the heap grows by %d, Size is %d", g, said)
	}
}

// HeapPer calls value n times and returns the average growth of the heap in octets.
// Nothing else may allocate meanwhile, so the test must not be parallel.
func HeapPer(n int, value func(i int) any) int {
	values := make([]any, n)
	before := heap()
	for i := range values {
		values[i] = value(i)
	}
	grown := heap() - before
	runtime.KeepAlive(values)
	return int(grown) / n
}

// heap returns the octets in use after garbage collection. The second run frees the
// memory that finalizers and pools kept during the first.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
