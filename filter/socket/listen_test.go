package socket

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestListenUnix(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	l, err := Listen("local:"+path, Options{Mode: 0o600, Group: strconv.Itoa(os.Getgid())})
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Lstat(path)
	if err != nil || fi.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
	// A second instance is told so, and does no harm to the first.
	_, err = Listen("unix:"+path, Options{})
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
		l, err := Listen(path, Options{Mode: tt.mode})
		if err != nil {
			t.Fatal(err)
		}
		if fi, _ := os.Lstat(path); fi.Mode().Perm() != tt.want {
			t.Errorf("%o: %o", tt.mode, fi.Mode().Perm())
		}
		l.Close()
	}
}

// The file that a killed process left behind is replaced, and the file of another
// process is not removed.
func TestListenStale(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	first, err := Listen("unix:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	second, err := Listen("unix:"+path, Options{})
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
		opt        Options
		want       string
	}{
		{"no directory", "unix:" + dir + "/no/s", Options{}, "directory " + dir + "/no does not exist: create it with install -d"},
		{"directory is a file", "unix:" + file + "/s", Options{}, file},
		{"not a socket", "unix:" + file, Options{}, "is not a socket: move it away"},
		{"no such group", "unix:" + dir + "/s", Options{Group: "no-such-group"}, `group "no-such-group" does not exist`},
		{"port in use", "inet:" + taken.Addr().String(), Options{}, "port in use: stop the other program"},
		{"foreign address", "inet:192.0.2.1:0", Options{}, "does not have that address"},
		{"bad notation", "nonsense", Options{}, "neither inet:host:port"},
		{"no passed socket", "systemd:postvet", Options{}, "systemd passed no socket"},
		{"no such descriptor", "fd:1000", Options{}, "descriptor 1000 is not a socket"},
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
		if _, err := Listen("unix:"+dir+"/s", Options{}); err == nil || !strings.Contains(err.Error(), ": user ") || strings.Count(err.Error(), "permission denied") != 1 {
			t.Error(err)
		}
		os.Chmod(dir, 0o700)
	}
}

// shortDir returns a new directory whose name leaves room for a socket's.
func shortDir(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("", "pv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}
