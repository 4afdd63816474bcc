package keys

import (
	"crypto"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postvet/postvet/policy/message"
)

// store writes a key file and its directory.
func store(t *testing.T, path string, key crypto.Signer, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, path, block("PRIVATE KEY", pkcs8(t, key)), mode)
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func names(keys []*Key) string {
	var list []string
	for _, k := range keys {
		list = append(list, k.Name()+" "+k.Type())
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// TestFolder follows a directory through the changes of a year.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Unix(1_700_000_000, 0)
	f := NewFolder(dir, true)
	f.cache.now = func() time.Time { return at }
	first, second := filepath.Join(dir, "example.org", "s1.pem"), filepath.Join(dir, "example.org", "s2.pem")
	steps := []struct {
		name   string
		change func()
		wait   time.Duration
		want   string
		err    string // a part of it
	}{
		{"no directory", func() {}, 0, "", ""},
		{"a new one is not seen at once", func() { store(t, first, rsaKey(), 0o640) }, 9 * time.Second, "", ""},
		{"but without a reload", func() {}, time.Second, "s1._domainkey.example.org rsa", ""},
		{"a second key", func() { store(t, second, edKey(), 0o600) }, 10 * time.Second, "s1._domainkey.example.org rsa, s2._domainkey.example.org ed25519", ""},
		{"a broken file keeps the old key", func() { write(t, first, "-----BEGIN PRIVATE KEY-----\n", 0o640) }, 10 * time.Second, "s1._domainkey.example.org rsa, s2._domainkey.example.org ed25519", "s1.pem: cut off: -----END PRIVATE KEY----- is missing"},
		{"also later", func() {}, 10 * time.Second, "s1._domainkey.example.org rsa, s2._domainkey.example.org ed25519", "s1.pem: cut off"},
		{"mended", func() { store(t, first, edKey(), 0o640) }, 10 * time.Second, "s1._domainkey.example.org ed25519, s2._domainkey.example.org ed25519", ""},
		{"unsafe: the old key stays", func() { store(t, second, rsaKey(), 0o644) }, 10 * time.Second, "s1._domainkey.example.org ed25519, s2._domainkey.example.org ed25519", "s2.pem: mode 0644: others may read the key; mend it with chmod 0640 "},
		{"removed", func() { _ = os.Remove(second) }, 10 * time.Second, "s1._domainkey.example.org ed25519", ""},
		{"other files are passed over", func() {
			write(t, filepath.Join(dir, "example.org", "README"), "x", 0o644)
			write(t, filepath.Join(dir, "example.org", ".s9.pem"), "x", 0o600)
		}, 10 * time.Second, "s1._domainkey.example.org ed25519", ""},
		{"a selector that is none", func() { write(t, filepath.Join(dir, "example.org", "Big.pem"), "x", 0o600) }, 10 * time.Second, "s1._domainkey.example.org ed25519", `Big.pem: "Big" is not a selector: write it in lower case and A-labels`},
		{"all gone", func() { _ = os.RemoveAll(filepath.Join(dir, "example.org")) }, 10 * time.Second, "", ""},
	}
	for i, s := range steps {
		s.change()
		at = at.Add(s.wait)
		// Two writes within the resolution of the clock must not look alike.
		for _, p := range []string{first, second} {
			_ = os.Chtimes(p, time.Time{}, time.Unix(int64(1_600_000_000+i), 0))
		}
		got, err := f.Keys(t.Context(), message.Mailbox{Domain: "example.org"})
		if names(got) != s.want {
			t.Fatalf("%s: %s, want %s", s.name, names(got), s.want)
		}
		if (err == nil) != (s.err == "") || err != nil && !strings.Contains(err.Error(), s.err) {
			t.Fatalf("%s: error %v, want %s", s.name, err, s.err)
		}
	}
}

// TestFolderOrder: the newest key comes first, and what a caller does to the answer
// changes nothing.
func TestFolderOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, selector := range []string{"b", "c", "a"} {
		path := filepath.Join(dir, "example.org", selector+".pem")
		store(t, path, edKey(), 0o600)
		if err := os.Chtimes(path, time.Time{}, time.Unix(int64(1_600_000_000+i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	f := NewFolder(dir, true)
	for range 2 {
		got, err := f.Keys(t.Context(), message.Mailbox{Domain: "example.org"})
		if err != nil || len(got) != 3 || got[0].Selector != "a" || got[1].Selector != "c" || got[2].Selector != "b" {
			t.Fatalf("%v, %v", got, err)
		}
		slices.Reverse(got)
	}
}

func TestFolderRefusesNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store(t, filepath.Join(dir, "..", "outside", "s1.pem"), edKey(), 0o600)
	f := NewFolder(dir, true)
	for _, name := range []string{"", ".", "..", "../outside", "a/b", `a\b`, "Example.org", "bücher.example", "a b", "example.org.", "a\x00b"} {
		if got, err := f.Keys(t.Context(), message.Mailbox{Domain: name}); len(got) != 0 || err == nil {
			t.Errorf("%q: %d keys, %v", name, len(got), err)
		}
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	store(t, at("good.pem"), rsaKey(), 0o640)
	write(t, at("old.pem"), block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())), 0o600)
	store(t, at("read.pem"), rsaKey(), 0o644)
	store(t, at("group.pem"), rsaKey(), 0o660)
	store(t, at("world.pem"), rsaKey(), 0o606)
	store(t, at("open/key.pem"), rsaKey(), 0o600)
	if err := os.Chmod(at("open"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, at("empty.pem"), "", 0o600)
	if err := os.Symlink("good.pem", at("link.pem")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(at("pipe.pem"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ file, err string }{ // the error behind the path, with DIR for its directory
		{"good.pem", ""},
		{"old.pem", ""},
		{"link.pem", ""},
		{"read.pem", "mode 0644: others may read the key; mend it with chmod 0640 DIR/read.pem"},
		{"group.pem", "mode 0660: its group may write the key; mend it with chmod 0640 DIR/group.pem"},
		{"world.pem", "mode 0606: others may write the key; mend it with chmod 0600 DIR/world.pem"},
		{"open/key.pem", "others may replace the key, since its directory has mode 0777; mend it with chmod o-w DIR/open"},
		{"empty.pem", "empty, not a private key"},
		{"pipe.pem", "is no regular file"},
		{"open", "is no regular file"},
		{"none.pem", "no such file or directory"},
	}
	for _, tt := range tests {
		_, _, err := ReadFile(at(tt.file), true)
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), dir, "DIR")
		}
		want := tt.err
		if want != "" {
			want = "DIR/" + tt.file + ": " + want
		}
		if got != want {
			t.Errorf("%s: %s, want %s", tt.file, got, want)
		}
	}
	if key, findings, err := ReadFile(at("read.pem"), false); key == nil || err != nil || len(findings) != 1 {
		t.Errorf("without strict: %v, %v", findings, err)
	}
}

func TestReadFileAsOther(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read every file")
	}
	path := filepath.Join(t.TempDir(), "s1.pem")
	store(t, path, edKey(), 0)
	if _, _, err := ReadFile(path, true); err == nil || !strings.Contains(err.Error(), "may not read it; it is ") {
		t.Errorf("error %v", err)
	}
}
