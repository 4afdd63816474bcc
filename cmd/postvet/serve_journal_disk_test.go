//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// TestJournalOnSlowDisk freezes the file system of the journal for two seconds at a time, so
// that each write takes that long: no reply waits for it, and no message is missing after.
func TestJournalOnSlowDisk(t *testing.T) {
	dir := mountImage(t)
	s, socket, _ := startControlled(t, "[journal]\ndirectory = \""+filepath.Join(dir, "journal")+"\"\nmin_free = 0\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	text := testMessage(t, "spoof.eml")
	n := 0
	// p99 returns the 99th percentile of the time of the replies that come while it goes on.
	p99 := func(d time.Duration) time.Duration {
		var took []time.Duration
		for end := time.Now().Add(d); time.Now().Before(end); n++ {
			body := m.begin("x@evil.example", text)
			_ = m.conn.SetDeadline(time.Now().Add(patience))
			began := time.Now()
			if _, verdict := m.end(body); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
				t.Fatalf("a forgery got %q", verdict)
			}
			took = append(took, time.Since(began))
			time.Sleep(time.Millisecond)
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	before := p99(2 * time.Second)
	thaw := freeze(t, dir, 2*time.Second)
	during := p99(5 * time.Second)
	for range 2 {
		if during > time.Second { // perhaps the machine stood still
			during = min(during, p99(5*time.Second))
		}
	}
	thaw()
	t.Logf("p99 of %d replies: %s, and %s on a disk that takes two seconds for a write", n, before, during)
	if during > time.Second { // a reply that waits takes about two
		t.Errorf("p99 is %s on a slow disk, and %s before", during, before)
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		state, err := asked[control.Journal](t, socket, control.Request{Do: control.DoJournalStatus})
		if err != nil {
			t.Fatal(err)
		}
		if state.Written["rest"] == int64(n) && state.Dropped["rest"] == 0 && state.Problem == "" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, want %d messages written", state, n)
		}
	}
	s.signal(unix.SIGTERM)
	s.waitExit()
}

// TestJournalOnFailingDisk loses the disk of the journal while mail flows: each write fails from
// one moment to the next. No reply is another one, and the journal works again when there
// is another disk in its place.
func TestJournalOnFailingDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the journal tries again after a minute")
	}
	dir := mountImage(t)
	s, socket, _ := startControlled(t, "[journal]\ndirectory = \""+filepath.Join(dir, "journal")+"\"\nmin_free = 0\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	text := testMessage(t, "spoof.eml")
	n := int64(0)
	refuse := func() {
		t.Helper()
		body := m.begin("x@evil.example", text)
		_ = m.conn.SetDeadline(time.Now().Add(patience))
		if _, verdict := m.end(body); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
			t.Fatalf("a forgery got %q", verdict)
		}
		n++
	}
	await := func(what string, f func(control.Journal) bool) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			state, err := asked[control.Journal](t, socket, control.Request{Do: control.DoJournalStatus})
			if err != nil {
				t.Fatal(err)
			}
			if f(state) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %+v after %d messages", what, state, n)
			}
		}
	}
	refuse()
	await("the first message", func(j control.Journal) bool { return j.Written["rest"] == n })
	shutDown(t, dir)
	for range 20 {
		refuse()
	}
	await("the fault", func(j control.Journal) bool { return j.Problem != "" })
	refuse()
	mountAnother(t, dir)
	refuse()
	await("the journal after it", func(j control.Journal) bool {
		return j.Problem == "" && j.Written["rest"]+j.Dropped["rest"] == n && j.Dropped["rest"] == 0
	})
	s.signal(unix.SIGTERM)
	s.waitExit()
}

// shutDown makes each further write to a file system fail, see EXT4_IOC_SHUTDOWN in
// linux/ext4.h.
func shutDown(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const shutdown, withoutFlush = 0x8004587d, 2
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, withoutFlush); err != nil {
		t.Skipf("the file system cannot be shut down: %v", err)
	}
}

// mountAnother mounts an empty file system in the place of another one.
func mountAnother(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "journal"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// mountImage returns a new file system that can be frozen.
func mountImage(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root mounts file systems")
	}
	dir := t.TempDir()
	image, mounted := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(mounted, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, mounted}} {
		if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no file system of its own for the journal: %q: %v: %s", argv, err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mounted, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return mounted
}

// The requests of ioctl_fsfreeze, see linux/fs.h.
const (
	fiFreeze = 0xc0045877
	fiThaw   = 0xc0045878
)

// freeze freezes a file system for a time again and again, with a moment in between in which
// one write comes through. The result ends that.
func freeze(t *testing.T, dir string, d time.Duration) (thaw func()) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(f.Fd()), fiFreeze, 0); err != nil {
		f.Close()
		t.Skipf("the file system cannot be frozen: %v", err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer f.Close()
		for {
			select {
			case <-time.After(d):
			case <-stop:
			}
			_ = unix.IoctlSetInt(int(f.Fd()), fiThaw, 0)
			select {
			case <-time.After(10 * time.Millisecond):
			case <-stop:
				return
			}
			if unix.IoctlSetInt(int(f.Fd()), fiFreeze, 0) != nil {
				return
			}
		}
	}()
	thaw = sync.OnceFunc(func() { close(stop); <-done })
	t.Cleanup(thaw)
	return thaw
}
