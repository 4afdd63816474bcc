package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/policy/message"
)

// Types are the types of keys that [Create] makes.
func Types() []string { return []string{"rsa2048", "rsa3072", "rsa4096", "ed25519"} }

// DefaultSelector returns the selector of a new key: the quarter of the year, such as
// pv-2026q4, and an "e" at the end for Ed25519, since each type needs one of its own.
func DefaultSelector(at time.Time, kind string) string {
	s := fmt.Sprintf("pv-%dq%d", at.Year(), (int(at.Month())+2)/3)
	if kind == "ed25519" {
		s += "e"
	}
	return s
}

// Create makes a key and writes it to DIR/DOMAIN/SELECTOR.pem. Missing directories are
// made. Owner and group may read the key, and the group is that of DIR; a new DIR gets
// the group postvet if root makes it and the group exists. An existing file is never
// overwritten.
func Create(dir, domain, selector, kind string) (*Key, error) {
	var names [2]string
	for i, name := range []string{domain, selector} {
		var ok bool
		if names[i], ok = message.NormalizeDomain(name); !ok || strings.HasSuffix(name, ".") {
			return nil, fmt.Errorf("%q is not a %s", name, []string{"domain name", "selector"}[i])
		}
	}
	if !strings.Contains(names[0], ".") {
		return nil, fmt.Errorf("%q is not the name of a mail domain", domain)
	}
	gid, err := makeDirectory(dir)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, names[0])
	if err := os.Mkdir(folder, 0o750); err == nil {
		err = errors.Join(os.Chmod(folder, 0o750), os.Chown(folder, -1, gid))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder, input.Cause(err))
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w", folder, input.Cause(err))
	}
	path := filepath.Join(folder, names[1]+".pem")
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s: %w; name another selector with --selector", path, fs.ErrExist)
	}
	signer, err := generate(kind)
	if err != nil {
		return nil, err
	}
	if err := writeKey(path, signer, gid); err != nil {
		return nil, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	return NewKey(names[0], names[1], path, signer)
}

func generate(kind string) (crypto.Signer, error) {
	if kind == "ed25519" {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	bits, err := strconv.Atoi(strings.TrimPrefix(kind, "rsa"))
	if err != nil || bits < 2048 || bits > 4096 {
		return nil, fmt.Errorf("%q is no type of key; write one of %s", kind, strings.Join(Types(), ", "))
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// makeDirectory makes the directory of all keys, and returns its group.
func makeDirectory(dir string) (gid int, err error) {
	err = os.Mkdir(dir, 0o750)
	switch {
	case err == nil:
		if err := os.Chmod(dir, 0o750); err != nil {
			return 0, fmt.Errorf("%s: %w", dir, input.Cause(err))
		}
		if g, err := user.LookupGroup("postvet"); err == nil && os.Geteuid() == 0 {
			if id, err := strconv.Atoi(g.Gid); err == nil {
				_ = os.Chown(dir, -1, id) // the check of permissions says what this lacks
			}
		}
	case !errors.Is(err, fs.ErrExist):
		return 0, fmt.Errorf("%s: %w", dir, input.Cause(err))
	}
	info, err := os.Stat(dir)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", dir, input.Cause(err))
	}
	if !info.IsDir() {
		return 0, fmt.Errorf("%s: not a directory", dir)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Gid), nil
	}
	return -1, nil
}

// writeKey writes a key that nobody else can read at any moment, whatever the umask is. The
// file appears under its name when it is complete: a signer may look at any time, and this
// program may end at any time.
func writeKey(path string, key crypto.Signer, gid int) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	removeUnfinished(dir)
	f, err := os.CreateTemp(dir, unfinished+"*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err = errors.Join(err, f.Chown(-1, gid), f.Chmod(0o640), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil { // unlike a rename, it replaces nothing
		return err
	}
	if d, err := os.Open(dir); err == nil { // makes the name last
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

// unfinished begins the name of a key file that is being written. Readers pass over names
// that begin with a dot.
const unfinished = ".unfinished-"

// removeUnfinished removes what a program left that ended while it wrote a key.
func removeUnfinished(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), unfinished) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
