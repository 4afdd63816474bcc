package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/policy/patterns"
)

// TestCheckLearned: check and policy test judge by what the service learned, as the
// configuration says, and the trace says where that comes from.
func TestCheckLearned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	withinDay(t, time.Minute)
	today := patterns.DayOf(time.Now())
	for i := range int64(10) {
		rows := []patterns.Row{{Org: "good.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today - i, N: 5}}
		if err := sqlite.WritePatterns(dir, rows); err != nil {
			t.Fatal(err)
		}
	}
	message := filepath.Join(t.TempDir(), "spoof.eml")
	if err := os.WriteFile(message, []byte("From: Ann <ann@good.example>\r\nTo: bob@example.org\r\nDate: Sun, 29 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@good.example>\r\nSubject: invoice\r\n\r\nPay.\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	resolver := testResolver(t)
	for name, x := range map[string]struct {
		config      string
		want, never []string
	}{
		"learned": {"[journal]\ndirectory = \"" + dir + "\"\n", []string{"good.example signed its mail of 10 days", "what was learned from genuine mail comes from the journal in " + dir}, nil},
		"an exception": {
			"[policy]\nobserved_except = [\"good.example\"]\n[journal]\ndirectory = \"" + dir + "\"\n", nil, []string{"signed its mail of 10 days"},
		},
		"off":        {"[policy]\nobserved = false\n[journal]\ndirectory = \"" + dir + "\"\n", nil, []string{"signed its mail of 10 days", "what was learned"}},
		"no journal": {"[journal]\ndirectory = \"" + dir + "/absent\"\n", nil, []string{"what was learned"}},
		"the database is away": {
			"[journal]\ndirectory = \"" + dir + "\"\nnode = \"mx1\"\npostgres = \"host=/nonexistent dbname=postvet\"\n",
			[]string{"good.example signed its mail of 10 days", "what this node learned from genuine mail counts alone: the database cannot be reached"},
			nil,
		},
	} {
		file := filepath.Join(t.TempDir(), "postvet.toml")
		writeConfig(t, file, x.config)
		_, out, errOut := runIn(t, "check", "--trace", "--resolver", resolver, "--authserv-id", "mx.test.example", "--config", file, "--ip", "203.0.113.9", "--helo", "host.unknown.example", "--mail-from", "x@unknown.example", message)
		text := strings.Join(strings.Fields(out+errOut), " ")
		for _, w := range x.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is missing in %s", name, w, text)
			}
		}
		for _, w := range x.never {
			if strings.Contains(text, w) {
				t.Errorf("%s: %q is in %s", name, w, text)
			}
		}
		if name != "the database is away" {
			continue
		}
		_, out, errOut = runIn(t, "policy", "test", "--resolver", resolver, "--authserv-id", "mx.test.example", "--config", file, message)
		if !strings.Contains(errOut, x.want[1]) {
			t.Errorf("policy test: %s%s", out, errOut)
		}
	}
}
