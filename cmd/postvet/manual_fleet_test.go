package main

import (
	"os"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
)

// TestManualRemovesNodes: postvet-journal(5) has the statements that remove a node, as the page
// /fleet has them and the tests with a real PostgreSQL run them.
func TestManualRemovesNodes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("internal/manual/fleet.go")
	if err != nil {
		t.Fatal(err)
	}
	blanks := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if want := blanks(postgres.Removal("NODE")); !strings.Contains(blanks(string(page)), want) {
		t.Errorf("the manual lacks\n%s", want)
	}
}
