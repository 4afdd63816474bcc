package dnscache

import (
	"fmt"
	"testing"
)

// A flood of names that fail does not grow the memory.
func TestFailingIsBounded(t *testing.T) {
	t.Parallel()
	var f failing
	s := newStore(1 << 20)
	for i := range 3 * maxFailing {
		f.failed(s.key(fmt.Sprintf("n%d.test", i), TXT), int64(i))
	}
	if n := len(f.since); n != maxFailing {
		t.Errorf("%d are remembered", n)
	}
	last := s.key(fmt.Sprintf("n%d.test", 3*maxFailing-1), TXT)
	if first := f.failed(last, 4*maxFailing); first != 3*maxFailing-1 {
		t.Errorf("the last one fails since %d", first)
	}
	f.answered(last)
	if first := f.failed(last, 5*maxFailing); first != 5*maxFailing {
		t.Errorf("after an answer it fails since %d", first)
	}
}
