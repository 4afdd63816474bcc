//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// patience bounds each wait; a container with a fault must end sooner by far.
const patience = time.Minute

// container is the root of an image, unpacked, and how it is run.
type container struct {
	root string
	run  containerConfig
}

// unpack makes an image and unpacks its layer. The program is linked statically from the
// packages that other tests have compiled: compiling all of them without C, as for a
// release, takes two minutes of CPU time.
func unpack(t *testing.T) container {
	t.Helper()
	dir := t.TempDir()
	i := small(t, runtime.GOARCH)
	i.binary = filepath.Join(dir, "postvet")
	link := exec.CommandContext(t.Context(), "go", "build", "-ldflags", `-s -w -linkmode external -extldflags "-static"`, "-o", i.binary, "../../cmd/postvet")
	if out, err := link.CombinedOutput(); err != nil { // there is no static C library
		t.Logf("go build: %v\n%s", err, out)
		link = exec.CommandContext(t.Context(), "go", "build", "-o", i.binary, "../../cmd/postvet")
		link.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := link.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	files, err := root(i)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLayer(files, i.created, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := gzip.NewReader(bytes.NewReader(l.data))
	if err != nil {
		t.Fatal(err)
	}
	c := container{filepath.Join(dir, "root"), i.container()}
	if err := os.Mkdir(c.root, 0o755); err != nil {
		t.Fatal(err)
	}
	tar := exec.CommandContext(t.Context(), "tar", "--extract", "--same-owner", "--same-permissions", "--directory", c.root)
	tar.Stdin = raw
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	// The runtime gives each container these.
	for _, name := range []string{"dev", "proc"} {
		if err := os.Mkdir(filepath.Join(c.root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// volume returns an empty volume that belongs to a user.
func volume(t *testing.T, user int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := errors.Join(os.Chmod(dir, 0o750), os.Chown(dir, user, user)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// command returns the container's command with a volume, as an engine runs it: with a
// root that cannot be written, as the image's user without groups and capabilities, with
// the image's environment alone, as process 1.
func (c container) command(ctx context.Context, volume string, environ []string, args ...string) *exec.Cmd {
	const setUp = `set -e
mount --bind "$1" "$1"
mount --bind "$2" "$1/` + statePath + `"
mount -o remount,ro,bind "$1"
root=$1
shift 2
exec /usr/sbin/chroot --userspec=65532:65532 --groups= "$root" "$@"`
	args = append(slices.Clone(c.run.Entrypoint), args...)
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", setUp, "sh", c.root, volume}, args...)...)
	cmd.Env = append(slices.Clone(c.run.Env), environ...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Setsid: true}
	return cmd
}

// needContainer skips a test where no container can be made.
func needContainer(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out the real MTAs")
	}
	missing := realmta.MissingPostfix()
	if len(missing) == 0 {
		return
	}
	text := "the image's root behind a real Postfix needs " + strings.Join(missing, ", ") + "; " + realmta.HowToInstall
	if os.Getenv("POSTVET_REQUIRE_MTA") != "" {
		t.Fatal("POSTVET_REQUIRE_MTA is set: " + text)
	}
	t.Skip("skipped: " + text)
}

// TestContainer runs the unpacked image behind a real Postfix, and with the mistakes that
// people make. One image serves all of it, since it costs 5 seconds of CPU time to link.
func TestContainer(t *testing.T) {
	t.Parallel()
	needContainer(t)
	c := unpack(t)
	t.Run("serves", c.serves)
	t.Run("mistakes", c.mistakes)
	t.Run("without DNS", c.withoutDNS)
}

// start starts the service and returns it with its log.
func (c container) start(t *testing.T, volume string, environ ...string) (*child.Process, *child.Lines) {
	t.Helper()
	cmd, log := c.command(context.Background(), volume, environ, c.run.Cmd...), &child.Lines{}
	cmd.Stderr = log
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the log:\n%s", strings.Join(log.All(), "\n"))
		}
	})
	if _, err := log.Await(patience, p.Done(), func(line string) bool { return strings.Contains(line, `"msg":"serving"`) }); err != nil {
		t.Fatal(err)
	}
	return p, log
}

// ask runs a command of the container and returns its exit code and what it printed.
func (c container) ask(t *testing.T, volume string, environ []string, args ...string) (code int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	text, err := c.command(ctx, volume, environ, args...).CombinedOutput()
	var e *exec.ExitError
	if err != nil && !errors.As(err, &e) || ctx.Err() != nil {
		t.Fatalf("%q: %v", args, errors.Join(err, ctx.Err()))
	}
	if e != nil {
		code = e.ExitCode()
	}
	return code, string(text)
}

func (c container) serves(t *testing.T) {
	zone, err := realmta.NewZone()
	if err != nil {
		t.Fatal(err)
	}
	dns, err := dnstest.NewServer(zone.Text())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	postfix, err := realmta.StartPostfix(t.Context(), realmta.Options{Milter: "inet"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := postfix.Stop(); err != nil {
			t.Error(err)
		}
	})
	state := volume(t, owner)
	users := filepath.Join(state, "web.users")
	if err := errors.Join(os.WriteFile(users, []byte("ann:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy:admin\n"), 0o640), os.Chown(users, 0, owner)); err != nil {
		t.Fatal(err)
	}
	environ := []string{
		"POSTVET_WEB_LISTEN=unix:/" + statePath + "/web.sock", "POSTVET_WEB_USERS_FILE=/" + statePath + "/web.users", "POSTVET_WEB_PROXY=unix",
		"POSTVET_AUTHSERV_ID=mx.container.example", "POSTVET_DNS_RESOLVERS=" + dns.Addr(), "POSTVET_LISTEN=" + postfix.MilterListen(), "POSTVET_EXEMPT_ADDRESSES=" + realmta.Exempted, "TZ=Pacific/Chatham",
	}

	began := time.Now()
	p, log := c.start(t, state, environ...)
	reply := send(t, postfix, realmta.Stranger, "x@"+realmta.Bank, "first")
	if took := time.Since(began); reply.Code != 550 || took > 20*time.Second { // 1 s on a machine that does nothing else
		t.Errorf("a forgery got %v after %v", reply, took)
	} else {
		t.Logf("the first verdict came %v after the start", took.Round(time.Millisecond))
	}
	if reply := send(t, postfix, realmta.GoodClient, "x@"+realmta.Good, "second"); reply.Code != 250 {
		t.Errorf("a genuine message got %v", reply)
	}
	arrived, err := realmta.Await(t.Context(), postfix, "second@"+realmta.Domain, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(arrived[0].Message); !strings.Contains(got, "Authentication-Results: mx.container.example;") || !strings.Contains(got, "dmarc=pass") {
		t.Errorf("no results in\n%s", got)
	}
	webPage(t, filepath.Join(state, "web.sock"))
	// The health check and other commands find the service as the image's user.
	if code, out := c.ask(t, state, environ, c.run.Healthcheck.Test[2:]...); code != 0 || out != "ready\n" {
		t.Errorf("the health check: %d %q", code, out)
	}
	if code, out := c.ask(t, state, environ, "history", "--color", "never"); code != 0 || !strings.Contains(out, realmta.Bank) {
		t.Errorf("history: %d %q", code, out)
	}
	// The database of time zones is found: no other place is 12:45 or 13:45 ahead.
	lines := log.All()
	if i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, `"msg":"serving"`) }); !strings.Contains(lines[i], `:45","msg"`) {
		t.Errorf("the time zone is not in %s", lines[i])
	}
	// As process 1 it has no default action for SIGTERM: it must handle it.
	if err := p.Stop(patience); err != nil {
		t.Error(err)
	}
	if code, out := c.ask(t, state, environ, c.run.Healthcheck.Test[2:]...); code != 3 || !strings.Contains(out, "no service at /"+statePath+"/control.sock") {
		t.Errorf("the health check without a service: %d %q", code, out)
	}
	// Its files are those of the next one, which starts over what a kill left.
	p, _ = c.start(t, state, environ...)
	p.Kill()
	p, _ = c.start(t, state, environ...)
	if code, out := c.ask(t, state, environ, "history", "--color", "never"); code != 0 || !strings.Contains(out, realmta.Bank) {
		t.Errorf("history after restarts: %d %q", code, out)
	}
	if err := p.Stop(patience); err != nil {
		t.Error(err)
	}
}

// webPage asks for the web page at its socket, as a proxy does for a browser that has not
// logged in.
func webPage(t *testing.T, socket string) {
	t.Helper()
	var d net.Dialer
	client := http.Client{
		Transport:     &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) }, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://mx.container.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/login") {
		t.Errorf("the web page: %s, to %q", resp.Status, to)
	}
}

