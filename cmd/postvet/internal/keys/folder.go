package keys

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	now    func() time.Time

	mu      sync.Mutex
	domains map[string]*list.Element
	recent  list.List // of *folderDomain, the last used in front
}

// folderDomain is what is known of one domain.
type folderDomain struct {
	domain  string
	checked time.Time
	keys    []folderKey
	err     error
}

type folderKey struct {
	key  *Key
	size int64
}

const (
	// recheck is how long what is known of a domain is used without a look at its
	// directory.
	recheck = 10 * time.Second
	// maxDomains bounds the domains in memory. A parsed RSA key of 2048 bits has
	// some 4.5 KB.
	maxDomains = 14000
	// maxSelectors bounds the keys of one domain.
	maxSelectors = 50
)

// NewFolder returns the keys of a directory, which may be empty. With strict, files
// with unsafe permissions are not used.
func NewFolder(dir string, strict bool) *Folder {
	return &Folder{dir: dir, strict: strict, now: time.Now, domains: map[string]*list.Element{}}
}

// Keys returns the keys of a domain in lower-case A-labels, in the order of their
// selectors; none and no error if the domain has no directory. Of a file that cannot
// be used any more, the key that it held before stays in use. The error joins what is
// wrong with each file; it can stand beside keys.
func (f *Folder) Keys(domain string) ([]*Key, error) {
	if name, ok := message.NormalizeDomain(domain); !ok || name != domain || strings.HasPrefix(domain, ".") || strings.ContainsAny(domain, `/\`) {
		return nil, fmt.Errorf("keys: %q is not a domain name", domain)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.remember(domain)
	if now := f.now(); d.checked.IsZero() || now.Sub(d.checked) >= recheck || now.Before(d.checked) {
		d.read(filepath.Join(f.dir, domain), f.strict)
		d.checked = now
	}
	found := make([]*Key, len(d.keys))
	for i := range d.keys {
		found[i] = d.keys[i].key
	}
	return found, d.err
}

// remember returns the entry of a domain, which becomes the most recent one.
func (f *Folder) remember(domain string) *folderDomain {
	if e, ok := f.domains[domain]; ok {
		f.recent.MoveToFront(e)
		return e.Value.(*folderDomain)
	}
	d := &folderDomain{domain: domain}
	f.domains[domain] = f.recent.PushFront(d)
	for len(f.domains) > maxDomains {
		last := f.recent.Back()
		delete(f.domains, f.recent.Remove(last).(*folderDomain).domain)
	}
	return d
}

// read looks at the domain's directory and reads the files that are new or changed.
func (d *folderDomain) read(dir string, strict bool) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		d.keys, d.err = nil, nil
		return
	}
	if err != nil { // the known keys stay: the directory could not be read
		d.err = fmt.Errorf("%s: %w", dir, input.Cause(err))
		return
	}
	var now []folderKey
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
		key, err := d.readKey(filepath.Join(dir, e.Name()), selector, strict)
		if err != nil {
			errs = append(errs, err)
		}
		if key.key != nil {
			now = append(now, key)
		}
	}
	d.keys, d.err = now, errors.Join(errs...)
}

// readKey returns the key of a file, the one from before if the file is unchanged or
// cannot be used.
func (d *folderDomain) readKey(path, selector string, strict bool) (folderKey, error) {
	var before folderKey
	if i := slices.IndexFunc(d.keys, func(k folderKey) bool { return k.key.Path == path }); i >= 0 {
		before = d.keys[i]
	}
	name, ok := message.NormalizeDomain(selector)
	if !ok || name != selector {
		return folderKey{}, fmt.Errorf("%s: %q is not a selector: write it in lower case and A-labels", path, selector)
	}
	info, err := os.Stat(path)
	if err != nil {
		return before, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	if before.key != nil && info.Size() == before.size && info.ModTime().Equal(before.key.Changed) {
		return before, nil
	}
	signer, _, err := ReadFile(path, strict)
	if err != nil {
		return before, err
	}
	key, err := NewKey(d.domain, selector, path, signer)
	if err != nil {
		return before, err
	}
	key.Changed = info.ModTime()
	return folderKey{key: key, size: info.Size()}, nil
}
