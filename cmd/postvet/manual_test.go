package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestManual writes the pages of the real commands: each command has its page and each
// flag its place, and mandoc, if it is installed, finds nothing wrong.
func TestManual(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out, errOut bytes.Buffer
	if code := run([]string{"manual", "--date", "2026-11-25", "--log", "../../contrib/monitoring/LOGS.md", dir}, nil, &out, &errOut); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	for _, c := range newRoot(nil).Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "postvet-"+c.Name()+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, below := range allBelow(c) {
			if !strings.Contains(string(text), "\n.SS \""+below.CommandPath()+"\"\n") {
				t.Errorf("the page of %s lacks %s", c.Name(), below.CommandPath())
			}
		}
		if c.Flags().Lookup("config") != nil && !strings.Contains(string(text), `.B "\-\-config FILE"`) {
			t.Errorf("the page of %s lacks --config", c.Name())
		}
	}
	logs, err := os.ReadFile(filepath.Join(dir, "postvet-log.5"))
	if err != nil || !strings.Contains(string(logs), "\n.B \"info: serving\"\n") {
		t.Errorf("the page of the log: %v\n%s", err, logs)
	}
	pages, _ := filepath.Glob(filepath.Join(dir, "*.[157]"))
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Log("mandoc is not installed: the pages' language is not checked")
		return
	}
	if out, err := exec.CommandContext(t.Context(), mandoc, append([]string{"-T", "lint", "-W", "style"}, pages...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// allBelow returns the subcommands of a command, and theirs.
func allBelow(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() && s.Name() != "help" {
			all = append(append(all, s), allBelow(s)...)
		}
	}
	return all
}

func TestManualRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"manual"}, exitUsage, "missing"},
		{[]string{"manual", "--date", "today", "."}, exitUsage, "is no date"},
		{[]string{"manual", "--log", "none.md", "."}, exitFailed, "name the LOGS.md"},
		{[]string{"manual", filepath.Join(t.TempDir(), "none")}, exitFailed, "existing folder"},
	} {
		var out, errOut bytes.Buffer
		if code := run(tc.args, nil, &out, &errOut); code != tc.code || !strings.Contains(errOut.String(), tc.want) {
			t.Errorf("%q: exit code %d, %q; want %d, %q", tc.args, code, errOut.String(), tc.code, tc.want)
		}
	}
}
