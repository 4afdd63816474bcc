//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/dnscache/authority"
)

// secondary is one that transfers example.org when it starts, and then seldom.
var secondary = program{"named", "bind9", "usr/sbin/named", "", "named.conf", func(s setting) (string, []string) {
	return namedOptions(s, "  recursion no;\n  dnssec-validation no;\n") + fmt.Sprintf(`zone "ready.example" { type primary; file "ready.zone"; };
zone "example.org" { type secondary; primaries { %s port %d; }; masterfile-format text; file "org.copy"; min-refresh-time 3600; };
`, s.behind.Addr(), s.behind.Port()), []string{"/usr/sbin/named", "-g", "-4", "-n", "1", "-c", dir + "/named.conf"}
}}

// keyAdmin is an administrator with keys in a folder, and two real name servers.
type keyAdmin struct {
	t         *testing.T
	dir       string
	binary    string
	primary   *process
	secondary *process

	mu     sync.Mutex
	output bytes.Buffer // of all commands and of the service
}

// configure writes the configuration, with the secret of the TSIG key.
func (a *keyAdmin) configure(secret string) {
	a.t.Helper()
	text := fmt.Sprintf(`listen = ["unix:%[1]s/postvet.sock"]
[dns]
resolvers = ["%[2]s"]
[control]
socket = ""
[sign]
keys = "%[1]s/keys"
state = "%[1]s/keys.json"
publish = "nsupdate:%[2]s"
publish_key = "%[1]s/tsig.key"
name_servers = ["%[2]s", "%[3]s"]
`, a.dir, a.primary.setting.addr, a.secondary.setting.addr)
	key := fmt.Sprintf("key \"postvet\" {\n\talgorithm hmac-sha256;\n\tsecret \"%s\";\n};\n", secret)
	for name, text := range map[string]string{"postvet.toml": text, "tsig.key": key} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

// key runs "postvet key" and compares its exit code and a part of what it writes.
func (a *keyAdmin) key(code int, part string, args ...string) string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.binary, append([]string{"key"}, append(args, "--config", filepath.Join(a.dir, "postvet.toml"))...)...)
	out, err := cmd.CombinedOutput()
	got := 0
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		got = exited.ExitCode()
	} else if err != nil {
		a.t.Fatal(err)
	}
	_, _ = a.Write(out)
	if got != code || !strings.Contains(string(out), part) {
		a.t.Errorf("key %s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), got, code, part, out)
	}
	return string(out)
}

func (a *keyAdmin) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.output.Write(b)
}

