//go:build linux

package realmta

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockName is a file in each of our folders. The process that made the folder
// keeps the file locked for as long as it lives, and the kernel unlocks it
// however the process ends. A folder with an unlocked file is left over.
const lockName = "realmta.lock"

// makeFolder makes a folder, and removes those below the same parent that are
// left over.
func makeFolder(parent, name string) (string, error) {
	if parent == "" {
		parent = "/var/lib"
	}
	sweep(parent)
	dir, err := os.MkdirTemp(parent, "postvet-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("realmta: %w", err)
	}
	// MkdirTemp makes it 0700; the MTA's unprivileged processes must pass.
	if err := errors.Join(os.Chmod(dir, 0o755), lock(filepath.Join(dir, lockName))); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("realmta: %w", err)
	}
	return dir, nil
}

// lock makes a locked file that nobody sees before it is locked. The file is
// never closed: the end of the process does that.
func lock(name string) error {
	fresh := name + ".new"
	fd, err := syscall.Open(fresh, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "open", Path: fresh, Err: err}
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		syscall.Close(fd)
		return &os.PathError{Op: "flock", Path: fresh, Err: err}
	}
	return os.Rename(fresh, name)
}

// sweep removes the folders below parent whose maker has ended. If another process
// still writes into a folder, its removal fails and leaves the lock file, so that
// the next sweep tries again.
func sweep(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, "postvet-*", lockName))
	for _, name := range locks {
		f, err := os.Open(name)
		if err != nil {
			continue // another process has removed it
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			removeFolder(filepath.Dir(name))
		}
		f.Close()
	}
}

// removeFolder removes one of our folders. The lock file goes last, so that the
// next sweep finds a folder that is not removed completely.
func removeFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if e.Name() != lockName {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	return os.RemoveAll(dir)
}
