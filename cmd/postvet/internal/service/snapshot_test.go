package service

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestSnapshotRemedy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		says string
	}{
		{syscall.ENOENT, "create /var/lib/postvet (with systemd: StateDirectory="},
		{syscall.EROFS, "read-only file system (with systemd: StateDirectory= or ReadWritePaths="},
		{syscall.EACCES, "give it /var/lib/postvet with chown"},
		{fs.ErrPermission, "give it /var/lib/postvet with chown"},
		{syscall.ENOSPC, "the disk of /var/lib/postvet is full: make room"},
		{syscall.EDQUOT, "is full"},
		{syscall.ENOTDIR, "is not a directory"},
		{syscall.EIO, "look at /var/lib/postvet"},
	} {
		err := fmt.Errorf("dnscache: snapshot: %w", &fs.PathError{Op: "write", Path: "x", Err: tc.err})
		if got := snapshotRemedy(err, "/var/lib/postvet"); !strings.Contains(got, tc.says) || !strings.HasSuffix(got, "or change dns.snapshot") && !strings.HasSuffix(got, "change dns.snapshot") {
			t.Errorf("%v: %s", tc.err, got)
		}
	}
}
