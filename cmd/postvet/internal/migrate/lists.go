package migrate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/policy/addrlist"
)

// CopyName returns where a list is copied to in a folder. Two lists of one name get
// names of their own, by their owner.
func (i *Import) CopyName(dir string, n int) string {
	l := i.Lists[n]
	base := filepath.Base(l.Path)
	for k, other := range i.Lists {
		if k != n && other.Owner != "" && filepath.Base(other.Path) == base {
			base = fmt.Sprintf("%s-%d-%s", l.Owner, n+1, base)
			break
		}
	}
	return filepath.Join(dir, base)
}

// CopyLists copies the lists that may vanish with their owners into a folder, which it
// makes if need be, and has the configuration name the copies. All users may read
// them. A file that is there stays, and is an error unless it is the same or replace is
// set.
func (i *Import) CopyLists(dir string, replace bool) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	copies := map[string]string{}
	for n := range i.Lists {
		l := &i.Lists[n]
		if l.Owner == "" {
			continue
		}
		to := i.CopyName(dir, n)
		if err := copyList(l.Path, to, replace); err != nil {
			return err
		}
		l.Copy, copies[l.Path] = to, to
	}
	i.Move(copies)
	i.TOML = i.Plan.TOML(i.socket)
	i.config, err = config.Parse("the imported configuration", []byte(i.TOML))
	return err
}

// copyList copies a list to a new file.
func copyList(from, to string, replace bool) error {
	const maxMegabytes = addrlist.MaxBytes >> 20
	text, err := input.ReadFile(from, maxMegabytes)
	if err != nil {
		return err
	}
	dir := filepath.Dir(to)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		const mode = 0o755 // whatever the umask
		if err := errors.Join(os.MkdirAll(dir, mode), os.Chmod(dir, mode)); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(to); err == nil {
		old, err := input.ReadFile(to, maxMegabytes)
		switch {
		case err == nil && bytes.Equal(old, text):
			return nil
		case !replace:
			return &fs.PathError{Op: "copy", Path: to, Err: errOther}
		}
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	const mode = 0o644
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// errOther is the error of a file that stands where a copy should.
var errOther = errors.New("is another file already")
