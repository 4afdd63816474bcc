package keys

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := Create(dir, "BÜCHER.example", "S1", "rsa2048")
	if err != nil {
		t.Fatal(err)
	}
	if k.Name() != "s1._domainkey.xn--bcher-kva.example" || k.Type() != "rsa" || k.Bits() != 2048 {
		t.Errorf("%s, %s of %d bits", k.Name(), k.Type(), k.Bits())
	}
	for path, want := range map[string]fs.FileMode{dir: 0o750, filepath.Dir(k.Path): 0o750, k.Path: 0o640} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %04o, %v", path, info.Mode().Perm(), err)
		}
	}
	before, err := os.ReadFile(k.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, "bücher.example", "s1", "ed25519"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwritten: %v", err)
	}
	if after, err := os.ReadFile(k.Path); err != nil || string(after) != string(before) {
		t.Errorf("the file has changed: %v", err)
	}
	if _, err := Create(dir, "bücher.example", "s2", "ed25519"); err != nil {
		t.Error(err)
	}
	found, err := NewFolder(dir, true).Keys(t.Context(), message.Mailbox{Domain: "xn--bcher-kva.example"})
	if err != nil || names(found) != "s1._domainkey.xn--bcher-kva.example rsa, s2._domainkey.xn--bcher-kva.example ed25519" {
		t.Errorf("found %s, %v", names(found), err)
	}
	for _, bad := range [][3]string{
		{"../x", "s", "rsa2048"},
		{"org", "s", "rsa2048"},
		{"a b.example", "s", "rsa2048"},
		{"example.org", "../s", "rsa2048"},
		{"example.org", "", "rsa2048"},
		{"example.org", "s", "rsa1024"},
		{"example.org", "s", "dsa"},
		{"example.org", "s", "rsa16384"},
	} {
		if k, err := Create(dir, bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%q: made %s", bad, k)
		}
	}
	if e, err := os.ReadDir(filepath.Join(dir, "example.org")); err == nil && len(e) > 0 {
		t.Errorf("files are left: %v", e)
	}
}

func TestDefaultSelector(t *testing.T) {
	t.Parallel()
	for month, want := range map[time.Month]string{time.January: "pv-2026q1", time.March: "pv-2026q1", time.April: "pv-2026q2", time.September: "pv-2026q3", time.December: "pv-2026q4"} {
		if got := DefaultSelector(time.Date(2026, month, 28, 0, 0, 0, 0, time.UTC), "rsa2048"); got != want {
			t.Errorf("%s: %s, want %s", month, got, want)
		}
	}
	if got := DefaultSelector(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "ed25519"); got != "pv-2026q1e" {
		t.Errorf("Ed25519: %s", got)
	}
}

// TestWriteRecord reads each form back as its reader does.
func TestWriteRecord(t *testing.T) {
	t.Parallel()
	large, err := generate("rsa4096")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*Key{newKey(t, "s1", rsaKey()), newKey(t, "s2", edKey()), newKey(t, "s3", large)} {
		text := map[Form]string{}
		for _, f := range Forms() {
			if text[f], err = k.WriteRecord(f); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Count(text[FormQuoted], "\n") != 1 || strings.Contains(text[FormQuoted], "  ") {
			t.Errorf("quoted: %q", text[FormQuoted])
		}
		rr, err := dns.NewRR(text[FormBIND])
		if err != nil {
			t.Fatal(err)
		}
		_, update, _ := strings.Cut(text[FormNSUpdate], "update add ")
		update, _, _ = strings.Cut(update, "\n")
		updated, err := dns.NewRR(update)
		if err != nil {
			t.Fatal(err)
		}
		var object struct {
			Name, Value string
			Strings     []string
		}
		if err := json.Unmarshal([]byte(text[FormJSON]), &object); err != nil {
			t.Fatal(err)
		}
		for form, got := range map[Form][]string{
			FormBIND: rr.(*dns.TXT).Txt, FormNSUpdate: updated.(*dns.TXT).Txt, FormJSON: object.Strings, FormPlain: {strings.TrimSuffix(text[FormPlain], "\n")},
		} {
			whole := strings.Join(got, "")
			if whole != k.Record() {
				t.Errorf("%s: %s, want %s", form, whole, k.Record())
			}
			for _, s := range got {
				if form != FormPlain && len(s) > 255 {
					t.Errorf("%s: a string of %d octets", form, len(s))
				}
			}
			record, err := dkim.ParseKey(whole)
			if err != nil || !record.Is(k.Signer().Public()) {
				t.Errorf("%s: not the key, %v", form, err)
			}
		}
		if rr.Header().Name != k.Name()+"." || object.Name != k.Name() || object.Value != k.Record() {
			t.Errorf("names %q and %q, value %q", rr.Header().Name, object.Name, object.Value)
		}
	}
	if _, err := (Key{}).WriteRecord("panel"); err == nil || err.Error() != `"panel" is no form; write one of plain, bind, quoted, nsupdate, json` {
		t.Errorf("%v", err)
	}
}

// TestUnfinished: what a process left that ended while it wrote a key is no key, and is
// removed when the next one is made.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Create(dir, "example.org", "s1", "ed25519"); err != nil {
		t.Fatal(err)
	}
	old, young := filepath.Join(dir, "example.org", unfinished+"1"), filepath.Join(dir, "example.org", unfinished+"2.pem")
	write(t, old, "-----BEGIN PRIVATE KEY-----\nMC4C", 0o600)
	write(t, young, "", 0o600)
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if found, err := NewFolder(dir, true).Keys(t.Context(), message.Mailbox{Domain: "example.org"}); err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	if found, err := List(dir, true); err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := Create(dir, "example.org", "s2", "ed25519"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old one is left: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young one may still be written: %v", err)
	}
}
