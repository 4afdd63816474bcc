package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// MaxFiles is how many messages one run takes.
const MaxFiles = 100_000

// Files returns the messages that the names stand for, each once: files as they
// are, and of directories all files below, but for envelopes and what begins with
// a dot. It is an error if directories bring more than MaxFiles, or if a name does
// not exist.
func Files(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		fi, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !fi.IsDir() {
			files = append(files, name)
			continue
		}
		// With a slash behind, a link to a directory is followed as one was by Stat.
		root := strings.TrimSuffix(name, "/") + "/"
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case strings.HasPrefix(d.Name(), ".") && path != root:
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			case !d.Type().IsRegular() || strings.HasSuffix(d.Name(), Sidecar):
				return nil
			case len(files) >= MaxFiles:
				return fmt.Errorf("%s: there are more than %d messages; name a part of them", name, MaxFiles)
			}
			files = append(files, path)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// open opens a regular file. A pipe or a device might never end, and nothing may
// keep a run waiting.
func open(name string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("is no regular file")
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

// plain is an error without the system call and the name, which stands beside it.
func plain(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
