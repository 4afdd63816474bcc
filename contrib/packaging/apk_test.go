//go:build linux

package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAPKScripts runs the scripts with stubs. TestAlpine has apk run them.
func TestAPKScripts(t *testing.T) {
	t.Parallel()
	s := newStubs(t, "addgroup", "adduser", "mkdir", "chown", "chmod", "rc-service", "rc-update", "rm")
	dir := t.TempDir()
	user := []string{
		"addgroup -S postvet",
		"adduser -S -D -H -h /var/lib/postvet -s /sbin/nologin -G postvet -g Postvet mail filter postvet",
	}
	want(t, "pre-install", s.scripted(t, dir, "apk/pre-install", "1.0.0-r1"), user...)
	// adduser and addgroup fail if the user is there.
	s.fail(t, "addgroup", true)
	s.fail(t, "adduser", true)
	want(t, "pre-upgrade", s.scripted(t, dir, "apk/pre-install", "1.1.0-r1", "1.0.0-r1"), user...)
	want(t, "post-install", s.scripted(t, dir, "apk/post-install", "1.0.0-r1"),
		"mkdir -p /var/lib/postvet", "chown postvet:postvet /var/lib/postvet", "chmod 0750 /var/lib/postvet")
	want(t, "post-upgrade", s.scripted(t, dir, "apk/post-upgrade", "1.1.0-r1", "1.0.0-r1"), "rc-service --quiet postvet status")
	s.fail(t, "rc-update", true) // it was not enabled
	want(t, "pre-deinstall", s.scripted(t, dir, "apk/pre-deinstall", "1.0.0-r1"),
		"rc-service --quiet --ifstarted postvet stop", "rc-update --quiet delete postvet")
	want(t, "post-deinstall", s.scripted(t, dir, "apk/post-deinstall", "1.0.0-r1"), "rm -rf /run/postvet")
}

// TestVersions has a version in the notation of each format.
func TestVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ version, deb, apk string }{
		{"1.2.3", "1.2.3", "1.2.3"},
		{"1.2.3-rc.1", "1.2.3~rc.1", "1.2.3_rc1"},
		{"1.2.3+4.gabcdef012345", "1.2.3+4.gabcdef012345", "1.2.3_git4"},
		{"1.2.3-rc.1+4.gabcdef012345+changed", "1.2.3~rc.1+4.gabcdef012345+changed", "1.2.3_rc1_git4"},
		{"0.0.0~git202611291510.eeb5487+changed", "0.0.0~git202611291510.eeb5487+changed", "0.0.0_pre202611291510"},
		{"0.0.0~unknown", "0.0.0~unknown", "0.0.0_pre"},
		{"v1.2.3", "", ""},
		{"1.2.3 4", "", ""},
		{"1.2.3-4", "", ""},
		{"1.2.3/../4", "", ""},
		{"1.2.3$(id)", "", ""},
		{"1.2.3~beta", "1.2.3~beta", ""},
	} {
		for format, wanted := range map[string]string{"deb": c.deb, "rpm": c.deb, "apk": c.apk} {
			out, err := exec.CommandContext(t.Context(), "./version.sh", format, c.version).Output()
			if got := strings.TrimSpace(string(out)); got != wanted || (err == nil) != (wanted != "") {
				t.Errorf("%s as %s: %q, %v; want %q", c.version, format, got, err, wanted)
			}
		}
	}
}

// TestAlpine has apk install, upgrade and remove the package in a root of Alpine, which
// has no OpenRC. POSTVET_ALPINE_ROOT names the archive of one, such as
// alpine-minirootfs-3.20.3-x86_64.tar.gz.
func TestAlpine(t *testing.T) {
	t.Parallel()
	_, old := otherPackages(t, first)
	_, next := otherPackages(t, second)
	archive := os.Getenv("POSTVET_ALPINE_ROOT")
	if archive == "" {
		t.Skip("skipped: POSTVET_ALPINE_ROOT is not set; only TestAPKScripts runs the scripts")
	}
	tools(t, "tar", "chroot")
	root := t.TempDir()
	output(t, "tar", "-C", root, "--numeric-owner", "-xf", archive)
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"etc/apk/repositories": "", "etc/resolv.conf": "nameserver 127.0.0.1\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := listing(t, root)
	apk := func(args ...string) string {
		return in(t, root, append([]string{"apk", "--no-network", "--allow-untrusted"}, args...)...)
	}

	apk("add", bring(t, root, old))
	if got := in(t, root, "stat", "-c", "%n %U %G %a", "/var/lib/postvet", conffile, "/etc/init.d/postvet"); got !=
		"/var/lib/postvet postvet postvet 750\n"+conffile+" root root 644\n/etc/init.d/postvet root root 755" {
		t.Errorf("files are\n%s", got)
	}
	in(t, root, "postvet", "config", "check", "--user", "postvet", conffile)
	if got := in(t, root, "su", "-s", "/bin/sh", "postvet", "-c", "id -un; postvet version"); !strings.HasPrefix(got, "postvet\npostvet 1.0.0-1 ") {
		t.Errorf("as the user: %q", got)
	}
	edit(t, root, "authserv_id = \"mx.test.example\"\n")
	apk("add", bring(t, root, next))
	if got := in(t, root, "postvet", "version"); !strings.HasPrefix(got, "postvet 1.1.0-1 ") {
		t.Errorf("after the upgrade: %s", got)
	}
	if got := in(t, root, "head", "-n", "1", conffile); got != "authserv_id = \"mx.test.example\"" {
		t.Errorf("the admin's file after the upgrade begins with %q", got)
	}
	for version, order := range map[string]string{"1.0.0_rc1-r1": "<", "1.0.0_pre202611291510-r1": "<", "1.0.0_git4-r1": ">", "1.1.0-r1": ">"} {
		if got := in(t, root, "apk", "version", "-t", version, "1.0.0-r1"); got != order {
			t.Errorf("apk has %s %s 1.0.0-r1, want %s", version, got, order)
		}
	}
	apk("del", "postvet")
	for name := range listing(t, root) {
		known := strings.HasPrefix(name, "/root/") || name == "/var/lib/postvet" || name == "/etc/postvet" || name == conffile || name == conffile+".apk-new" ||
			strings.HasSuffix(name, "-") || strings.HasPrefix(name, "/lib/apk/") || name == "/dev/null"
		if !before[name] && !known {
			t.Errorf("removal has left %s", name)
		}
	}
	apk("add", bring(t, root, old)) // the user is there
}
