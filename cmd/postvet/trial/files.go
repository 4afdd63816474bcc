package trial

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// MaxFiles is how many messages one run takes.
const MaxFiles = 100_000

// Files returns the messages that the names stand for: files as they are, and
// of directories all files below, but for envelopes and what begins with a dot.
// It is an error if there are more than MaxFiles or none, or if a name does not
// exist.
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
		err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case strings.HasPrefix(d.Name(), ".") && path != name:
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
	sort.Strings(files)
	return files, nil
}
