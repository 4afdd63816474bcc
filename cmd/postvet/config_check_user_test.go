package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/account"
	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
)

// TestReadable: what the service's user cannot read is named with the part of the path
// that is in the way, and with the command that mends it.
func TestReadable(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "pv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, mode := range map[string]os.FileMode{"": 0o755, "shut": 0o700, "open": 0o755} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"p.toml": 0o644, "secret.toml": 0o600, "shut/hosts": 0o644, "open/hosts": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	who := account.Account{Name: "mailfilter", Group: "mailfilter", UID: 54321, GIDs: []int{54321, os.Getgid()}}
	for _, tc := range []struct {
		name   string
		file   config.NamedFile
		hidden []string
		want   string
	}{
		{"all is well", config.NamedFile{Path: at("p.toml")}, nil, "ok the user mailfilter can read 1 file; "},
		{"the configuration", config.NamedFile{Path: at("secret.toml")}, nil, "error the user mailfilter may not read " + at("secret.toml") + " (-rw------- "},
		{"its remedy", config.NamedFile{Path: at("secret.toml")}, nil, "; chmod g+r " + at("secret.toml")},
		{"a folder", config.NamedFile{Path: at("shut/hosts"), Key: "exempt.addresses", Place: "p.toml:7"}, nil, "error p.toml:7: exempt.addresses: the user mailfilter may not enter " + at("shut") + " (drwx------ "},
		{"its remedy", config.NamedFile{Path: at("shut/hosts"), Key: "exempt.addresses", Place: "p.toml:7"}, nil, " on the way to " + at("shut/hosts") + "; chmod g+x " + at("shut")},
		{"a hidden folder", config.NamedFile{Path: at("open/hosts"), Key: "trust.relays", Place: "p.toml:2"}, []string{at("open")}, "error p.toml:2: trust.relays: " + at("open/hosts") + " lies below " + at("open") + ", which systemd hides"},
		{"the snapshot", config.NamedFile{Path: at("shut/dns"), Key: "dns.snapshot", Place: "p.toml:3", Written: true}, nil, "warning p.toml:3: dns.snapshot: the user mailfilter may not write to " + at("shut") + " (drwx------ "},
		{"a folder that systemd makes", config.NamedFile{Path: at("absent/dns"), Key: "dns.snapshot", Written: true}, nil, "ok "},
	} {
		var b strings.Builder
		for _, f := range readable(who, []config.NamedFile{tc.file}, tc.hidden) {
			b.WriteString(string(f.Severity) + " " + f.Text + "; " + f.Fix + "\n")
		}
		if !strings.Contains(b.String(), tc.want) {
			t.Errorf("%s: no %q in\n%s", tc.name, tc.want, b.String())
		}
	}
}

// TestCheckUser: the user is that of --user, or else that of the unit. If there is no
// such user, the finding has the command that makes one.
func TestCheckUser(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "p.toml")
	if err := os.WriteFile(file, []byte("mode = \"monitor\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unit := mtasetup.Service{Unit: "/lib/postvet.service", User: "no-such-user-a", Config: filepath.Join(filepath.Dir(file), "postvet.toml")}
	elsewhere := mtasetup.Service{Unit: "/lib/postvet.service", User: "no-such-user-a", Config: "/etc/postvet/postvet.toml"}
	for _, tc := range []struct {
		user, want string
		unit       mtasetup.Service
	}{
		{"", "the user no-such-user-a of /lib/postvet.service does not exist", unit},
		{"no-such-user-b", "the user no-such-user-b of --user does not exist", unit},
		{"root", "the group no-such-group of --user does not exist", mtasetup.Service{Groups: []string{"no-such-group"}}},
		{"root", "the user root can read 1 file", mtasetup.Service{}},
	} {
		found, err := checkUser(config.Default(), file, tc.user, tc.unit)
		if err != nil || len(found) != 1 || !strings.Contains(found[0].Text, tc.want) {
			t.Errorf("%q: %+v, %v", tc.user, found, err)
		}
	}
	for name, s := range map[string]mtasetup.Service{"without a unit": {}, "a file elsewhere": elsewhere} {
		if found, err := checkUser(config.Default(), file, "", s); len(found) > 0 || err != nil {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	code, out, _ := runIn(t, "config", "check", file, "--user", "no-such-user-b")
	if code != exitNo || !strings.Contains(out, "fix: adduser --system --group --no-create-home --home /var/lib/postvet --shell /usr/sbin/nologin no-such-user-b") {
		t.Errorf("exit code %d, %s", code, out)
	}
}
