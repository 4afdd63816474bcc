//go:build linux

// Package release_test checks when a release is refused, what its notes are, and, where
// POSTVET_RELEASE names the folder of one, what is in it. "make release-twice" names it.
package release_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// script runs a script of a tree. It returns its exit status and what it printed.
func script(t *testing.T, tree, name string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(tree, "contrib/release", name), args...)
	cmd.Env = append(os.Environ(), "SYSTEMS=", "PACKAGES=", "GO=false")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// write writes a file of a tree.
func write(t *testing.T, tree, name, text string) {
	t.Helper()
	file := filepath.Join(tree, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// tree returns a folder with the scripts alone.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"contrib/release/build.sh", "contrib/release/notes.sh", "contrib/packaging/stage.sh"} {
		b, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, string(b))
	}
	return dir
}

func TestRefused(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("skipped: git is not installed")
	}
	dir := tree(t)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=A", "-c", "user.email=a@example.org"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	want := func(version string, wanted int, words string) {
		t.Helper()
		if status, _, said := script(t, dir, "build.sh", version); status != wanted || !strings.Contains(said, words) {
			t.Errorf("VERSION %q: exit status %d, want %d with %q:\n%s", version, status, wanted, words, said)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "first")

	want("", 2, "usage: build.sh")
	for _, version := range []string{
		"v1.2.3", "1.2", "1.2.3.4", "01.2.3", "1.2.3-rc1", "1.2.3-rc.01", "1.2.3-beta.1", "1.2.3+4", "1.2.3 ", "1.2.3\n", "1.2.3\n1.2.3",
		"../1.2.3", "1.2.3;id", "$(id)", "1.2.3-1",
	} {
		want(version, 2, "is malformed")
	}
	want("1.2.3", 1, "CHANGELOG.md") // it has none: the checks have let it pass
	write(t, dir, "new.go", "package new")
	want("1.2.3", 1, "not in git; commit or remove them:\n?? new.go")
	git("add", ".")
	want("1.2.3", 1, "A  new.go")
	git("commit", "-q", "-m", "second")
	write(t, dir, "new.go", "package changed")
	want("1.2.3", 1, " M new.go")
	git("checkout", "-q", "new.go")
	git("tag", "v1.2.3", "HEAD~")
	want("1.2.3", 2, "the tag v1.2.3 is of another commit")
	want("1.2.4", 1, "CHANGELOG.md")
}

func TestNotes(t *testing.T) {
	t.Parallel()
	dir := tree(t)
	write(t, dir, "CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Three.\n\n## [1.2.3] - 2026-11-28\n\n- Two.\n\n## [1.2.30]\n\n## [1.2.2]\n\n- One.\n")
	for _, c := range []struct {
		version, notes, warning string
		status                  int
	}{
		{"1.2.3", "# Postvet 1.2.3\n\n- Two.\n", "", 0},
		{"1.2.2", "# Postvet 1.2.2\n\n- One.\n", "", 0},
		{"1.2.4-rc.1", "# Postvet 1.2.4-rc.1\n\n### Added\n\n- Three.\n", "has no section 1.2.4-rc.1", 0},
	} {
		status, notes, warning := script(t, dir, "notes.sh", c.version)
		if status != c.status || notes != c.notes || !strings.Contains(warning, c.warning) || (warning == "") != (c.warning == "") {
			t.Errorf("%s: exit status %d, notes %q, warning %q", c.version, status, notes, warning)
		}
	}
	write(t, dir, "CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [1.2.3]\n\n- Two.\n")
	if status, notes, said := script(t, dir, "notes.sh", "1.2.4"); status != 1 || notes != "" || !strings.Contains(said, "says nothing of 1.2.4") {
		t.Errorf("without notes: exit status %d, %q, %q", status, notes, said)
	}
}

// systems are the systems of a release, each with a file of its init system.
var systems = map[string]string{
	"linux-amd64": "systemd/postvet.service", "linux-arm64": "systemd/postvet.service", "linux-arm": "systemd/postvet.service",
	"linux-riscv64": "systemd/postvet.service", "freebsd-amd64": "rc.d/postvet", "freebsd-arm64": "rc.d/postvet",
}

