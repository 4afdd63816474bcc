package filelock

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Solaris has locks of POSIX alone. They belong to the process, so that another open file
// of the same process does not see them.

// Try locks a file for this process alone, until f is closed. It does not wait: ErrHeld
// says that another process has locked the file.
func Try(f *os.File) error {
	err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EAGAIN) {
		return ErrHeld
	}
	return err
}

// Unlock ends a lock of [Try].
func Unlock(f *os.File) error {
	return unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_UNLCK, Whence: io.SeekStart})
}

// Held reports whether another process has locked a file by [Try].
func Held(f *os.File) bool {
	l := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	return unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l) == nil && l.Type != unix.F_UNLCK
}
