package mailbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxFiles is how many files one run reads.
const MaxFiles = 100_000

// Files returns the files that the names stand for, each once: files as they are,
// and of folders all regular files below, but for envelopes and for what begins
// with a dot. It is an error if folders hold more than MaxFiles, or if a name does
// not exist.
//
// Of a Maildir the files of cur and new are messages: what is in tmp is being
// delivered, and beside these folders stand the files of mail servers.
func Files(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		below, err := filesBelow(name, MaxFiles-len(files))
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// filesBelow returns the messages in a folder and the folders below it.
func filesBelow(name string, most int) ([]string, error) {
	var files []string
	maildir := map[string]bool{} // by folder
	// With a slash behind, a link to a folder is followed as one was by Stat.
	root := strings.TrimSuffix(name, "/") + "/"
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		inMaildir := path != root && maildir[filepath.Dir(path)]
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if path != root && strings.HasPrefix(d.Name(), ".") || inMaildir && d.Name() == "tmp" {
				return fs.SkipDir
			}
			maildir[filepath.Clean(path)] = isFolder(filepath.Join(path, "cur")) && isFolder(filepath.Join(path, "new"))
		case strings.HasPrefix(d.Name(), "."), strings.HasSuffix(d.Name(), sidecarSuffix), !d.Type().IsRegular(), inMaildir:
		case len(files) >= most:
			return fmt.Errorf("%s: there are more than %d messages; name a part of them", name, MaxFiles)
		default:
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
