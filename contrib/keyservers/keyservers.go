//go:build linux

// Package keyservers starts Debian's Redis and PostgreSQL for tests of keys on servers.
// Each server lives in a directory of the test, listens on this machine alone, and ends
// with the test.
package keyservers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// howToInstall tells a person how to get what is missing.
const howToInstall = "run contrib/keyservers/install.sh as root on Debian or Ubuntu (it needs apt and the network)"

const patience = 30 * time.Second

// root is where install.sh unpacks.
func root() string {
	if dir := os.Getenv("POSTVET_KEYSERVERS_ROOT"); dir != "" {
		return dir
	}
	return "/var/cache/postvet/keyservers"
}

// find returns the path of a program; the test is skipped if there is none.
func find(t testing.TB, pattern string) string {
	t.Helper()
	for _, dir := range []string{root(), "/"} {
		if found, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	t.Skipf("%s is missing: %s", filepath.Base(pattern), howToInstall)
	return ""
}

// command returns a command that finds the libraries of the packages.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	libraries, err := filepath.Glob(filepath.Join(root(), "usr/lib/*-linux-gnu*"))
	if err == nil {
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraries, ":"), "LC_ALL=C")
	}
	return cmd
}

// Server is a running server.
type Server struct {
	// Socket is its unix socket, for PostgreSQL the directory of it. Address is where it
	// listens on this machine, "" if it does not.
	Socket, Address string
	password        string // of PostgreSQL, over the network
	process         *child.Process
	children        []int  // that hang
	again           func() // starts it with the data that it had
}

// Stop ends the server at once, with all its connections.
func (s *Server) Stop() {
	_ = s.Resume()
	_ = s.process.Signal(syscall.SIGQUIT) // fails if it has ended
	select {
	case <-s.process.Done():
	case <-time.After(patience):
		s.process.Kill()
	}
}

// Kill ends the server at once, so that it cannot do anything about its end.
func (s *Server) Kill() {
	s.process.Kill()
	_ = s.signalAll(syscall.SIGCONT) // children that go on see that it has ended, and end too
}

// Start starts PostgreSQL again that has ended, where it was and with its data.
func (s *Server) Start() { s.again() }

// Hang stops the server and its children without closing their connections, as when a network
// is cut. Go on with Resume.
func (s *Server) Hang() error {
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	var err error
	if s.children, err = childrenOf(s.process.Pid()); err != nil {
		return err
	}
	return s.signalAll(syscall.SIGSTOP)
}

// Resume has a hanging server go on.
func (s *Server) Resume() error {
	if err := s.signalAll(syscall.SIGCONT); err != nil {
		return err
	}
	s.children = nil
	return s.process.Signal(syscall.SIGCONT)
}

// signalAll signals the children that hang. One that has ended needs no signal.
func (s *Server) signalAll(signal syscall.Signal) error {
	for _, pid := range s.children {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// childrenOf returns the process ids of a process's children.
func childrenOf(pid int) (all []int, err error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range lists {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, word := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				return nil, err
			}
			all = append(all, child)
		}
	}
	return all, err
}

// start starts a program and waits until a connection to it succeeds.
func start(t testing.TB, cmd *exec.Cmd, ready func() error) *child.Process {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := ready()
		if err == nil {
			return p
		}
		if ended := p.Alive(); ended != nil || time.Now().After(end) {
			p.Kill()
			t.Fatalf("%s: %v, %v\n%s", filepath.Base(cmd.Path), err, ended, out.String())
		}
	}
}

// freePort returns a port for a server to listen on.
func freePort(t testing.TB) string {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// dial reports whether somebody listens.
func dial(network, address string) error {
	c, err := (&net.Dialer{Timeout: time.Second}).Dial(network, address)
	if err == nil {
		_ = c.Close()
	}
	return err
}

// shortDir returns a directory whose path fits into the address of a unix socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ks") //nolint:usetesting // its path is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Redis starts a Redis server with further lines of configuration.
func Redis(t testing.TB, lines ...string) *Server {
	t.Helper()
	binary := find(t, "usr/bin/redis-server")
	dir, port := shortDir(t), freePort(t)
	socket := filepath.Join(dir, "redis.sock")
	lines = append([]string{"bind 127.0.0.1", "port " + port, "unixsocket " + socket, "dir " + dir, `save ""`, "daemonize no"}, lines...)
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{Socket: socket, Address: "127.0.0.1:" + port}
	s.process = start(t, command(t.Context(), binary, file), func() error { return dial("unix", socket) })
	return s
}

// PostgreSQL starts a PostgreSQL server with the superuser postgres, whom nobody asks for
// a password on the socket and everybody over the network.
func PostgreSQL(t testing.TB, password string) *Server {
	t.Helper()
	postgres := find(t, "usr/lib/postgresql/*/bin/postgres")
	dir, port := shortDir(t), freePort(t)
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	credential := unprivileged(t, dir, secret)
	run := func(name string, args ...string) *exec.Cmd {
		cmd := command(t.Context(), name, args...)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		return cmd
	}
	initdb := run(filepath.Join(filepath.Dir(postgres), "initdb"), "-D", data, "-U", "postgres", "-E", "UTF8", "--no-sync", "-A", "scram-sha-256", "--auth-local=trust", "--pwfile="+secret)
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s := &Server{Socket: dir, Address: "127.0.0.1:" + port, password: password}
	s.again = func() {
		t.Helper()
		s.process = start(t, run(postgres, "-D", data, "-k", dir, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"), func() error {
			return run(filepath.Join(filepath.Dir(postgres), "pg_isready"), "-q", "-h", dir, "-p", port).Run()
		})
	}
	s.again()
	t.Cleanup(func() { s.Stop() }) // its children would outlive a kill for a moment
	return s
}

// unprivileged gives files to a user that is not root, as which PostgreSQL does not run,
// and returns that user; nil if we are none.
func unprivileged(t testing.TB, files ...string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skipf("PostgreSQL needs a user that is not root: %v", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Chown(f, int(uid), int(gid)); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", f, err))
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
