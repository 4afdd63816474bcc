//go:build !solaris

package filelock

import (
	"errors"
	"os"
	"syscall"
)

// Try locks a file for this process alone, until f is closed. It does not wait: ErrHeld
// says that another process has locked the file.
func Try(f *os.File) error { return try(f, syscall.LOCK_EX) }

// Unlock ends a lock of [Try] at once. Without it, a lock outlives the end of f by the
// moment that a process takes which is being started: it has f until it runs.
func Unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

// Held reports whether another process has locked a file by [Try].
func Held(f *os.File) bool { return errors.Is(try(f, syscall.LOCK_SH), ErrHeld) }

func try(f *os.File, how int) error {
	for range maxInterrupts {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrHeld
		case !errors.Is(err, syscall.EINTR):
			return err
		}
	}
	return syscall.EINTR
}

// maxInterrupts bounds how often a lock that a signal interrupted is tried again.
const maxInterrupts = 100
