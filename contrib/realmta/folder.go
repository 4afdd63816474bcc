//go:build linux

package realmta

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockName is a file in each folder of ours. Its maker holds it locked as long
// as it lives, and the kernel unlocks it however that ends: a folder in which
// it is free has lost its maker.
const lockName = "realmta.lock"

// makeFolder makes a folder of our own, and removes those below the same parent
// whose makers died before they could.
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

// lock makes a locked file, which nobody sees before it is locked. It is never
// closed: the end of the process does that.
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

// sweep removes the folders below parent that have lost their makers. What
// cannot go now, as it is in use by a process that the kernel is just ending,
// keeps its lock and can go the next time.
func sweep(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, "postvet-*", lockName))
	for _, name := range locks {
		f, err := os.Open(name)
		if err != nil {
			continue // another one has removed it
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			removeFolder(filepath.Dir(name))
		}
		f.Close()
	}
}

// removeFolder removes a folder of ours. The lock goes last, so that what is
// left if it does not come to its end is swept later.
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
