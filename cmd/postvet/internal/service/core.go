package service

import (
	"errors"
	"runtime/debug"
	"syscall"

	"go.uber.org/zap"
)

// forbidCore keeps this process, and programs that it starts, from leaving a dump of its
// memory, which holds private keys, on a disk.
func (d *daemon) forbidCore() {
	if err := errors.Join(syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}), forbidDump()); err != nil {
		d.log.Warn("core dumps are not forbidden, and would hold private keys", zap.Error(err))
		return
	}
	// Go's exit code of a crash is that of a wrong configuration, with which systemd does not
	// start the service again. A signal is not.
	debug.SetTraceback("crash")
}
