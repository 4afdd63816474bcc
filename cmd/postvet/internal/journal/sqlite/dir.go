package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// dayLayout is the form of a day in the name of a file.
const dayLayout = "2006-01-02"

// file is a file of one day and class.
type file struct {
	day   time.Time // its beginning, in UTC
	class rows.Class
	path  string
}

// fileOf returns the file for a time and class.
func fileOf(dir string, at time.Time, c rows.Class) file {
	day := at.UTC().Truncate(24 * time.Hour)
	return file{day: day, class: c, path: filepath.Join(dir, day.Format(dayLayout)+"."+c.String()+".db")}
}

// files returns the files in a directory, the newest day first, and of each day the rest
// first.
func files(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []file
	for _, e := range entries {
		day, class, ok := strings.Cut(strings.TrimSuffix(e.Name(), ".db"), ".")
		if !ok || !strings.HasSuffix(e.Name(), ".db") {
			continue
		}
		at, err := time.ParseInLocation(dayLayout, day, time.UTC)
		if err != nil {
			continue
		}
		for c := range rows.Class(rows.Classes) {
			if class == c.String() {
				all = append(all, fileOf(dir, at, c))
			}
		}
	}
	slices.SortFunc(all, func(a, b file) int {
		if n := b.day.Compare(a.day); n != 0 {
			return n
		}
		return int(b.class) - int(a.class)
	})
	return all, nil
}

// suffixes are the names of the files that belong to a database.
var suffixes = []string{"", "-wal", "-shm", "-journal"}

// size returns the octets of a file with those that belong to it.
func (f file) size() (n int64) {
	for _, s := range suffixes {
		if info, err := os.Stat(f.path + s); err == nil {
			n += info.Size()
		}
	}
	return n
}

// remove removes a file with those that belong to it.
func (f file) remove() error {
	var errs []error
	for _, s := range suffixes {
		if err := os.Remove(f.path + s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// setAside gives a file and those that belong to it a name that nothing else reads, and
// returns it.
func (f file) setAside(why string) (string, error) {
	for i := 1; i < 1000; i++ {
		name := fmt.Sprintf("%s.%s-%d", f.path, why, i)
		if _, err := os.Lstat(name); err == nil {
			continue
		}
		if err := os.Rename(f.path, name); err != nil {
			return "", err
		}
		for _, s := range suffixes[1:] {
			_ = os.Rename(f.path+s, name+s) // most likely there is none
		}
		return name, nil
	}
	return "", fmt.Errorf("%s: too many files were set aside; remove those named %s-*", f.path, why)
}
