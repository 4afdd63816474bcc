package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestDomainsOnATerminal inspects many domains on a real terminal: it shows how far it has
// come, and in the end nothing but the table.
func TestDomainsOnATerminal(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte("good.example\nevil.example\nslow.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	zone, err := os.ReadFile("testdata/zone")
	if err != nil {
		t.Fatal(err)
	}
	s, err := dnstest.NewServer(string(zone) + "\n$FAULT slow.example * DELAY:1s\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	term := startOn(t, 80, 24, exec.Command("postvet", "domain", "--resolver", s.Addr(), "--color", "never", "--file", list))
	term.wait(" of 3 domains")
	screen := term.wait("3 domains: ")
	select {
	case <-term.ended:
	case <-time.After(patience):
		t.Fatal("the command does not end")
	}
	for _, want := range []string{"domain ", "evil.example ", "good.example ", "faulty"} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q on the screen:\n%s", want, screen)
		}
	}
	if strings.Contains(term.text(), " of 3 domains") || len(term.unknown) > 0 {
		t.Errorf("unknown sequences %q, screen:\n%s", term.unknown, term.text())
	}
}
