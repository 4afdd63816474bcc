package mtasetup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

// TestPackagedSockets: without the key "listen" the sockets of the packaged units
// are those that the MTA must ask.
func TestPackagedSockets(t *testing.T) {
	t.Parallel()
	etc, lib := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		filepath.Join(lib, "postvet.socket"):                    "[Socket]\nListenStream=/run/postvet/postvet.sock\n",
		filepath.Join(lib, "postvet-postfix.socket"):            "[Socket]\nListenStream=/var/spool/postfix/postvet/postvet.sock\n",
		filepath.Join(etc, "postvet.socket.d", "override.conf"): "[Socket]\nListenStream=127.0.0.1:8890\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folders := []string{etc, lib}
	p, err := Postvet(config.Default(), Sources{UnitFolders: folders})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"unix:/run/postvet/postvet.sock", "inet:127.0.0.1:8890", "unix:/var/spool/postfix/postvet/postvet.sock"}
	if d := cmp.Diff(want, p.Listen); d != "" || p.Postfix != want[2] || p.Sendmail != want[0] {
		t.Errorf("%s, for Postfix %s, for Sendmail %s", d, p.Postfix, p.Sendmail)
	}
	// A masked unit has no socket, and a key of the configuration counts first.
	if err := os.Symlink("/dev/null", filepath.Join(etc, "postvet-postfix.socket")); err != nil {
		t.Fatal(err)
	}
	if p, err = Postvet(config.Default(), Sources{UnitFolders: folders}); err != nil || p.Postfix != want[0] || len(p.Listen) != 2 {
		t.Errorf("masked: %+v %v", p, err)
	}
	c, err := config.Parse("p.toml", []byte("listen = [\"inet:127.0.0.1:9\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = Postvet(c, Sources{UnitFolders: folders}); err != nil || p.Postfix != "inet:127.0.0.1:9" || len(p.Listen) != 1 {
		t.Errorf("with listen: %+v %v", p, err)
	}
}

// TestService: the user, the groups and the hidden folders of the packaged unit, with
// what an admin has changed.
func TestService(t *testing.T) {
	t.Parallel()
	etc, lib := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		filepath.Join(lib, "postvet.service"):                    "[Service]\nUser=postvet\nGroup=postvet\n# User=remark\nExecStart=/usr/bin/postvet serve --config /etc/postvet/postvet.toml\nProtectHome=yes\nPrivateTmp=no\n",
		filepath.Join(etc, "postvet.service.d", "override.conf"): "[Service]\nUser=\nUser=mailfilter\nSupplementaryGroups=certs lists\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := Service{Unit: filepath.Join(lib, "postvet.service"), Config: "/etc/postvet/postvet.toml", User: "mailfilter", Groups: []string{"postvet", "certs", "lists"}, Hidden: []string{"/home", "/root", "/run/user"}}
	if d := cmp.Diff(want, ServiceOf(etc, lib)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(Service{}, ServiceOf(etc)); d != "" {
		t.Errorf("without the unit (-want +got):\n%s", d)
	}
}

func TestConfigOf(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"/usr/bin/postvet serve --config /etc/p.toml":    "/etc/p.toml",
		"/usr/bin/postvet serve --config=/etc/p.toml -x": "/etc/p.toml",
		"/usr/bin/postvet serve":                         "", "postvet serve --config": "",
	} {
		if got := configOf(command); got != want {
			t.Errorf("%q: %q", command, got)
		}
	}
}
