package states

import (
	"sync"
	"time"
)

// Fault is something that may fail every few seconds, for as long as a file is broken or a
// disk is full. It is worth a line in the log now and then.
type Fault struct {
	mu   sync.Mutex
	text string
	told time.Time
}

// again is how often a fault that lasts is told.
const again = 10 * time.Minute

// Tell reports whether an error is to be told: a new one at once, one that lasts every ten
// minutes. No error ends the fault.
func (f *Fault) Tell(err error, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.text = ""
		return false
	}
	if age := now.Sub(f.told); err.Error() == f.text && age >= 0 && age < again {
		return false
	}
	f.text, f.told = err.Error(), now
	return true
}
