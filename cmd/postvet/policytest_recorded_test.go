package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/trial"
)

// TestPolicyTestHistory tries rules on mail that a service recorded while it only monitored.
func TestPolicyTestHistory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	s, socket, file := startControlled(t, "[journal]\ndirectory = \""+dir+"\"\n[policy]\nmonitor_recipients = [\"test.example\"]\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	for _, x := range []struct{ ip, helo, from, file string }{
		{"192.0.2.66", "evil.example", "x@evil.example", "spoof.eml"},
		{"192.0.2.66", "evil.example", "x@evil.example", "quarantine.eml"},
		{"192.0.2.1", "mx.good.example", "bounce@good.example", "signed.eml"},
	} {
		m.connect(x.ip, x.helo)
		if _, verdict := m.end(m.begin(x.from, testMessage(t, x.file))); verdict != "c" && verdict != "a" {
			t.Fatalf("%s: %s, although mail is only monitored", x.file, verdict)
		}
	}
	s.waitLog(`"msg":"message"`, 3)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		writeConfig(t, path, text)
		return path
	}
	enforce := write("enforce.toml", strings.Replace(string(text), "monitor_recipients", "enforce_domains = [\"good.example\", \"held.example\"]\nmonitor_recipients", 1))
	sender := write("sender.toml", strings.Replace(string(text), "[policy]", "[policy]\nsender_domain = \"reject\"", 1))
	refuse := write("refuse.toml", "[[rule]]\nname = \"no-evil\"\nmail_from = [\"evil.example\"]\naction = \"reject\"\n[policy]\nmonitor_recipients = []\n")
	judge := write("judge.toml", "[policy]\non_reject = \"judge\"\nmonitor_recipients = []\n")
	always := write("always.toml", "[policy]\non_reject = \"always\"\nmonitor_recipients = []\n")
	mailbox := write("mailbox.toml", "[[rule]]\nname = \"user\"\nto = [\"user@test.example\"]\naction = \"discard\"\n[[rule]]\nname = \"edits\"\nadd_header = [\"X-Seen: yes\"]\n")
	for _, from := range []string{"--socket", "--config", "--journal"} {
		ask := func(want int, args ...string) string {
			t.Helper()
			args = append([]string{"policy", "test", "--history", "1h"}, args...)
			switch {
			case from == "--socket":
				args = append(args, from, socket)
			case from == "--journal":
				args = append(args, from, dir)
			}
			if from != "--socket" && !strings.Contains(strings.Join(args, " "), "--config") {
				args = append(args, "--config", file)
			}
			out, errOut := runFor(t, want, args...)
			for line := range strings.Lines(out) {
				if !strings.HasPrefix(out, "{") && utf8.RuneCountInString(line) > 81 && !strings.Contains(line, "/") {
					t.Errorf("%q: a line has more than 80 columns: %q", args, line)
				}
			}
			return strings.Join(strings.Fields(out+errOut), " ")
		}
		says := func(text string, want ...string) {
			t.Helper()
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s: %q is missing in:\n%s", from, w, text)
				}
			}
		}
		if from == "--config" {
			s.signal(syscall.SIGTERM)
			s.waitExit()
		}
		says(ask(exitDone), "By the configuration "+file, "3 messages, 0 treated differently")
		says(ask(exitNo, "--config", enforce), "accept instead of reject -> reject 1", "accept instead of quarantine -> quarantine 1", "3 messages, 2 treated differently")
		says(ask(exitNo, "--rules", refuse), "accept instead of reject -> reject 1", "accept instead of quarantine -> reject 1", "no-evil 0 2", "192.0.2.66 2", "good.example 1")
		says(ask(exitNo, "--rules", judge, "--against", always), "reject -> quarantine 1", "judgement 0 1", "dmarc-reject 1 0", "good.example 1", "3 messages, 1 treated differently")
		says(ask(exitDone, "--config", sender), "policy.sender_domain cannot be tried on recorded mail; it was another one for 3 messages", "2 unknown")
		says(ask(exitDone, "--rules", mailbox), "Rule user asks about rcpts; 3 messages do not have that", "Header fields that rules add or remove are not compared (edits)", "3 messages, 0 treated differently, 3 unknown")
		var r trial.Report
		args := []string{"policy", "test", "--since", "1d", "--journal", dir, "--config", file, "--rules", refuse}
		code, out, _ := runIn(t, append(args, "--json")...)
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitNo || len(r.Rows) != 2 || r.Differing != 2 || r.Messages != 3 || r.History == nil {
			t.Errorf("--json: %d, %v: %s", code, err, out)
			continue
		}
		if code, out, _ := runIn(t, "explain", r.Rows[0].Ref.String(), "--journal", dir); code != exitDone || !strings.Contains(out, r.Rows[0].Ref.String()) {
			t.Errorf("explain %s: %d, %s", r.Rows[0].Ref, code, out)
		}
		_, out, _ = runIn(t, append(args, "--csv")...)
		if cells, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(cells) != 3 || cells[1][0] != r.Rows[0].Ref.String() {
			t.Errorf("--csv: %q, %v", cells, err)
		}
		_, out, _ = runIn(t, append(args, "--all")...)
		if strings.Count(out, " -> ") != 3+len(r.Changes) {
			t.Errorf("--all: %s", out)
		}
	}
}
