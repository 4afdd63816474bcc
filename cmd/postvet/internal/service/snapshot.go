package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// loadAnswers loads the DNS answers that the last run saved, so that a restart under load
// does not cause all lookups at once. It logs why a snapshot cannot be used. It also logs
// if none can be written at the end, since an administrator reads the log at the start.
func (d *daemon) loadAnswers() {
	file := d.config().DNS.Snapshot
	if file == "" {
		return
	}
	dir := filepath.Dir(file)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		d.log.Warn("dns answers cannot be saved at the end; mail is not affected", zap.String("file", file),
			zap.Error(err), zap.String("remedy", snapshotRemedy(err, dir)))
	}
	switch n, err := d.dns.current.Load().Load(file); {
	case err == nil:
		d.log.Info("dns answers loaded", zap.String("file", file), zap.Int("answers", n))
	case !errors.Is(err, fs.ErrNotExist): // absent at the first start
		d.log.Warn("dns answers not loaded, starting with an empty cache", zap.Error(err))
	}
}

// saveAnswers saves the DNS cache for the next run.
func (d *daemon) saveAnswers() {
	file := d.config().DNS.Snapshot
	if file == "" {
		return
	}
	if err := d.dns.current.Load().Save(file); err != nil {
		d.log.Warn("dns answers not saved, the next start begins with an empty cache", zap.String("file", file),
			zap.Error(err), zap.String("remedy", snapshotRemedy(err, filepath.Dir(file))))
	}
}

// snapshotRemedy returns what to do about a snapshot that cannot be written.
func snapshotRemedy(err error, dir string) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "create " + dir + " (with systemd: StateDirectory=postvet), or change dns.snapshot"
	case errors.Is(err, syscall.EROFS):
		return dir + " lies on a read-only file system (with systemd: StateDirectory= or ReadWritePaths=), or change dns.snapshot"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("user %d may not write there: give it %s with chown, or change dns.snapshot", os.Geteuid(), dir)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk of " + dir + " is full: make room (df " + dir + "), or change dns.snapshot"
	case errors.Is(err, syscall.ENOTDIR):
		return dir + " is not a directory: change dns.snapshot"
	}
	return "look at " + dir + ", or change dns.snapshot"
}
