//go:build linux

package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// scripted runs one of the scripts of rpm or apk with stubs of all that it calls. dir
// stands for the folders of the system that it looks for.
func (s stubs) scripted(t *testing.T, dir, script string, args ...string) []string {
	t.Helper()
	b, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("/run/systemd/system", dir+"/systemd", "/var/spool/postfix", dir+"/postfix").Replace(string(b))
	calls, ok := s.run(t, text, args...)
	if !ok {
		t.Errorf("%s fails", script)
	}
	for i, call := range calls {
		calls[i] = strings.ReplaceAll(call, dir, "DIR")
	}
	return calls
}

// TestRPMScripts runs the scripts with stubs. TestRPMLifecycle and TestRPMBooted have rpm
// and systemd run them.
func TestRPMScripts(t *testing.T) {
	t.Parallel()
	s := newStubs(t, "systemctl", "systemd-sysusers", "systemd-tmpfiles", "postvet", "rm", "rmdir")
	dir := t.TempDir()
	const units = "postvet.service postvet.socket postvet-postfix.socket"

	want(t, "first version, no systemd runs", s.scripted(t, dir, "rpm/post", "1"),
		"systemd-sysusers postvet.conf", "systemd-tmpfiles --create postvet.conf", "systemctl --no-reload preset "+units)
	want(t, "no systemd runs", s.scripted(t, dir, "rpm/posttrans", "1"), "")
	want(t, "removal, no systemd runs", s.scripted(t, dir, "rpm/postun", "0"), "rm -rf /run/postvet")
	for _, d := range []string{"systemd", "postfix/postvet"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "second version", s.scripted(t, dir, "rpm/post", "2"),
		"systemd-sysusers postvet.conf", "systemd-tmpfiles --create postvet.conf", "systemctl daemon-reload")
	want(t, "first version goes", s.scripted(t, dir, "rpm/preun", "1"), "")
	want(t, "first version gone", s.scripted(t, dir, "rpm/postun", "1"), "systemctl daemon-reload")
	want(t, "end of the upgrade", s.scripted(t, dir, "rpm/posttrans", "1"), "systemctl --quiet is-active postvet.service",
		"postvet config check /etc/postvet/postvet.toml", "systemctl try-restart postvet.service")
	s.fail(t, "postvet", true)
	want(t, "end of the upgrade, wrong configuration", s.scripted(t, dir, "rpm/posttrans", "1"),
		"systemctl --quiet is-active postvet.service", "postvet config check /etc/postvet/postvet.toml")
	s.fail(t, "systemctl", true)
	want(t, "end of the upgrade, service stopped", s.scripted(t, dir, "rpm/posttrans", "1"), "systemctl --quiet is-active postvet.service")
	want(t, "removal, systemctl fails", s.scripted(t, dir, "rpm/preun", "0"), "systemctl --no-reload disable --now postvet.socket",
		"systemctl --no-reload disable --now postvet-postfix.socket", "systemctl --no-reload disable --now postvet.service")
	want(t, "removed", s.scripted(t, dir, "rpm/postun", "0"), "systemctl daemon-reload", "rm -rf /run/postvet",
		"rm -f DIR/postfix/postvet/postvet.sock", "rmdir --ignore-fail-on-non-empty DIR/postfix/postvet")
}

// otherPackages returns the rpm and the apk of a version.
func otherPackages(t *testing.T, version string) (rpm, apk string) {
	t.Helper()
	if os.Getenv("POSTVET_PACKAGE_TEST") == "" {
		t.Skip("skipped: POSTVET_PACKAGE_TEST is not set; run make package-test")
	}
	files, err := built.rpmAndApk[version]()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 {
		t.Fatalf("packages %q", files)
	}
	return files[0], files[1]
}

