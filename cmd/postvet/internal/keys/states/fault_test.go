package states

import (
	"errors"
	"testing"
	"time"
)

func TestFault(t *testing.T) {
	t.Parallel()
	var f Fault
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	full, broken := errors.New("no space left"), errors.New("not a file of key states")
	for i, step := range []struct {
		after time.Duration
		err   error
		told  bool
	}{
		{0, nil, false},
		{0, full, true},
		{5 * time.Second, full, false},
		{9 * time.Minute, full, false},
		{time.Minute, full, true},
		{0, broken, true},
		{0, full, true},
		{time.Second, nil, false},
		{time.Second, full, true},
		{-time.Hour, full, true},
	} {
		at = at.Add(step.after)
		if told := f.Tell(step.err, at); told != step.told {
			t.Errorf("step %d: told %v", i, told)
		}
	}
}
