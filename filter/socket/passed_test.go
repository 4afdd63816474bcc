package socket

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPassed runs itself again with two sockets as systemd would pass them.
func TestPassed(t *testing.T) {
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
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, os.Args[0], "-test.run=^TestPassed$", "-test.v")
	cmd.Env = append(os.Environ(), "POSTVET_TEST_PASSED="+path, "LISTEN_FDS=2", "LISTEN_FDNAMES=postvet:other")
	cmd.ExtraFiles = files
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestPassed") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("systemd's file was removed: %v", err)
	}
}

func passedChild(t *testing.T) {
	path := os.Getenv("POSTVET_TEST_PASSED")
	if _, err := Listen("systemd:missing", Options{}); err == nil || !strings.Contains(err.Error(), "only postvet, other") {
		t.Error(err)
	}
	for addr, want := range map[string]string{"systemd:postvet": path, "fd:4": path + "2"} {
		l, err := Listen(addr, Options{})
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
