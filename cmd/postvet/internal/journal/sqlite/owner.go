package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OpenOrMake opens a file to write, and makes it if it is not there. One that root makes
// belongs to the owner of its directory: the service, which runs as another user, could not
// write it. SQLite itself does so for the files that it makes beside a database. A file that
// is there keeps its owner, and a link leads to no other file being given away.
func OpenOrMake(path string) (*os.File, error) {
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil || os.Geteuid() != 0 {
		return made, err
	}
	info, err := os.Stat(filepath.Dir(path))
	if err == nil {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
			err = made.Chown(int(owner.Uid), int(owner.Gid))
		}
	}
	if err != nil {
		made.Close()
		return nil, err
	}
	return made, nil
}
