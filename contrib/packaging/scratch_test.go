//go:build linux

package packaging_test

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// scratch unpacks a Debian without Postvet and without Postfix.
func scratch(t *testing.T) string {
	t.Helper()
	if os.Getenv("POSTVET_PACKAGE_TEST") == "" {
		t.Skip("skipped: POSTVET_PACKAGE_TEST is not set; run make package-test")
	}
	if os.Geteuid() != 0 {
		t.Fatal("POSTVET_PACKAGE_TEST is set, but this is not root")
	}
	tools(t, "debootstrap", "chroot", "tar")
	dir := t.TempDir()
	output(t, "./scratch.sh", dir)
	return dir
}

// TestScratchFails has a step of scratch.sh fail. Nothing may be kept for the
// next time.
func TestScratchFails(t *testing.T) {
	t.Parallel()
	for _, failing := range []string{"debootstrap", "chroot", "tar"} {
		t.Run(failing, func(t *testing.T) {
			t.Parallel()
			s, cache := newStubs(t), t.TempDir()
			for name, script := range map[string]string{"debootstrap": `mkdir -p "$3/usr/sbin"`, "chroot": "", "tar": ""} {
				if name == failing {
					script += "\necho broken; exit 1"
				}
				s.write(t, name, script)
			}
			cmd := exec.CommandContext(t.Context(), "./scratch.sh", t.TempDir())
			cmd.Env = append(s.environ(), "POSTVET_SCRATCH_CACHE="+cache)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("broken")) {
				t.Errorf("scratch.sh: %v, want a failure that it tells:\n%s", err, out)
			}
			if left := listing(t, cache); len(left) != 1 { // itself
				t.Errorf("left for the next time: %v", left)
			}
		})
	}
}