func TestRPMContent(t *testing.T) {
	t.Parallel()
	file, _ := otherPackages(t, first)
	tools(t, "rpm", "rpmlint")
	if got := filepath.Base(file); !strings.HasPrefix(got, "postvet-1.0.0-1.") {
		t.Errorf("file %s", got)
	}
	modes := map[string]string{}
	for line := range strings.Lines(output(t, "rpm", "-qplv", file)) {
		f := strings.Fields(line)
		if f[2] != "root" || f[3] != "root" {
			t.Errorf("not root's: %s", line)
		}
		modes[f[len(f)-1]] = f[0]
	}
	for name, mode := range map[string]string{
		"/usr/bin/postvet": "-rwxr-xr-x", "/etc/postvet": "drwxr-xr-x", "/etc/postvet/postvet.toml": "-rw-r--r--",
		"/usr/lib/systemd/system/postvet.service": "-rw-r--r--", "/usr/lib/systemd/system/postvet.socket": "-rw-r--r--",
		"/usr/lib/systemd/system/postvet-postfix.socket": "-rw-r--r--",
		"/usr/lib/sysusers.d/postvet.conf":               "-rw-r--r--", "/usr/lib/tmpfiles.d/postvet.conf": "-rw-r--r--",
		"/usr/share/man/man1/postvet.1.gz": "-rw-r--r--", "/usr/share/man/man5/postvet.toml.5.gz": "-rw-r--r--",
		"/usr/share/zsh/site-functions/_postvet": "-rw-r--r--", "/usr/share/licenses/postvet/LICENSE": "-rw-r--r--",
		"/usr/share/doc/postvet/README.rpm": "-rw-r--r--", "/usr/share/doc/postvet/third-party-licences.gz": "-rw-r--r--",
		"/usr/share/doc/postvet/examples/postfix/main.cf": "-rw-r--r--",
	} {
		if modes[name] != mode {
			t.Errorf("%s has mode %q, want %q", name, modes[name], mode)
		}
	}
	if got := output(t, "rpm", "-qp", "--requires", file); got != "systemd >= 239\n" {
		t.Errorf("it requires %q", got)
	}
	if got := output(t, "rpm", "-qpc", file); got != conffile+"\n" {
		t.Errorf("configuration files %q", got)
	}
	if docs := output(t, "rpm", "-qpd", file); strings.Contains(docs, "/usr/bin") || !strings.Contains(docs, "/usr/share/man/man1/postvet.1.gz\n") {
		t.Errorf("documents %q", docs)
	}
	out := rpmlint(t, file)
	if !strings.Contains(out, "0 errors, 0 warnings") {
		t.Errorf("rpmlint:\n%s", out)
	}
}

// rpmlint returns what rpmlint says. It unpacks the package by cpio, which as root writes
// absolute names, as those of our packages are, to this system itself.
func rpmlint(t *testing.T, file string) string {
	t.Helper()
	tools(t, "cpio")
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Fatal(err)
	}
	s := newStubs(t)
	s.write(t, "cpio", "exec "+cpio+` --no-absolute-filenames "$@"`)
	cmd := exec.CommandContext(t.Context(), "rpmlint", "-c", "rpm/rpmlint.toml", file)
	cmd.Env = s.environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("rpmlint: %v\n%s", err, out)
	}
	return string(out)
}

