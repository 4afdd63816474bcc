package migrate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/migrate/peers"
)

// TestCopyLists: lists in the folders of peers that go are copied, readable for all,
// and the configuration names the copies. Nothing is replaced unasked.
func TestCopyLists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"opendmarc/hosts": "192.0.2.1\n", "opendkim/hosts": "192.0.2.2\n", "mail/good": "lists.example\n"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(at(name)), 0o700), os.WriteFile(at(name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	read := func() *Import {
		i, err := Read([]File{
			{peers.OpenDMARC, write(t, "dmarc.conf", "RejectFailures true\nIgnoreHosts "+at("opendmarc/hosts")+"\nDomainWhitelistFile "+at("mail/good")+"\n")},
			{peers.OpenDKIM, write(t, "dkim.conf", "Mode v\nOn-BadSignature reject\nPeerList refile:"+at("opendkim/hosts")+"\n")},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	i := read()
	want := []peers.List{
		{Path: at("opendkim/hosts"), Keys: []string{"lists.opendkim-skips"}, Owner: peers.OpenDKIM},
		{Path: at("opendmarc/hosts"), Keys: []string{"exempt.addresses"}, Owner: peers.OpenDMARC},
		{Path: at("mail/good"), Keys: []string{"trust.sealers"}},
	}
	if d := cmp.Diff(want, i.Lists); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	to := at("postvet/lists")
	if err := i.CopyLists(to, false); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"opendmarc-2-hosts": "192.0.2.1\n", "opendkim-1-hosts": "192.0.2.2\n"} {
		file := filepath.Join(to, name)
		got, err := os.ReadFile(file)
		info, _ := os.Stat(file)
		if err != nil || string(got) != text || info.Mode().Perm() != 0o644 || !strings.Contains(i.TOML, `"file:`+file+`"`) {
			t.Errorf("%s: %q, %v, %v\n%s", name, got, info, err, i.TOML)
		}
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the folder: %v, %v", info, err)
	}
	if !strings.Contains(i.TOML, `"file:`+at("mail/good")+`"`) || strings.Contains(i.TOML, `"file:`+at("opendmarc")) {
		t.Errorf("the configuration names\n%s", i.TOML)
	}
	// The same again changes nothing; another file stays, unless it is to be replaced.
	if err := read().CopyLists(to, false); err != nil {
		t.Errorf("again: %v", err)
	}
	file := filepath.Join(to, "opendmarc-2-hosts")
	if err := os.WriteFile(file, []byte("192.0.2.9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var exists *fs.PathError
	if err := read().CopyLists(to, false); !errors.As(err, &exists) || exists.Path != file {
		t.Errorf("another file: %v", err)
	}
	if got, _ := os.ReadFile(file); string(got) != "192.0.2.9\n" {
		t.Errorf("it was replaced by %q", got)
	}
	if err := read().CopyLists(to, true); err != nil {
		t.Errorf("replaced: %v", err)
	}
	if got, _ := os.ReadFile(file); string(got) != "192.0.2.1\n" {
		t.Errorf("it was not replaced: %q", got)
	}
}

// TestListsThatStay: the files of an opendkim that goes on signing stay.
func TestListsThatStay(t *testing.T) {
	t.Parallel()
	hosts := filepath.Join(t.TempDir(), "opendkim-hosts")
	if err := os.WriteFile(hosts, []byte("192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, owner := range map[string]peers.Peer{"Mode v\n": peers.OpenDKIM, "Mode sv\nKeyFile /k\n": ""} {
		i, err := Read([]File{{peers.OpenDKIM, write(t, "dkim.conf", mode+"On-BadSignature reject\nPeerList "+hosts+"\n")}}, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(i.Lists) != 1 || i.Lists[0].Owner != owner {
			t.Errorf("%q: %+v", mode, i.Lists)
		}
	}
}
