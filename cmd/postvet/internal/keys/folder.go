package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/policy/message"
)

// Folder finds keys in a directory: DIR/<domain>/<selector>.pem, and nothing else. It
// looks again at what it knows every few seconds, so that a new domain signs without a
// reload. A Folder is safe for concurrent use.
type Folder struct {
	dir    string
	strict bool
	cache  *Cache
}

// recheck is how long what is known of files is used without a look at them.
const recheck = 10 * time.Second

// maxSelectors bounds the keys of one domain.
const maxSelectors = 50

// files are the options of caches of files. A key that was read stays in use for as long
// as its file cannot be.
var files = CacheOptions{
	Fresh: recheck, Missing: recheck, Retry: recheck,
	Timeout: 10 * time.Second, Patience: 250 * time.Millisecond, Parallel: 32, Complete: true,
}

// NewFolder returns the keys of a directory, which may be empty. With strict, files
// with unsafe permissions are not used.
func NewFolder(dir string, strict bool) *Folder {
	f := &Folder{dir: dir, strict: strict}
	f.cache = NewCache(files, f.read)
	return f
}

// Keys returns the keys of an address's domain, which is in lower-case A-labels, the
// newest first; none and no error if the domain has no directory. Of a file
// that cannot be used any more, the key that it held before stays in use. The error joins
// what is wrong with each file; it can stand beside keys.
func (f *Folder) Keys(ctx context.Context, address message.Mailbox) ([]*Key, error) {
	domain := address.Domain
	if !isDomain(domain) {
		return nil, fmt.Errorf("keys: %q is not a domain name", domain)
	}
	return f.cache.Keys(ctx, domain)
}

// Renew has the directory of a domain read the next time that it is wanted.
func (f *Folder) Renew(domain string) { f.cache.Renew(domain) }

// isDomain reports whether a text is a domain name in lower-case A-labels, and so can
// stand in a path.
func isDomain(s string) bool {
	name, ok := message.NormalizeDomain(s)
	return ok && name == s && !strings.HasPrefix(s, ".") && !strings.ContainsAny(s, `/\`)
}

// read looks at a domain's directory and reads the files that are new or changed.
func (f *Folder) read(_ context.Context, domain string, before []*Key) ([]*Key, error) {
	dir := filepath.Join(f.dir, domain)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil { // the known keys stay: the directory could not be read
		return before, fmt.Errorf("%s: %w", dir, input.Cause(err))
	}
	var now []*Key
	var errs []error
	for _, e := range entries {
		selector, ok := strings.CutSuffix(e.Name(), ".pem")
		if !ok || strings.HasPrefix(selector, ".") {
			continue
		}
		if len(now) == maxSelectors {
			errs = append(errs, fmt.Errorf("%s: more than %d keys", dir, maxSelectors))
			break
		}
		key, err := readKey(filepath.Join(dir, e.Name()), domain, selector, f.strict, before)
		if err != nil {
			errs = append(errs, err)
		}
		if key != nil {
			now = append(now, key)
		}
	}
	slices.SortStableFunc(now, func(a, b *Key) int { return b.Changed.Compare(a.Changed) })
	return now, errors.Join(errs...)
}

// readKey returns the key of a file, the one from before if the file is unchanged or
// cannot be used.
func readKey(path, domain, selector string, strict bool, known []*Key) (*Key, error) {
	var before *Key
	if i := slices.IndexFunc(known, func(k *Key) bool { return k.Path == path && k.Domain == domain && k.Selector == selector }); i >= 0 {
		before = known[i]
	}
	name, ok := message.NormalizeDomain(selector)
	if !ok || name != selector {
		return nil, fmt.Errorf("%s: %q is not a selector: write it in lower case and A-labels", path, selector)
	}
	info, err := os.Stat(path)
	if err != nil {
		return before, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	if before != nil && info.Size() == before.size && info.ModTime().Equal(before.Changed) {
		return before, nil
	}
	signer, _, err := ReadFile(path, strict)
	if err != nil {
		return before, err
	}
	key, err := NewKey(domain, selector, path, signer)
	if err != nil {
		return before, err
	}
	key.Changed, key.size = info.ModTime(), info.Size()
	return key, nil
}
