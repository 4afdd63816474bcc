package service

import (
	"syscall"
	"testing"

	"go.uber.org/zap"
)

func TestForbidCore(t *testing.T) {
	t.Parallel()
	(&daemon{log: &logger{Logger: zap.NewNop()}}).forbidCore()
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &r); err != nil || r.Cur != 0 || r.Max != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
