//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
)

// TestManualHasTheSettings compares the settings that the cells use with those of
// postvet-dns(7).
func TestManualHasTheSettings(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../cmd/postvet/internal/manual/dns.go")
	if err != nil {
		t.Fatal(err)
	}
	page := string(source)
	for _, p := range programs {
		name := p.name
		if name == "resolved" {
			name = "systemd-resolved"
		}
		if !strings.Contains(page, "\t{\""+name+"\", ") {
			t.Errorf("the page has no section about %s", name)
		}
		for line := range strings.SplitSeq(advised[p.name], "\n") {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "module-config") && !strings.Contains(page, line) {
				t.Errorf("the page does not name the setting %q of %s", line, p.name)
			}
		}
	}
}
