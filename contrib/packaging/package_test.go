//go:build linux

// Package packaging_test builds the Debian package and looks into it. "make
// package-test" does so with the others too, and installs, upgrades and removes
// them: the Debian package in a scratch Debian, and in one that boots with systemd
// and Postfix; the rpm by rpm in both; the apk where POSTVET_ALPINE_ROOT names the
// archive of an Alpine root. It needs root, debootstrap and systemd-nspawn, and the
// network the first time.
package packaging_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Two versions are built, one after the other in time.
const (
	first  = "1.0.0"
	second = "1.1.0"
)

// built has the packages by version, made on first use: the Debian ones, which are
// built in "make test" too, and the others.
var built = struct {
	deb, rpmAndApk map[string]func() ([]string, error)
}{
	map[string]func() ([]string, error){}, map[string]func() ([]string, error){},
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "postvet-deb-")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, v := range []string{first, second} {
		built.deb[v] = sync.OnceValues(func() ([]string, error) { return build(filepath.Join(dir, v), v, "deb") })
		built.rpmAndApk[v] = sync.OnceValues(func() ([]string, error) { return build(filepath.Join(dir, v), v, "rpm apk") })
	}
	before := onThisSystem()
	code := m.Run()
	// Packages are installed into scratch roots, never here.
	for _, name := range onThisSystem() {
		if !slices.Contains(before, name) {
			fmt.Printf("FAIL: the tests have left %s on this system\n", name)
			code = 1
		}
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// onThisSystem returns the files of the packages that are installed where the tests run.
func onThisSystem() []string {
	var all []string
	for _, pattern := range []string{"/usr/bin/postvet", "/usr/lib/systemd/system/postvet*", "/etc/systemd/system/postvet*", "/usr/lib/sysusers.d/postvet*", "/etc/postvet/*", "/etc/init.d/postvet"} {
		files, _ := filepath.Glob(pattern) // the patterns are right
		all = append(all, files...)
	}
	return all
}

// build runs build.sh as "make deb" does, and returns the packages in the order of the
// formats.
func build(out, version, formats string) ([]string, error) {
	cmd := exec.Command("./build.sh", out)
	cmd.Env = append(os.Environ(), "FORMATS="+formats, "VERSION="+version, "RELEASE=1", "SOURCE_DATE_EPOCH=1795600574")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	names, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("build.sh: %w\n%s", err, stderr.Bytes())
	}
	return strings.Fields(string(names)), nil
}

// deb returns the package of a version.
func deb(t *testing.T, version string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out the building of packages")
	}
	tools(t, "dpkg-deb", "gzip", "git")
	files, err := built.deb[version]()
	if err != nil {
		t.Fatal(err)
	}
	return files[0]
}

// tools skips the test where a program is missing, except in "make
// package-test" and CI, where it fails.
func tools(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			if os.Getenv("POSTVET_PACKAGE_TEST") != "" {
				t.Fatalf("POSTVET_PACKAGE_TEST is set, but %s is not installed", n)
			}
			t.Skipf("skipped: %s is not installed", n)
		}
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// unpacked returns a folder with the content of the first version.
func unpacked(t *testing.T) string {
	t.Helper()
	file := deb(t, first)
	dir := t.TempDir()
	output(t, "dpkg-deb", "-x", file, dir)
	return dir
}