// in runs a command in a root without a running system.
func in(t *testing.T, root string, argv ...string) string {
	t.Helper()
	out, err := commandIn(t, root, argv...)
	if err != nil {
		t.Fatalf("in the scratch root: %s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

// commandIn is in for a command that may fail.
func commandIn(t *testing.T, root string, argv ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "chroot", append([]string{root}, argv...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// bring copies a package into a root and returns its name there.
func bring(t *testing.T, root, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name := "/root/" + filepath.Base(file)
	if err := os.WriteFile(root+name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

const conffile = "/etc/postvet/postvet.toml"

// edit changes the configuration as an admin does.
func edit(t *testing.T, root, lines string) {
	t.Helper()
	b, err := os.ReadFile(root + conffile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+conffile, append([]byte(lines), b...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// changed returns the second version with another configuration file, as in a
// release that explains a new key.
func changed(t *testing.T, root string) string {
	t.Helper()
	name := bring(t, root, deb(t, second))
	dir := t.TempDir()
	output(t, "dpkg-deb", "-R", root+name, dir)
	f, err := os.OpenFile(dir+conffile, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("# New in this version.\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	output(t, "dpkg-deb", "--root-owner-group", "-b", dir, root+name)
	return name
}

// TestLifecycle installs, upgrades, removes and purges the package in a root
// without a running system, as in a container's image.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	root := scratch(t)
	before := listing(t, root)

	in(t, root, "dpkg", "--force-unsafe-io", "-i", bring(t, root, deb(t, first)))
	if got, want := in(t, root, "stat", "-c", "%n %U %G %a", "/var/lib/postvet", conffile, "/usr/bin/postvet"),
		"/var/lib/postvet postvet postvet 750\n"+conffile+" root root 644\n/usr/bin/postvet root root 755"; got != want {
		t.Errorf("files are\n%s\nwant\n%s", got, want)
	}
	if got := in(t, root, "getent", "passwd", "postvet"); !strings.HasSuffix(got, ":/var/lib/postvet:/usr/sbin/nologin") {
		t.Errorf("user %q", got)
	}
	if uid := in(t, root, "id", "-u", "postvet"); len(uid) > 3 {
		t.Errorf("user id %s is none of the system's", uid)
	}
	for _, unit := range []string{"multi-user.target.wants/postvet.service", "sockets.target.wants/postvet.socket", "sockets.target.wants/postvet-postfix.socket"} {
		if _, err := os.Lstat(filepath.Join(root, "etc/systemd/system", unit)); err != nil {
			t.Errorf("not enabled: %v", err)
		}
	}
	// A change of the user would undo the setting of child.Start.
	as := []string{"setpriv", "--pdeathsig=keep", "--reuid=postvet", "--regid=postvet", "--init-groups"}
	in(t, root, append(as, "postvet", "config", "check", conffile)...)
	serves(t, root, as)

	edit(t, root, "authserv_id = \"mx.test.example\"\n")
	in(t, root, "dpkg", "--force-unsafe-io", "--force-confold", "-i", changed(t, root))
	if got := in(t, root, "postvet", "version"); !strings.HasPrefix(got, "postvet 1.1.0-1 ") {
		t.Errorf("after the upgrade: %s", got)
	}
	if got := in(t, root, "cat", conffile); !strings.HasPrefix(got, "authserv_id = \"mx.test.example\"\n") || strings.Contains(got, "New in this version") {
		t.Errorf("the admin's file after the upgrade:\n%s", got)
	}
	if got := in(t, root, "cat", conffile+".dpkg-dist"); !strings.Contains(got, "New in this version") {
		t.Errorf("the new file beside it:\n%s", got)
	}

	in(t, root, "dpkg", "-r", "postvet")
	if got := in(t, root, "head", "-1", conffile); got != "authserv_id = \"mx.test.example\"" {
		t.Errorf("removal has not kept the configuration: %q", got)
	}
	in(t, root, "getent", "passwd", "postvet")
	if _, err := os.Stat(root + "/var/lib/postvet"); err != nil {
		t.Errorf("removal has not kept the state: %v", err)
	}
	if _, err := os.Lstat(root + "/usr/bin/postvet"); err == nil {
		t.Error("removal has kept the binary")
	}

	in(t, root, "dpkg", "-P", "postvet")
	for name := range listing(t, root) {
		// useradd keeps a copy of the old list of users, and dpkg its log.
		known := strings.HasPrefix(name, "/root/") || strings.HasSuffix(name, "-") || strings.HasSuffix(name, "-old") || strings.HasPrefix(name, "/var/log/")
		if !before[name] && !known {
			t.Errorf("the purge has left %s", name)
		}
	}
	for _, file := range []string{"passwd", "group", "shadow"} {
		if b, err := os.ReadFile(root + "/etc/" + file); err != nil || bytes.Contains(b, []byte("postvet")) {
			t.Errorf("the purge has left the user in %s (%v)", file, err)
		}
	}

	// A second time: the first one has left nothing in the way.
	in(t, root, "dpkg", "--force-unsafe-io", "-i", bring(t, root, deb(t, first)))
	if _, err := os.Lstat(root + "/etc/systemd/system/multi-user.target.wants/postvet.service"); err != nil {
		t.Errorf("installed again, but not enabled: %v", err)
	}
	in(t, root, "dpkg", "-P", "postvet")
}

// listing returns the names of all files.
func listing(t *testing.T, root string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		names[strings.TrimPrefix(p, root)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// serves starts the service by hand as the package's user and negotiates with
// it.
func serves(t *testing.T, root string, as []string) {
	t.Helper()
	const socket = "/var/lib/postvet/test.sock"
	argv := append(append([]string{root}, as...), "postvet", "serve", "--config", conffile, "--listen", "unix:"+socket)
	cmd := exec.Command("chroot", argv...)
	var log child.Lines
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &log, &log, 10*time.Second // what it leaves may hold the log open
	p, err := child.Start(cmd, syscall.SIGTERM)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		err := p.Stop(patience)
		if code := p.ExitCode(); err != nil || code != 0 {
			t.Errorf("postvet as the package's user: exit code %d, %v\n%s", code, err, strings.Join(log.All(), "\n"))
		}
	}()
	var conn net.Conn
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if conn, err = net.Dial("unix", root+socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("no service: %v", err)
			return
		}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	// SMFIC_OPTNEG, version 6, all actions and protocol steps.
	if _, err := conn.Write([]byte("\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")); err != nil {
		t.Error(err)
		return
	}
	reply := make([]byte, 5)
	if _, err := conn.Read(reply); err != nil || reply[4] != 'O' {
		t.Errorf("negotiation answered with %q %v", reply, err)
	}
}
