package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// serveOnce runs a service with a snapshot for one message. before runs in the shell
// that becomes the service.
func serveOnce(t *testing.T, shell []string, before, snapshot string) *serveProcess {
	t.Helper()
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "c"), filepath.Join(dir, "s")
	writeConfig(t, file, "authserv_id = \"mx.test.example\"\nlisten = [\"unix:"+socket+"\"]\n[dns]\nresolvers = [\""+testResolver(t)+"\"]\nsnapshot = \""+snapshot+"\"\n")
	s := &serveProcess{t: t}
	shell = append(shell, "sh", "-c", before+"exec postvet serve --config "+file)
	s.cmd = exec.Command(shell[0], shell[1:]...)
	s.start()
	s.waitLog(`"msg":"serving"`, 1)
	m := dialMTA(t, "unix", socket)
	m.connect("192.0.2.66", "evil.example")
	if _, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml"))); !strings.HasPrefix(verdict, "reply 550 ") {
		t.Errorf("a forgery got %q", verdict)
	}
	_ = m.conn.Close()
	s.signal(syscall.SIGTERM)
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	return s
}

// TestSnapshotCannotBeWritten: the service works. At its start and at its end it
// logs what is wrong and what to do.
func TestSnapshotCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := serveOnce(t, nil, "", filepath.Join(t.TempDir(), "absent/dns.snapshot"))
	if line := s.waitLog("dns answers cannot be saved at the end; mail is not affected", 1); !strings.Contains(line, "StateDirectory=postvet") {
		t.Error(line)
	}
	s.waitLog("dns answers not saved, the next start begins with an empty cache", 1)
}

// TestSnapshotDisks mounts a full file system and a read-only one.
func TestSnapshotDisks(t *testing.T) {
	t.Parallel()
	unshare := []string{"unshare", "-m"}
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v, %s", err, out)
	}
	for _, tc := range []struct{ name, options, says, early string }{
		{"full", "nr_blocks=1", "is full: make room", ""},
		{"read-only", "ro", "read-only file system", "dns answers cannot be saved at the end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			before := "mount -t tmpfs -o " + tc.options + " none " + dir + " && "
			if tc.name == "full" {
				before += "{ head -c 65536 /dev/zero >" + dir + "/ballast || true; } 2>&- && "
			}
			s := serveOnce(t, unshare, before, filepath.Join(dir, "dns.snapshot"))
			line := s.waitLog("dns answers not saved, the next start begins with an empty cache", 1)
			if !strings.Contains(line, tc.says) {
				t.Error(line)
			}
			if tc.early != "" {
				s.waitLog(tc.early, 1)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("left outside: %v, %v", left, err)
			}
		})
	}
}
