package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
)

// Files reads keys whose files, domains and selectors a table names. As in a [Folder], a
// changed file is seen without a reload, and one that cannot be used keeps its old key.
// Files is safe for concurrent use. It outlives the table: after a reload the keys need
// not be read again.
type Files struct {
	strict bool
	cache  *Cache
}

// NewFiles returns a reader of key files. With strict, files with unsafe permissions are
// not used.
func NewFiles(strict bool) *Files {
	f := &Files{strict: strict}
	f.cache = NewCache(files, f.read)
	return f
}

// Strict reports whether files with unsafe permissions are refused.
func (f *Files) Strict() bool { return f.strict }

// Key returns the key of a place.
func (f *Files) Key(ctx context.Context, p stored.Key) (*Key, error) {
	if !isDomain(p.Domain) || !isDomain(p.Selector) {
		return nil, fmt.Errorf("keys: %q and %q are no domain and selector in lower case and A-labels", p.Domain, p.Selector)
	}
	found, err := f.cache.Keys(ctx, strings.Join([]string{p.Domain, p.Selector, p.Path, p.Origin, p.Text}, "\x00"))
	if len(found) == 0 {
		if p.MayLack && errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	return found[0], err
}

// read reads the key of a place, which the name holds.
func (f *Files) read(_ context.Context, name string, before []*Key) ([]*Key, error) {
	part := strings.SplitN(name, "\x00", 5)
	domain, selector, path, origin, text := part[0], part[1], part[2], part[3], part[4]
	var key *Key
	var err error
	switch {
	case path != "":
		key, err = readKey(path, domain, selector, f.strict, before)
	case len(before) > 0:
		return before, nil
	default:
		key, err = ParseKey(domain, selector, origin, []byte(text))
	}
	if key == nil {
		return nil, err
	}
	return []*Key{key}, err
}
