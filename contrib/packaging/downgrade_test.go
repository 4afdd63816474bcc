//go:build linux

package packaging_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDowngrade installs an older package over the journal of a newer one. Mail goes on by
// the policy; the older version leaves the newer files as they are, says so with the remedy,
// and the remedy of INSTALL.md brings all of it back.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	for format, p := range map[string]struct {
		root    func(t *testing.T) string
		version func(t *testing.T, version string) string
		install []string
	}{
		"deb": {scratch, deb, []string{"dpkg", "--force-unsafe-io", "-i"}},
		"rpm": {withRPM, func(t *testing.T, version string) string {
			file, _ := otherPackages(t, version)
			return file
		}, []string{"rpm", "--nodeps", "--oldpackage", "-U"}},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			root := p.root(t)
			m := boot(t, root)
			install := func(version string) string {
				return m.run(t, append(p.install, bring(t, root, p.version(t, version)))...)
			}
			dir := filepath.Join(root, "var/lib/postvet/journal")

			install(second)
			m.run(t, "systemctl", "enable", "postvet")
			besidePostfix(t, m)
			before := refusedBy(t, m)
			m.run(t, "systemctl", "stop", "postvet.socket", "postvet-postfix.socket", "postvet")
			if n := newer(t, dir, 90); n != 2 {
				t.Fatalf("%d files of the journal, want those of a day and of counts", n)
			}

			install(first)
			m.run(t, "systemctl", "start", "postvet")
			active(t, m)
			after := refusedBy(t, m)
			if r := sent(t, m, "bob@other.example"); r.Class() != 2 {
				t.Errorf("a message that nothing speaks against gets %q", r)
			}
			eventually(t, "the older version has begun files of its own", func() bool {
				aside, _ := filepath.Glob(dir + "/*.newer-1")
				return len(aside) == 2 && strings.Contains(m.run(t, "postvet", "history", "--color", "never"), after.String())
			})
			const remedy = "the file is of a newer version of Postvet; run that version again to read it, with the file moved back to its name"
			for _, command := range [][]string{{"journalctl", "-u", "postvet", "-p", "info", "-o", "cat", "--no-pager"}, {"postvet", "journal", "status"}} {
				if said := m.run(t, command...); strings.Count(said, remedy) < 2 {
					t.Errorf("%q does not tell the remedy for both files:\n%s", command, said)
				}
			}
			said, err := m.command(t.Context(), "postvet", "explain", before.String()).CombinedOutput()
			if err == nil || !strings.Contains(string(said), ".rest.db.newer-1; see \"postvet journal status\"") {
				t.Errorf("explain says of an earlier message: %v\n%s", err, said)
			}

			m.run(t, "sh", "-ec", remedyOf(t))
			newer(t, dir, -90)
			install(second)
			m.run(t, "systemctl", "start", "postvet")
			active(t, m)
			if said := m.run(t, "postvet", "explain", before.String()); !strings.Contains(said, "dmarc-reject") {
				t.Errorf("after the remedy explain says:\n%s", said)
			}
			refusedBy(t, m)
			if left, _ := filepath.Glob(dir + "/*.newer-*"); len(left) > 0 {
				t.Errorf("the remedy has left %s", left)
			}
		})
	}
}

// newer raises the version of all files of a journal that no program has open, and returns
// their number.
func newer(t *testing.T, dir string, by int) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		db, err := sql.Open("sqlite", "file:"+file)
		if err != nil {
			t.Fatal(err)
		}
		var version int
		err = db.QueryRow("PRAGMA user_version").Scan(&version)
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		change(t, file, fmt.Sprintf("PRAGMA user_version = %d", version+by))
	}
	return len(files)
}

// remedyOf returns the commands of INSTALL.md that undo a downgrade.
func remedyOf(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../release/INSTALL.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)\n## Downgrade\n.*?\n```\n(.*?)```\n").FindSubmatch(text)
	if m == nil {
		t.Fatal("INSTALL.md has no commands for a downgrade")
	}
	return string(m[1])
}
