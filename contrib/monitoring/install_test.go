//go:build linux

package monitoring_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstall runs install.sh, and with it contrib/apt.sh, with an apt and a
// dpkg of the test.
func TestInstall(t *testing.T) {
	t.Parallel()
	const (
		apt  = `[ "$1" != download ] || : >prometheus.deb`
		dpkg = `mkdir -p "$3/usr/bin" && : >"$3/usr/bin/prometheus"`
	)
	for _, tc := range []struct {
		name      string
		programs  map[string]string
		there     string // a file below the root
		code      int
		says      string
		want, not string // files that are there afterwards, and that are not
	}{
		{name: "fresh", says: "done", want: "root/usr/bin/prometheus"},
		{name: "foreign folder", there: "root/precious", code: 1, says: "remove it yourself", want: "root/precious", not: "root/usr"},
		{name: "empty folder", there: "root/", says: "done", want: "root/usr/bin/prometheus"},
		{name: "no root", programs: map[string]string{"id": "echo 1000"}, says: "without root", not: "root"},
		{name: "no apt", programs: map[string]string{"apt-get": ""}, says: "without root and apt", not: "root"},
		{name: "apt fails", programs: map[string]string{"apt-get": `echo "no route to the mirror"; [ "$1" = update ]`}, code: 1, says: "no route to the mirror", not: "root"},
		{name: "dpkg fails", programs: map[string]string{"dpkg": "exit 2"}, code: 1, says: "failed: dpkg", not: "root"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bin, dir := t.TempDir(), t.TempDir()
			// Nothing else is in PATH, so that this machine's Prometheus is not
			// found either.
			for _, name := range []string{"cat", "chmod", "dirname", "mkdir", "mktemp", "mv", "rm", "rmdir"} {
				file, err := exec.LookPath(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(file, filepath.Join(bin, name)); err != nil {
					t.Fatal(err)
				}
			}
			for name, script := range map[string]string{"id": "echo 0", "apt-get": apt, "dpkg": dpkg} {
				if other, ok := tc.programs[name]; ok {
					script = other
				}
				if script == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if folder, name := filepath.Split(tc.there); folder != "" {
				if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
					t.Fatal(err)
				}
				if name != "" {
					if err := os.WriteFile(filepath.Join(dir, tc.there), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			cmd := exec.CommandContext(t.Context(), "./install.sh")
			cmd.Env = []string{"PATH=" + bin, "TMPDIR=" + t.TempDir(), "POSTVET_PROMETHEUS_ROOT=" + filepath.Join(dir, "root")}
			out, err := cmd.CombinedOutput()
			if err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tc.code || !strings.Contains(string(out), tc.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", got, tc.code, tc.says, out)
			}
			if _, err := os.Lstat(filepath.Join(dir, tc.want)); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(filepath.Join(dir, tc.not)); tc.not != "" && err == nil {
				t.Errorf("%s is there", tc.not)
			}
			for _, folder := range []string{dir, strings.TrimPrefix(cmd.Env[1], "TMPDIR=")} {
				left, err := os.ReadDir(folder)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range left {
					if e.Name() != "root" {
						t.Errorf("%s is left", e.Name())
					}
				}
			}
		})
	}
}
