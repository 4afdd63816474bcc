package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// Entry is a file in a directory of keys.
type Entry struct {
	Domain, Selector, Path string
	// Key is nil if the file cannot be used, and Err says why.
	Key *Key
	Err error
}

// List returns what is in a directory of keys, by domain and selector. Files whose
// names do not end in .pem are passed over. The error is that the directory cannot be
// read; a file that cannot be used is an Entry.
func List(dir string, strict bool) ([]Entry, error) {
	domains, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, input.Cause(err))
	}
	var all []Entry
	for _, d := range domains {
		if strings.HasPrefix(d.Name(), ".") {
			continue
		}
		entries, err := ListDomain(dir, d.Name(), strict)
		if err != nil {
			if info, statErr := os.Stat(filepath.Join(dir, d.Name())); statErr == nil && !info.IsDir() {
				continue
			}
			entries = []Entry{{Domain: d.Name(), Path: filepath.Join(dir, d.Name()), Err: err}}
		}
		all = append(all, entries...)
	}
	return all, nil
}

// ListDomain is List for one domain.
func ListDomain(dir, domain string, strict bool) ([]Entry, error) {
	folder := filepath.Join(dir, domain)
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, input.Cause(err))
	}
	var all []Entry
	for _, f := range files {
		if selector, ok := strings.CutSuffix(f.Name(), ".pem"); ok && !strings.HasPrefix(selector, ".") {
			all = append(all, read(filepath.Join(folder, f.Name()), domain, selector, strict))
		}
	}
	return all, nil
}

func read(path, domain, selector string, strict bool) Entry {
	e := Entry{Domain: domain, Selector: selector, Path: path}
	var err error
	e.Key, err = readKey(path, domain, selector, strict, nil)
	e.Err = err
	if errors.Is(err, fs.ErrNotExist) {
		e.Err = fmt.Errorf("%s: a link to a file that does not exist", path)
	}
	return e
}
