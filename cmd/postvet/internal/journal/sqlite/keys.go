package sqlite

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// monthLayout is the form of a month in the name of its key.
const monthLayout = "2006-01"

// keys are the secrets by which addresses are hashed, one for each month, in files
// "2026-11.key". Without its key, nobody can find an address in the rows of a month by
// trying all addresses.
type keys struct {
	dir string

	mu   sync.Mutex
	last rows.Key
	name string // of last, "" if there is none
}

// of returns the key of a time. If there is none, it makes one, or fails.
func (k *keys) of(at time.Time, create bool) (*rows.Key, error) {
	name := at.UTC().Format(monthLayout) + ".key"
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.name == name {
		key := k.last
		return &key, nil
	}
	path := filepath.Join(k.dir, name)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file; remove it", path)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		text, err = makeKey(path)
	}
	if err != nil {
		return nil, err
	}
	var key rows.Key
	if len(text) != len(key) {
		return nil, fmt.Errorf("%s has %d octets instead of %d; remove it, and addresses of that month cannot be found any more", path, len(text), len(key))
	}
	copy(key[:], text)
	k.last, k.name = key, name
	return &key, nil
}

// makeKey makes a key that is whole or not there, whenever the machine fails.
func makeKey(path string) ([]byte, error) {
	key := make([]byte, len(rows.Key{}))
	_, _ = rand.Read(key) // never fails
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return key, os.Rename(path+".new", path)
}

// removeOld removes the keys of months of which no file is left.
func (k *keys) removeOld(left []file, now time.Time) {
	needed := map[string]bool{now.UTC().Format(monthLayout): true}
	for _, f := range left {
		needed[f.day.Format(monthLayout)] = true
	}
	names, _ := filepath.Glob(filepath.Join(k.dir, "????-??.key"))
	for _, name := range names {
		if !needed[strings.TrimSuffix(filepath.Base(name), ".key")] {
			_ = os.Remove(name)
		}
	}
}
