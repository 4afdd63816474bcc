package dnstest

import "runtime"

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