func TestRelease(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("POSTVET_RELEASE")
	if dir == "" {
		t.Skip("skipped: POSTVET_RELEASE names no release; run make release-twice")
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", `cd "$1" && sha256sum --strict -c SHA256SUMS && [ "$(ls | wc -l)" = "$(($(wc -l <SHA256SUMS) + 1))" ]`, "sh", dir).CombinedOutput(); err != nil {
		t.Errorf("SHA256SUMS: %v\n%s", err, out)
	}
	files, err := filepath.Glob(dir + "/postvet-*-linux-amd64.tar.gz")
	if err != nil || len(files) != 1 {
		t.Fatalf("no release in %s: %v", dir, err)
	}
	version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(files[0]), "postvet-"), "-linux-amd64.tar.gz")
	imageHasBinaries(t, dir, version)
	for system, own := range systems {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			name := "postvet-" + version + "-" + system
			has := untar(t, filepath.Join(dir, name+".tar.gz"), name+"/")
			for _, file := range []string{
				"postvet", "postvet.toml", "postvet.cdx.json", "LICENSE", "third-party-licences", "CHANGELOG.md", "INSTALL.md", own,
				"man/man1/postvet.1", "man/man1/postvet-serve.1", "man/man5/postvet.toml.5", "man/man7/postvet-dns.7",
				"completions/postvet.bash", "completions/_postvet", "completions/postvet.fish", "examples/postvet.toml",
				"examples/rules.toml", "examples/postfix/main.cf", "examples/sendmail/postvet.mc", "examples/monitoring/alerts.yml", "examples/web/nginx.conf",
			} {
				if len(has[file]) == 0 {
					t.Errorf("no file %s", file)
				}
			}
			if strings.HasPrefix(system, "linux") {
				for _, file := range []string{
					"systemd/postvet.socket", "systemd/postvet-postfix.socket", "sysusers.d/postvet.conf", "tmpfiles.d/postvet.conf",
					"openrc/init.d/postvet", "openrc/conf.d/postvet",
				} {
					if len(has[file]) == 0 {
						t.Errorf("no file %s", file)
					}
				}
			}
			binary(t, dir, name, version, system, has)
		})
	}
}

// imageHasBinaries checks that the image has the binaries of the tarballs.
func imageHasBinaries(t *testing.T, dir, version string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "postvet_"+version+"_image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := map[[sha256.Size]byte]bool{}
	for blobs := tar.NewReader(f); ; {
		h, err := blobs.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(blobs)
		if err != nil {
			continue // a document, and no layer
		}
		for layer := tar.NewReader(z); ; {
			in, err := layer.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", h.Name, err)
			}
			if in.Name == "usr/bin/postvet" {
				b, err := io.ReadAll(layer)
				if err != nil {
					t.Fatal(err)
				}
				found[sha256.Sum256(b)] = true
			}
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		name := "postvet-" + version + "-linux-" + arch
		if has := untar(t, filepath.Join(dir, name+".tar.gz"), name+"/"); !found[sha256.Sum256(has["postvet"])] {
			t.Errorf("the image has another binary for %s than the tarball", arch)
		}
	}
	if len(found) != 2 {
		t.Errorf("the image has %d binaries", len(found))
	}
}

// untar returns the files of a tarball. Each must lie in one folder and be root's.
func untar(t *testing.T, file, folder string) map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	has := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return has
		}
		if err != nil {
			t.Fatal(err)
		}
		name, in := strings.CutPrefix(h.Name, folder)
		if !in || h.Uid != 0 || h.Gid != 0 || h.Mode != 0o644 && h.Mode != 0o755 {
			t.Errorf("%s: user %d, group %d, mode %o", h.Name, h.Uid, h.Gid, h.Mode)
		}
		if has[name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// binary checks the binary of a tarball, and the list of its modules.
func binary(t *testing.T, dir, name, version, system string, has map[string][]byte) {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(has["postvet"]))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if got := settings["GOOS"] + "-" + settings["GOARCH"]; got != system || settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		t.Errorf("a binary for %s: %v", got, settings)
	}
	if wd, err := os.Getwd(); err != nil || bytes.Contains(has["postvet"], []byte(filepath.Dir(filepath.Dir(wd))+"/")) {
		t.Errorf("the binary names the folder that it was built in (%v)", err)
	}
	if system == "linux-amd64" {
		file := filepath.Join(t.TempDir(), "postvet")
		if err := os.WriteFile(file, has["postvet"], 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), file, "version").CombinedOutput()
		if want := "postvet " + version + " " + info.GoVersion + " linux/amd64\n"; err != nil || string(out) != want {
			t.Errorf("version %q (%v), want %q", out, err, want)
		}
	}

	sbom, err := os.ReadFile(filepath.Join(dir, name+".cdx.json"))
	if err != nil || !bytes.Equal(sbom, has["postvet.cdx.json"]) {
		t.Fatalf("the list of modules beside the tarball is another one than inside (%v)", err)
	}
	var list struct {
		BOMFormat    string
		SerialNumber string
		Metadata     struct {
			Timestamp string
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(sbom, &list); err != nil {
		t.Fatal(err)
	}
	if list.BOMFormat != "CycloneDX" || list.SerialNumber != "" || list.Metadata.Timestamp != "" || list.Metadata.Component.Version != "v"+version {
		t.Errorf("%s %s, serial number %q, time %q", list.BOMFormat, list.Metadata.Component.Version, list.SerialNumber, list.Metadata.Timestamp)
	}
	licences := regexp.MustCompile(`(?m)^==== (\S+) (\S+)$`).FindAllStringSubmatch(string(has["third-party-licences"]), -1)
	for _, m := range info.Deps {
		if !slices.ContainsFunc(list.Components, func(c struct{ Name, Version string }) bool { return c.Name == m.Path && c.Version == m.Version }) {
			t.Errorf("the list of modules lacks %s %s", m.Path, m.Version)
		}
		if !slices.ContainsFunc(licences, func(l []string) bool { return l[1] == m.Path && l[2] == m.Version }) {
			t.Errorf("no licence of %s %s", m.Path, m.Version)
		}
	}
}
