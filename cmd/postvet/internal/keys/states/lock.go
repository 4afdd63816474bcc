package states

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/filelock"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// patience is how long a change waits for another process.
const patience = 10 * time.Second

// lock locks a file, which is made if it is missing, until unlock is called or the process
// ends in any way.
func lock(file string, patience time.Duration) (unlock func(), err error) {
	// Root locks a file in a directory of the service, and gives it to the service. A link
	// there must not make that a file of somebody else.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, input.Cause(err))
	}
	info, err := f.Stat()
	if err == nil && !isOwnFile(info) {
		err = errors.New("not a file that has this name alone; remove it")
	}
	if err == nil {
		err = giveTo(f, file)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", file, input.Cause(err))
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err = filelock.Try(f)
		switch {
		case err == nil:
			return func() {
				_ = filelock.Unlock(f) // what remains is closed
				_ = f.Close()
			}, nil
		case errors.Is(err, filelock.ErrHeld) && time.Now().Before(end):
			continue
		}
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", file, err)
	}
}

// isOwnFile reports whether a file is a regular one without a second name.
func isOwnFile(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return info.Mode().IsRegular() && (!ok || st.Nlink == 1)
}

// giveTo gives a new file of root the owner and group of the file whose place it takes or,
// if there is none, of its directory: that of the service.
func giveTo(f *os.File, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(path)
	own, statErr := f.Stat()
	if errors.Is(err, fs.ErrNotExist) || err == nil && statErr == nil && os.SameFile(info, own) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(st.Uid), int(st.Gid))
	}
	return nil
}

// Alone makes this process the one that moves keys through their lives. It reports whether
// it is; another process may be, and is not waited for. release ends it, and so does the
// end of the process.
func (s *States) Alone() (release func(), alone bool, err error) {
	if s.file == "" {
		return func() {}, true, nil
	}
	release, err = lock(s.file+".rotation", 0)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, false, nil
	}
	return release, err == nil, err
}
