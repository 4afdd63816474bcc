package service

import (
	"testing"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// TestForbidDump: a program in core_pattern gets no dump either.
func TestForbidDump(t *testing.T) {
	t.Parallel()
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	(&daemon{log: &logger{Logger: zap.NewNop()}}).forbidCore()
	if n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); n != 0 || err != nil {
		t.Errorf("it can be dumped: %d, %v", n, err)
	}
}