func TestContent(t *testing.T) {
	t.Parallel()
	file := deb(t, first)
	if want := "postvet_1.0.0-1_"; !strings.HasPrefix(filepath.Base(file), want) {
		t.Errorf("file %s, want %s...", file, want)
	}
	if got := strings.TrimSpace(output(t, "dpkg-deb", "-I", file, "conffiles")); got != "/etc/postvet/postvet.toml" {
		t.Errorf("conffiles %q", got)
	}
	if got := strings.TrimSpace(output(t, "dpkg-deb", "-f", file, "Breaks")); got != "systemd (<< 239)" {
		t.Errorf("it breaks %q", got)
	}
	modes := map[string]string{}
	for line := range strings.Lines(output(t, "dpkg-deb", "-c", file)) {
		f := strings.Fields(line)
		if f[1] != "root/root" {
			t.Errorf("not root's: %s", line)
		}
		modes[f[len(f)-1]] = f[0]
	}
	for name, mode := range map[string]string{
		"./usr/bin/postvet": "-rwxr-xr-x", "./etc/postvet/": "drwxr-xr-x", "./etc/postvet/postvet.toml": "-rw-r--r--",
		"./usr/lib/systemd/system/postvet.service":        "-rw-r--r--",
		"./usr/lib/systemd/system/postvet.socket":         "-rw-r--r--",
		"./usr/lib/systemd/system/postvet-postfix.socket": "-rw-r--r--",
		"./usr/share/man/man1/postvet.1.gz":               "-rw-r--r--",
		"./usr/share/man/man1/postvet-serve.1.gz":         "-rw-r--r--",
		"./usr/share/man/man5/postvet.toml.5.gz":          "-rw-r--r--",
		"./usr/share/man/man5/postvet-log.5.gz":           "-rw-r--r--",
		"./usr/share/doc/postvet/copyright":               "-rw-r--r--", "./usr/share/doc/postvet/changelog.Debian.gz": "-rw-r--r--",
		"./usr/share/doc/postvet/third-party-licences.gz":             "-rw-r--r--",
		"./usr/share/doc/postvet/examples/postvet.toml":               "-rw-r--r--",
		"./usr/share/doc/postvet/examples/rules.toml":                 "-rw-r--r--",
		"./usr/share/doc/postvet/examples/monitoring/alerts.yml":      "-rw-r--r--",
		"./usr/share/doc/postvet/examples/web/nginx.conf":             "-rw-r--r--",
		"./usr/share/doc/postvet/examples/web/Caddyfile":              "-rw-r--r--",
		"./usr/share/doc/postvet/examples/monitoring/dashboard.json":  "-rw-r--r--",
		"./usr/share/doc/postvet/examples/postfix/main.cf":            "-rw-r--r--",
		"./usr/share/doc/postvet/examples/postfix/master.cf":          "-rw-r--r--",
		"./usr/share/doc/postvet/examples/sendmail/submission.mc":     "-rw-r--r--",
		"./usr/share/man/man7/postvet-dns.7.gz":                       "-rw-r--r--",
		"./usr/share/man/man5/postvet-rules.5.gz":                     "-rw-r--r--",
		"./usr/share/doc/postvet/examples/sendmail/postvet.mc":        "-rw-r--r--",
		"./usr/share/doc/postvet/examples/postfix/signing/plain.txt":  "-rw-r--r--",
		"./usr/share/doc/postvet/examples/sendmail/signing/plain.txt": "-rw-r--r--",
		"./usr/share/bash-completion/completions/postvet":             "-rw-r--r--",
		"./usr/share/zsh/vendor-completions/_postvet":                 "-rw-r--r--",
		"./usr/share/fish/vendor_completions.d/postvet.fish":          "-rw-r--r--",
		"./usr/share/doc/postvet/README.Debian":                       "-rw-r--r--",
		"./usr/share/doc/postvet/changelog.gz":                        "-rw-r--r--",
		"./usr/share/lintian/overrides/postvet":                       "-rw-r--r--",
	} {
		if modes[name] != mode {
			t.Errorf("%s has mode %q, want %q", name, modes[name], mode)
		}
	}
}

// TestBinary checks that the binary needs nothing of the machine and knows its
// version.
func TestBinary(t *testing.T) {
	t.Parallel()
	file := filepath.Join(unpacked(t), "usr/bin/postvet")
	b, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, p := range b.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary is linked dynamically (%v)", p.Type)
		}
	}
	if got := output(t, file, "version"); !strings.HasPrefix(got, "postvet 1.0.0-1 ") {
		t.Errorf("version %q", got)
	}
	conffile := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(file))), "etc/postvet/postvet.toml")
	output(t, file, "config", "check", conffile)
}

