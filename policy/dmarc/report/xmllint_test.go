package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lint returns which of the documents xmllint finds valid by the schema of RFC 9990.
// POSTVET_REQUIRE_XMLLINT=1 makes it an error if xmllint is not installed.
func lint(t *testing.T, documents []string) []bool {
	t.Helper()
	if testing.Short() {
		t.Skip("needs xmllint; -short leaves it out")
	}
	program, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("POSTVET_REQUIRE_XMLLINT") == "1" {
			t.Fatal("xmllint is not installed, and POSTVET_REQUIRE_XMLLINT=1; run make xmllint")
		}
		t.Skip("xmllint is not installed; run make xmllint")
	}
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", filepath.Join("testdata", "dmarc-2.0.xsd")}
	var names []string
	for i, d := range documents {
		name := filepath.Join(dir, fmt.Sprintf("%d.xml", i))
		if err := os.WriteFile(name, []byte(d), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	out, err := exec.CommandContext(t.Context(), program, append(args, names...)...).CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	valid := make([]bool, len(documents))
	for i, name := range names {
		valid[i] = bytes.Contains(out, []byte(name+" validates\n"))
		if !valid[i] && !strings.Contains(string(out), name) {
			t.Fatalf("xmllint says nothing about %s: %s", name, out)
		}
	}
	return valid
}
