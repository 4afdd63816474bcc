// Package atomicfile replaces files as a whole: whenever the process or the machine fails,
// a file has its old content or its new one.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces a file by what write writes, or leaves it as it is and returns the error.
// The new file has the mode, less the umask, until write changes it. It is written to a
// file of the same name with ".new" at its end, so that a process that is killed leaves one
// file behind at most. Only one process may write a file at a time.
func Write(name string, mode fs.FileMode, write func(*os.File) error) error {
	unfinished := name + ".new"
	_ = os.Remove(unfinished) // if it fails, the next step says why
	f, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(unfinished, name)
	}
	if err != nil {
		_ = os.Remove(unfinished)
		return err
	}
	if d, err := os.Open(filepath.Dir(name)); err == nil { // makes the rename last
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}