// withRPM returns a scratch Debian with rpm, whose presets enable nothing, as on
// Fedora. No packages but ours are in its list, so ours is installed without looking
// at what it requires.
func withRPM(t *testing.T) string {
	t.Helper()
	root := scratch(t)
	in(t, root, "sh", "-ec", "dpkg --force-unsafe-io -i /var/cache/rpm/*.deb >/dev/null 2>&1; rpm --initdb")
	if err := os.MkdirAll(root+"/etc/systemd/system-preset", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/etc/systemd/system-preset/00-fedora.preset", []byte("disable *\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// filesystem are folders that Fedora's package filesystem has, and Debian does not.
var filesystem = []string{"/usr/share/fish", "/usr/share/fish/vendor_completions.d", "/usr/share/licenses", "/usr/share/zsh", "/usr/share/zsh/site-functions"}

// TestRPMLifecycle has rpm install, upgrade and remove the package in a root without a
// running system.
func TestRPMLifecycle(t *testing.T) {
	t.Parallel()
	old, _ := otherPackages(t, first)
	next, _ := otherPackages(t, second)
	root := withRPM(t)
	before := listing(t, root)
	wanted := filepath.Join(root, "etc/systemd/system/multi-user.target.wants/postvet.service")

	if out, err := commandIn(t, root, "rpm", "-i", bring(t, root, old)); err == nil || !strings.Contains(out, "systemd >= 239 is needed") {
		t.Errorf("without a systemd that is new enough rpm says %v, %s", err, out)
	}
	in(t, root, "rpm", "--nodeps", "-i", bring(t, root, old))
	if got := in(t, root, "getent", "passwd", "postvet"); !strings.HasSuffix(got, ":/var/lib/postvet:/usr/sbin/nologin") {
		t.Errorf("user %q", got)
	}
	if _, err := os.Lstat(wanted); err == nil {
		t.Error("the service is enabled against the presets")
	}
	in(t, root, "install", "-d", "-o", "postvet", "-g", "postvet", "/var/lib/postvet")
	serves(t, root, []string{"setpriv", "--pdeathsig=keep", "--reuid=postvet", "--regid=postvet", "--init-groups"})
	in(t, root, "systemctl", "enable", "postvet.service")

	edit(t, root, "authserv_id = \"mx.test.example\"\n")
	in(t, root, "rpm", "--nodeps", "-U", bring(t, root, next))
	if got := in(t, root, "postvet", "version"); !strings.HasPrefix(got, "postvet 1.1.0-1 ") {
		t.Errorf("after the upgrade: %s", got)
	}
	if got := in(t, root, "head", "-1", conffile); got != "authserv_id = \"mx.test.example\"" {
		t.Errorf("the admin's file after the upgrade begins with %q", got)
	}
	if _, err := os.Lstat(wanted); err != nil {
		t.Errorf("the upgrade has disabled the service: %v", err)
	}
	if out, err := commandIn(t, root, "rpm", "--nodeps", "-U", bring(t, root, old)); err == nil || !strings.Contains(out, "is already installed") {
		t.Errorf("a downgrade that nobody asked for: %v, %s", err, out)
	}

	in(t, root, "rpm", "-e", "postvet")
	if got := in(t, root, "head", "-1", conffile+".rpmsave"); got != "authserv_id = \"mx.test.example\"" {
		t.Errorf("removal has not kept the configuration: %q", got)
	}
	for name := range listing(t, root) {
		known := strings.HasPrefix(name, "/root/") || strings.HasPrefix(name, "/var/lib/rpm/") || strings.HasPrefix(name, "/var/lib/postvet") ||
			name == "/etc/postvet" || name == conffile+".rpmsave" || strings.HasPrefix(name, "/etc/") && strings.HasSuffix(name, "-") ||
			slices.Contains(filesystem, name)
		if !before[name] && !known {
			t.Errorf("removal has left %s", name)
		}
	}
}

// TestRPMBooted has rpm upgrade and remove the package under systemd, which runs it.
func TestRPMBooted(t *testing.T) {
	t.Parallel()
	old, _ := otherPackages(t, first)
	next, _ := otherPackages(t, second)
	root := withRPM(t)
	m := boot(t, root)
	m.run(t, "rpm", "--nodeps", "-i", bring(t, root, old))
	if got := m.property(t, "postvet.service", "ActiveState"); got != "inactive" {
		t.Errorf("against the presets the service is %s", got)
	}
	if got := m.run(t, "stat", "-c", "%n %U %G %a", "/var/lib/postvet", "/run/postvet"); got != "/var/lib/postvet postvet postvet 750\n/run/postvet postvet postvet 755" {
		t.Errorf("directories\n%s", got)
	}
	m.run(t, "systemctl", "enable", "--now", "postvet")
	active(t, m)
	confined(t, m)

	before := m.property(t, "postvet.service", "MainPID")
	m.run(t, "rpm", "--nodeps", "-U", bring(t, root, next))
	active(t, m)
	if m.property(t, "postvet.service", "MainPID") == before {
		t.Error("the upgrade has not restarted the service")
	}
	before = m.property(t, "postvet.service", "MainPID")
	edit(t, root, "mode = \"sometimes\"\n")
	if said := m.run(t, "rpm", "--nodeps", "-U", "--oldpackage", bring(t, root, old)); !strings.Contains(said, "the old version goes on running") {
		t.Errorf("rpm does not say that the service was not restarted:\n%s", said)
	}
	active(t, m)
	if m.property(t, "postvet.service", "MainPID") != before {
		t.Error("a bad configuration has not kept the old version running")
	}
	m.run(t, "rpm", "-e", "postvet")
	if got := m.run(t, "sh", "-c", "ls -d /run/postvet 2>/dev/null; systemctl list-units --all --plain --no-legend 'postvet*'"); got != "" {
		t.Errorf("removal has left %s", got)
	}
}
