package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/postvet/postvet/cmd/postvet/internal/filelock"
)

// lockName is the file in a directory that its store locks. It has the process of the
// store, for a person.
const lockName = "lock"

// lock locks a directory until the file is closed. The lock ends with the process.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := filelock.Try(f); err != nil {
		text := make([]byte, 16)
		n, _ := f.Read(text)
		f.Close()
		if errors.Is(err, filelock.ErrHeld) {
			return nil, fmt.Errorf("%s is in use by process %s; give each service a journal.directory of its own", dir, text[:n])
		}
		return nil, err
	}
	_ = f.Truncate(0)
	fmt.Fprintf(f, "%d", os.Getpid())
	return f, nil
}

// inUse reports whether a store has locked a directory.
func inUse(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer f.Close()
	return filelock.Held(f)
}
