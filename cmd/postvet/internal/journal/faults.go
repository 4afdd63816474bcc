package journal

import (
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/policy/foreign"
)

// attempts is how often writing is tried in a row before it counts as failing.
const attempts = 3

// faults are the failures of writing in a row. All but failing is of the writer alone.
type faults struct {
	failing atomic.Pointer[string] // why; nil while it works
	n       int
	nextTry time.Time
}

// add notes a failure, and returns true if that is to be told.
func (f *faults) add(now time.Time, retry time.Duration, err error) bool {
	if f.n++; f.n < attempts {
		return false
	}
	f.nextTry = now.Add(retry)
	why := foreign.Terminal(err.Error(), 500)
	return f.failing.Swap(&why) == nil
}

// end notes that it works, and returns true if that is to be told.
func (f *faults) end() bool {
	f.n, f.nextTry = 0, time.Time{}
	return f.failing.Swap(nil) != nil
}