// transfer has the secondary server take the zone as it is: it begins anew.
func (a *keyAdmin) transfer() {
	a.t.Helper()
	a.secondary.stop()
	if err := a.secondary.start(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	var err error
	for range 1200 { // it answers for other zones before it has this one
		if _, err = authority.Ask(a.t.Context(), a.secondary.setting.addr, "example.org"); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	a.t.Fatal(err)
}

func newKeyAdmin(t *testing.T) *keyAdmin {
	t.Helper()
	s := needNamed(t)
	a := &keyAdmin{t: t, dir: t.TempDir()}
	a.binary = filepath.Join(a.dir, "postvet")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", a.binary, "./cmd/postvet")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var addr netip.AddrPort
	a.primary, addr = start(t, s, primary, netip.AddrPort{})
	a.secondary, _ = start(t, s, secondary, addr)
	if err := os.MkdirAll(filepath.Join(a.dir, "keys"), 0o750); err != nil {
		t.Fatal(err)
	}
	a.configure(tsigSecret)
	a.transfer()
	return a
}

// TestKeyLife takes keys through their lives with Debian's named as the primary and the
// secondary server of the zone: by hand, and by a running service. What fails is named, and
// nothing that any program writes has a secret in it.
func TestKeyLife(t *testing.T) {
	t.Parallel()
	a := newKeyAdmin(t)
	second := a.secondary.setting.addr.String()
	a.key(0, "its record is published by nsupdate:", "new", "example.org", "--selector", "s1")
	a.key(1, second+" has no record, others differ", "check", "example.org")
	a.transfer()
	a.key(0, "all name servers show the key (2 asked)", "check", "example.org")
	a.key(0, "s1", "list")
	a.key(0, "v=DKIM1", "show", "example.org", "--format", "json")

	// What can fail with updates.
	a.key(3, "the server refuses (REFUSED)", "new", "fixed.example", "--selector", "s1")
	a.key(3, "the server refuses (REFUSED)", "new", "nowhere.example", "--selector", "s1")
	a.configure("b3RoZXI=")
	a.key(3, "the server has another secret or algorithm for the TSIG key postvet (BADSIG)", "new", "example.org", "--selector", "s2")
	a.configure("not base64")
	a.key(3, "the secret of the TSIG key is not base64", "new", "example.org", "--selector", "s3")
	a.configure(tsigSecret)
	if err := os.Chmod(filepath.Join(a.dir, "tsig.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	a.key(3, "mode 0644: others may read the key", "new", "example.org", "--selector", "s4")
	if err := os.Chmod(filepath.Join(a.dir, "tsig.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"s2", "s3", "s4"} { // they were never published
		a.key(0, "is gone from the DNS, and its file is deleted", "remove", "example.org", "--selector", s, "--force")
	}

	// A running service makes the key active, and its successor.
	service := a.serve()
	a.await("s1", "active", service)
	a.key(1, "it is the only active key of its domain", "retire", "example.org", "--selector", "s1")
	a.key(0, "its record is published by nsupdate:", "rotate", "example.org", "--selector", "s5")
	a.key(1, "a rotation is under way", "rotate", "example.org")
	a.transfer()
	a.await("s5", "active", service)
	a.await("s1", "retiring", service)

	// The end, by hand.
	a.key(0, "its record is replaced by nsupdate:", "revoke", "example.org", "--selector", "s1")
	a.key(1, "name servers still show a record: "+second, "remove", "example.org", "--selector", "s1", "--keep-file")
	a.transfer()
	a.key(0, "is gone from the DNS", "remove", "example.org", "--selector", "s1", "--keep-file")
	web := t.TempDir()
	a.key(1, "it is too early", "reveal", "example.org", "--selector", "s1", "--to", web)
	private := a.secrets()
	a.key(0, web, "reveal", "example.org", "--selector", "s1", "--to", web, "--force")

	// The server is down: nothing changes.
	a.primary.stop()
	a.key(3, "no answer", "new", "example.org", "--selector", "s6")
	a.key(3, "no answer", "remove", "example.org", "--selector", "s6", "--force")
	a.await("s5", "active", service)
	if err := service.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	if len(private) < 10 {
		t.Fatalf("only %d pieces of secrets", len(private))
	}
	for _, secret := range append(private, tsigSecret, tsigSecret[:20], "PRIVATE KEY") {
		if i := strings.Index(a.output.String(), secret); i >= 0 {
			t.Errorf("a secret is printed: ...%s", a.output.String()[max(0, i-200):i])
		}
	}
	for _, line := range []string{"a key has a new state", "stopped"} {
		if !strings.Contains(a.output.String(), line) {
			t.Errorf("the log lacks %q", line)
		}
	}
}

// serve starts the service.
func (a *keyAdmin) serve() *child.Process {
	a.t.Helper()
	cmd := exec.Command(a.binary, "serve", "--config", filepath.Join(a.dir, "postvet.toml"))
	cmd.Stdout, cmd.Stderr = a, a
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(p.Kill)
	return p
}

// await waits until a key has a state. A reload makes the service look at once at what it
// would look at within minutes.
func (a *keyAdmin) await(selector, state string, service *child.Process) {
	a.t.Helper()
	var out []byte
	for i := range 60 {
		out, _ = exec.CommandContext(a.t.Context(), a.binary, "key", "list", "--config", filepath.Join(a.dir, "postvet.toml")).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) > 5 && f[1] == selector && f[5] == state {
				return
			}
		}
		if i%20 == 19 {
			_ = service.Signal(syscall.SIGHUP)
		}
		time.Sleep(time.Second)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.t.Fatalf("%s is not %s:\n%s\n%s", selector, state, out, a.output.String())
}

// secrets returns pieces of the private keys, of the part behind what is public.
func (a *keyAdmin) secrets() []string {
	a.t.Helper()
	files, err := filepath.Glob(filepath.Join(a.dir, "keys", "*", "*.pem"))
	if err != nil {
		a.t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			a.t.Fatal(err)
		}
		lines := strings.Fields(string(text))
		for _, l := range lines[len(lines)*2/5:] {
			if len(l) >= 40 {
				all = append(all, l[:40])
			}
		}
	}
	return all
}
