package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/postvet/postvet/policy/result"
)

// TestJournal refuses a message, and finds it by its reference, by its Message-ID and by
// other words: with the running service, with the stopped one, and in the bare files.
func TestJournal(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	s, socket, file := startControlled(t, "[journal]\ndirectory = \""+dir+"\"\nprivacy = \"hashed\"\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	_, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	_, ref, _ := strings.Cut(verdict, "; ref ")
	if _, err := result.ParseReference(ref); err != nil {
		t.Fatalf("the reply %q has no reference", verdict)
	}
	s.waitLog(`"ref":"`+ref+`"`, 1)
	tellStory(t, socket) // the row comes a moment after the line of the log

	for _, from := range [][]string{{"--socket", socket}, {"--config", file}, {"--journal", dir}} {
		ask := func(want int, args ...string) string {
			t.Helper()
			out, errOut := runFor(t, want, append(args, from...)...)
			return out + errOut
		}
		if from[0] == "--config" {
			s.signal(syscall.SIGTERM)
			s.waitExit()
		}
		if from[0] == "--journal" {
			ask(exitDone, "journal", "verify")
		}
		table := ask(exitDone, "history", "--action", "reject", "--since", "1h")
		if !strings.Contains(table, ref) || !strings.Contains(table, "good.example") {
			t.Errorf("history: %s", table)
		}
		for line := range strings.Lines(table) {
			if len(line) > 81 {
				t.Errorf("a line of history has more than 80 columns: %q", line)
			}
		}
		story := ask(exitDone, "explain", strings.ToLower(ref), "--color", "never")
		for _, want := range []string{"ref " + ref, "author   good.example", "dmarc    fail", "reject     550 5.7.26", "Nothing proves that the message comes from good.example", "The client was told: 550 5.7.26", "rule dmarc-reject"} {
			if !strings.Contains(story, want) {
				t.Errorf("explain %q lacks %q:\n%s", from, want, story)
			}
		}
		if from[0] != "--journal" && !strings.Contains(story, "the present rules do the same") {
			t.Errorf("explain says nothing of the present rules:\n%s", story)
		}
		var line historyLine
		if err := json.Unmarshal([]byte(ask(exitDone, "history", "--json", "--from", "x@evil.example")), &line); err != nil || line.Ref.String() != ref || line.Author != "good.example" {
			t.Errorf("history --json: %+v, %v", line, err)
		}
		cells, err := csv.NewReader(strings.NewReader(ask(exitDone, "journal", "export", "--csv"))).ReadAll()
		if err != nil || len(cells) != 2 || cells[1][1] != ref {
			t.Errorf("journal export: %q, %v", cells, err)
		}
		if state := ask(exitDone, "journal", "status"); !strings.Contains(state, dir) {
			t.Errorf("journal status: %s", state)
		}
		ask(exitNo, "explain", "4XkZ1t2q3nz9Vx")
		ask(exitNo, "history", "--domain", "other.example")
		ask(exitUsage, "history", "--domain", "a@b")
		ask(exitUsage, "history", "--client", "nowhere")
	}
	if audit, err := os.ReadFile(filepath.Join(dir, "audit.log")); err != nil || strings.Count(string(audit), "x@evil.example") != 3 {
		t.Errorf("audit.log: %s, %v", audit, err)
	}
	if code, out, errOut := runIn(t, "journal", "forget", "--address", "X@evil.example", "--journal", dir); code != exitDone || out != "1 message forgotten\n" {
		t.Errorf("journal forget: %d, %s%s", code, out, errOut)
	}
	if code, _, errOut := runIn(t, "explain", ref, "--journal", dir); code != exitNo {
		t.Errorf("explain of what was forgotten: %d, %s", code, errOut)
	}
}

// TestJournalCannotBeOpened serves mail without a journal, and says why there is none.
func TestJournalCannotBeOpened(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	writeConfig(t, file, "")
	s, socket, _ := startControlled(t, "[journal]\ndirectory = \""+file+"/journal\"\n")
	s.waitLog("there is no journal; mail is not affected", 1)
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	if _, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml"))); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
		t.Errorf("a forgery got %q", verdict)
	}
	code, out, _ := runIn(t, "journal", "status", "--socket", socket)
	if code != exitFailed || !strings.Contains(out, "problem    ") {
		t.Errorf("journal status: %d, %s", code, out)
	}
}

// TestCells shows that no spreadsheet takes foreign text for a formula.
func TestCells(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                         "",
		"example.org":              "example.org",
		"=HYPERLINK(\"http://x\")": "'=HYPERLINK(\"http://x\")",
		"+1":                       "'+1",
		"-1":                       "'-1",
		"@SUM(A1)":                 "'@SUM(A1)",
		"a\x1b[2Jb\r\n=1":          "a?[2Jb??=1",
	} {
		if got := cell(in); got != want {
			t.Errorf("cell(%q) = %q, want %q", in, got, want)
		}
	}
}
