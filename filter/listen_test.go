package filter

import (
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestParseListenAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in            string
		network, addr string
		err           string
	}{
		{"inet:127.0.0.1:8890", "tcp", "127.0.0.1:8890", ""},
		{"inet:localhost:8890", "tcp", "localhost:8890", ""},
		{"inet:[::1]:8890", "tcp", "[::1]:8890", ""},
		{"inet:8890", "tcp", "127.0.0.1:8890", ""},
		{"inet::8890", "tcp", "127.0.0.1:8890", ""},
		{"inet:*:8890", "tcp", ":8890", ""},
		{"inet:8890@127.0.0.1", "tcp", "127.0.0.1:8890", ""},
		{"inet:8890@0.0.0.0", "tcp", "0.0.0.0:8890", ""},
		{"inet:8890@[::1]", "tcp", "[::1]:8890", ""},
		{"inet6:8890@::1", "tcp6", "[::1]:8890", ""},
		{"inet6:8890", "tcp6", "[::1]:8890", ""},
		{"INET:8890", "tcp", "127.0.0.1:8890", ""},
		{"127.0.0.1:8890", "tcp", "127.0.0.1:8890", ""},
		{"[::1]:8890", "tcp", "[::1]:8890", ""},
		{":8890", "tcp", "127.0.0.1:8890", ""},
		{"localhost:smtp", "tcp", "localhost:smtp", ""},
		{"unix:/run/postvet/milter.sock", "unix", "/run/postvet/milter.sock", ""},
		{"local:/run/postvet/milter.sock", "unix", "/run/postvet/milter.sock", ""},
		{"/run/postvet/milter.sock", "unix", "/run/postvet/milter.sock", ""},
		{"systemd:postvet.socket", "systemd", "postvet.socket", ""},
		{"fd:3", "fd", "3", ""},

		{"", "", "", "neither inet:host:port nor unix:/path"},
		{"8890", "", "", "neither inet:host:port nor unix:/path"},
		{"unix:postvet/milter.sock", "", "", "must be absolute (Postfix looks for a relative one below its queue directory, such as /var/spool/postfix/postvet/milter.sock)"},
		{"unix:/" + strings.Repeat("x", 107), "", "", "108 octets"},
		{"unix:/run/", "", "", "names no file"},
		{"unix:", "", "", "must be absolute"},
		{"inet:", "", "", `"" is not a port`},
		{"inet:localhost", "", "", `"localhost" is not a port`},
		{"inet:localhost:70000", "", "", "not between"},
		{"inet:-1@localhost", "", "", "not between"},
		{"inet:::1:8890", "", "", "needs brackets: [::1]:8890"},
		{"inet:8890@a@b", "", "", "malformed host"},
		{"inet:a b:8890", "", "", "malformed host"},
		{"smtp:no", "", "", `"no" is not a port`},
		{"systemd:", "", "", "FileDescriptorName="},
		{"fd:2", "", "", "first one is 3"},
		{"fd:x", "", "", "not the number"},
	}
	for _, tt := range tests {
		a, err := ParseListenAddress(tt.in)
		switch {
		case tt.err == "" && (err != nil || a != ListenAddress{tt.network, tt.addr}):
			t.Errorf("%q: %+v, %v", tt.in, a, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), strconv.Quote(tt.in))):
			t.Errorf("%q: %v", tt.in, err)
		}
		if tt.err == "" && tt.addr[0] != ':' {
			if b, err := ParseListenAddress(a.String()); err != nil || b != a {
				t.Errorf("%q: String %q is %+v, %v", tt.in, a, b, err)
			}
		}
	}
}

func FuzzParseListenAddress(f *testing.F) {
	for _, s := range []string{"inet:8890@[::1]", "unix:/x", "[]:1", "inet6:@", "fd:3", "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseListenAddress(s)
		if (err == nil) != (a.Network != "" && a.Address != "") {
			t.Fatalf("%q: %+v %v", s, a, err)
		}
	})
}