// TestLicences looks up every module that is linked into the packaged binary in the
// packaged file of licences.
func TestLicences(t *testing.T) {
	t.Parallel()
	root := unpacked(t)
	text := output(t, "gzip", "-dc", filepath.Join(root, "usr/share/doc/postvet/third-party-licences.gz"))
	licences := map[string]string{}
	for part := range strings.SplitSeq(text, "\n==== ") {
		title, licence, _ := strings.Cut(part, "\n")
		licences[title] = licence
	}
	info, err := buildinfo.ReadFile(filepath.Join(root, "usr/bin/postvet"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := []string{"Go standard library " + info.GoVersion}
	for _, m := range info.Deps {
		wanted = append(wanted, m.Path+" "+m.Version)
	}
	if len(wanted) < 10 {
		t.Fatalf("only %d modules are linked: the search is broken", len(wanted))
	}
	for _, title := range wanted {
		if licence := licences[title]; !strings.Contains(licence, "\n--- LICENSE") || len(licence) < 500 {
			t.Errorf("no licence of %s: %q", title, licence)
		}
	}
}

// TestReproducible builds a second time, from a copy elsewhere and under
// another umask.
func TestReproducible(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(deb(t, first))
	if err != nil {
		t.Fatal(err)
	}
	tools(t, "cp")
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", `umask 027
git -C ../.. ls-files -z --cached --others --exclude-standard | (cd ../.. && xargs -0 cp -r --parents -t "$1")
cd "$1" && SOURCE_DATE_EPOCH=1795600574 VERSION=1.0.0 contrib/packaging/build.sh dist`, "sh", dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the same source made another package")
	}
}

// TestScripts checks the scripts that dpkg and make run as root.
func TestScripts(t *testing.T) {
	t.Parallel()
	shells := []string{"sh"}
	if _, err := exec.LookPath("dash"); err == nil {
		shells = append(shells, "dash")
	}
	for _, pattern := range []string{"../*.sh", "../*/*.sh", "deb/p[or]*", "rpm/p[or]*", "apk/*", "../openrc/postvet.initd", "../freebsd/postvet"} {
		scripts, err := filepath.Glob(pattern)
		if err != nil || len(scripts) == 0 {
			t.Errorf("no script %s: %v", pattern, err)
		}
		for _, script := range scripts {
			for _, sh := range shells {
				output(t, sh, "-n", script)
			}
		}
	}
	if bash, err := exec.LookPath("bash"); err == nil {
		output(t, bash, "-n", filepath.Join(unpacked(t), "usr/share/bash-completion/completions/postvet"))
	}
}

// TestManPages has mandoc check the pages of the real program.
func TestManPages(t *testing.T) {
	t.Parallel()
	tools(t, "mandoc")
	pages, err := filepath.Glob(filepath.Join(unpacked(t), "usr/share/man/man?/*.gz"))
	if err != nil || len(pages) < 5 {
		t.Fatalf("pages %v %v", pages, err)
	}
	for _, p := range pages {
		if out := output(t, "sh", "-c", `gzip -dc "$1" | mandoc -T lint -W style`, "sh", p); out != "" {
			t.Errorf("%s:\n%s", filepath.Base(p), out)
		}
	}
}

// TestLintian has Debian's own checker read the package. lintian-overrides has
// the remarks that concern only packages of the archive. There is no script for
// another init system by intent. In so large a binary lintian finds misspelt
// words that nobody wrote.
func TestLintian(t *testing.T) {
	t.Parallel()
	tools(t, "lintian")
	file := deb(t, first)
	out, err := exec.CommandContext(t.Context(), "lintian", "--allow-root", "--profile", "debian", "-I", "--pedantic", file).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, ": postvet: ") && !strings.Contains(line, "no-init.d-script") && !strings.Contains(line, "spelling-error-in-binary") {
			t.Errorf("lintian: %s", line)
		}
	}
	if err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// maxExposure bounds the exposure of the service by "systemd-analyze security";
// 10 is a service without any protection.
const maxExposure = 1.5

func TestUnits(t *testing.T) {
	t.Parallel()
	tools(t, "systemd-analyze")
	const dir = "../systemd/"
	out, _ := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", dir+"postvet.service").CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for postvet.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("systemd-analyze security says no figure:\n%s", out)
	}
	exposure, _ := strconv.ParseFloat(string(m[1]), 64)
	t.Logf("systemd-analyze security: exposure %.1f", exposure)
	if exposure > maxExposure {
		t.Errorf("exposure %.1f, want at most %.1f\n%s", exposure, maxExposure, out)
	}

	// "verify" looks for the programs that units name; the package has all of ours.
	root := unpacked(t)
	units := filepath.Join(root, "usr/lib/systemd/system")
	err := filepath.WalkDir(units, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(p, bytes.ReplaceAll(text, []byte("/usr/bin/postvet"), []byte(filepath.Join(root, "usr/bin/postvet"))), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(units, "*"))
	if len(files) != 3 {
		t.Fatalf("units %v", files)
	}
	said, err := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"verify", "--man=no"}, files...)...).CombinedOutput()
	// It also names other units of this machine.
	for line := range strings.Lines(string(said)) {
		if strings.Contains(line, "postvet") {
			t.Errorf("systemd-analyze verify: %s", line)
		}
	}
	if err != nil {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
}