// send sends a message from a client and returns the reply.
func send(t *testing.T, m realmta.MTA, client, author, to string) realmta.Reply {
	t.Helper()
	to += "@" + realmta.Domain
	text := fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: a test\r\nDate: %s\r\nMessage-ID: <1@%s>\r\n\r\nHello\r\n", author, to, time.Now().Format(time.RFC1123Z), client)
	r, err := realmta.Deliver(t.Context(), m, client, author, to, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mistakes starts containers that cannot work. Each ends by itself, with one line that
// says why, so that an engine that starts it again and again shows that line.
func (c container) mistakes(t *testing.T) {
	listen := "POSTVET_LISTEN=inet:127.0.0.1:0"
	own, foreign := volume(t, owner), volume(t, 0)
	for name, tc := range map[string]struct {
		volume  string
		environ []string
		args    []string
		code    int
		want    string
	}{
		"a volume that cannot be written": {foreign, []string{listen}, c.run.Cmd, 3, "postvet: control.socket: "},
		"no configuration":                {own, []string{listen}, []string{"serve", "--config", "/etc/postvet/absent.toml"}, 3, "postvet: /etc/postvet/absent.toml: no such file or directory; "},
		"a folder as configuration":       {own, []string{listen}, []string{"serve", "--config", "/etc/postvet"}, 3, "postvet: /etc/postvet: is a directory; "},
		"an unknown variable":             {own, []string{listen, "POSTVET_AUTHSERVID=mx.example.org"}, c.run.Cmd, 2, "postvet: POSTVET_AUTHSERVID: unknown variable; did you mean POSTVET_AUTHSERV_ID?"},
		"a wrong variable":                {own, []string{listen, "POSTVET_MODE=off"}, c.run.Cmd, 2, `postvet: POSTVET_MODE: "off" is not known; write "enforce" or "monitor"`},
		"an address that is none":         {own, []string{"POSTVET_LISTEN=inet:127.0.0.1:25x"}, c.run.Cmd, 2, "postvet: POSTVET_LISTEN: "},
	} {
		began := time.Now()
		code, out := c.ask(t, tc.volume, tc.environ, tc.args...)
		last := out[strings.LastIndex(strings.TrimSuffix(out, "\n"), "\n")+1:]
		if code != tc.code || !strings.HasPrefix(last, tc.want) || time.Since(began) > 30*time.Second {
			t.Errorf("%s: exit code %d after %v, want %d\n%s", name, code, time.Since(began), tc.code, out)
		}
	}
}

// withoutDNS starts a container without a resolv.conf and without a resolver, on an
// address that nobody outside reaches. It runs, and says what is wrong.
func (c container) withoutDNS(t *testing.T) {
	state := volume(t, owner)
	p, log := c.start(t, state, "POSTVET_AUTHSERV_ID=mx.container.example", "POSTVET_LISTEN=inet:127.0.0.1:0")
	for _, want := range []string{"there is no /etc/resolv.conf", "nothing outside this container reaches"} {
		if _, err := log.Await(patience, p.Done(), func(line string) bool { return strings.Contains(line, want) }); err != nil {
			t.Errorf("%q: %v", want, err)
		}
	}
	if code, out := c.ask(t, state, nil, "status"); code != 0 || !strings.Contains(out, "127.0.0.1:53") {
		t.Errorf("status: %d\n%s", code, out)
	}
	if err := p.Stop(patience); err != nil {
		t.Error(err)
	}
	// An engine without a network gives it an empty one.
	if err := os.WriteFile(filepath.Join(c.root, "etc/resolv.conf"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p, log = c.start(t, state, "POSTVET_AUTHSERV_ID=mx.container.example", "POSTVET_LISTEN=inet:127.0.0.1:0")
	if _, err := log.Await(patience, p.Done(), func(line string) bool {
		return strings.Contains(line, "/etc/resolv.conf names no resolver")
	}); err != nil {
		t.Error(err)
	}
	if err := p.Stop(patience); err != nil {
		t.Error(err)
	}
}