func TestListenUnix(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	l, err := Listen("local:"+path, ListenOptions{Mode: 0o600, Group: strconv.Itoa(os.Getgid())})
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Lstat(path)
	if err != nil || fi.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
	// A second instance is told so, and does no harm to the first.
	_, err = Listen("unix:"+path, ListenOptions{})
	if err == nil || !strings.Contains(err.Error(), "another process already serves "+path) {
		t.Errorf("second instance: %v", err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the first instance was harmed: %v", err)
	} else {
		c.Close()
	}
	l.Close()
	l.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

func TestListenUnixModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mode, want fs.FileMode }{{0, 0o660}, {0o666, 0o666}, {0o777, 0o777}} {
		path := filepath.Join(shortDir(t), "s")
		l, err := Listen(path, ListenOptions{Mode: tt.mode})
		if err != nil {
			t.Fatal(err)
		}
		if fi, _ := os.Lstat(path); fi.Mode().Perm() != tt.want {
			t.Errorf("%o: %o", tt.mode, fi.Mode().Perm())
		}
		l.Close()
	}
}

// What a killed process left behind is replaced; another's file is not removed.
func TestListenStale(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	first, err := Listen("unix:"+path, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	second, err := Listen("unix:"+path, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the second one's file is gone: %v", err)
	}
	second.Close()
}

func TestListenErrors(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name, addr string
		opt        ListenOptions
		want       string
	}{
		{"no directory", "unix:" + dir + "/no/s", ListenOptions{}, "directory " + dir + "/no does not exist: create it with install -d"},
		{"directory is a file", "unix:" + file + "/s", ListenOptions{}, file},
		{"not a socket", "unix:" + file, ListenOptions{}, "is not a socket: move it away"},
		{"no such group", "unix:" + dir + "/s", ListenOptions{Group: "no-such-group"}, `group "no-such-group" does not exist`},
		{"port in use", "inet:" + taken.Addr().String(), ListenOptions{}, "port in use: stop the other program"},
		{"foreign address", "inet:192.0.2.1:0", ListenOptions{}, "does not have that address"},
		{"bad notation", "nonsense", ListenOptions{}, "neither inet:host:port"},
		{"no passed socket", "systemd:postvet", ListenOptions{}, "systemd passed no socket"},
		{"no such descriptor", "fd:1000", ListenOptions{}, "descriptor 1000 is not a socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := Listen(tt.addr, tt.opt)
			if err == nil {
				l.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.addr) || strings.Contains(err.Error(), "\n") {
				t.Error(err)
			}
		})
	}
	if _, err := os.Lstat(filepath.Join(dir, "s")); err == nil {
		t.Error("a socket was left behind")
	}
	if os.Getuid() != 0 {
		os.Chmod(dir, 0o500)
		if _, err := Listen("unix:"+dir+"/s", ListenOptions{}); err == nil || !strings.Contains(err.Error(), "permission denied: user") {
			t.Error(err)
		}
		os.Chmod(dir, 0o700)
	}
}

// TestPassedSockets runs itself again with two sockets as systemd would pass them.
func TestPassedSockets(t *testing.T) {
	if os.Getenv("POSTVET_TEST_PASSED") != "" {
		passedChild(t)
		return
	}
	path := filepath.Join(shortDir(t), "s")
	var files []*os.File
	for _, a := range []*net.UnixAddr{{Name: path, Net: "unix"}, {Name: path + "2", Net: "unix"}} {
		l, err := net.ListenUnix("unix", a)
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		defer l.Close()
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, os.Args[0], "-test.run=^TestPassedSockets$", "-test.v")
	cmd.Env = append(os.Environ(), "POSTVET_TEST_PASSED="+path, "LISTEN_FDS=2", "LISTEN_FDNAMES=postvet:other")
	cmd.ExtraFiles = files
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestPassedSockets") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("systemd's file was removed: %v", err)
	}
}

func passedChild(t *testing.T) {
	path := os.Getenv("POSTVET_TEST_PASSED")
	if _, err := Listen("systemd:missing", ListenOptions{}); err == nil || !strings.Contains(err.Error(), "only postvet, other") {
		t.Error(err)
	}
	for addr, want := range map[string]string{"systemd:postvet": path, "fd:4": path + "2"} {
		l, err := Listen(addr, ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if l.Addr().String() != want {
			t.Errorf("%s listens on %s", addr, l.Addr())
		}
		c, err := net.Dial("unix", want)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if a, err := l.Accept(); err != nil {
			t.Error(err)
		} else {
			a.Close()
		}
		l.Close()
	}
}

func TestPassing(t *testing.T) {
	t.Parallel()
	if !passing(&net.OpError{Err: os.NewSyscallError("accept", syscall.EMFILE)}) || passing(net.ErrClosed) {
		t.Error("which errors of Accept pass")
	}
}
