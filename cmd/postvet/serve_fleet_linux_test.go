package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/keyservers"
)

// TestFleet sends what a service refuses to PostgreSQL, and finds it there: through the
// service, and without it. While the database is away, mail and the journal go on.
func TestFleet(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, "secret")
	dir := t.TempDir()
	dsn := filepath.Join(dir, "journal.dsn")
	if err := os.WriteFile(dsn, []byte(server.NetworkDSN("postgres")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := "[journal]\ndirectory = \"" + dir + "/journal\"\nnode = \"mx7\"\npostgres = \"file:" + dsn + "\"\n"
	s, socket, file := startControlled(t, settings)
	ask := func(want int, args ...string) string {
		t.Helper()
		out, errOut := runFor(t, want, args...)
		return out + errOut
	}
	until := func(what string, args ...string) string {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			_, out, errOut := runIn(t, args...)
			if strings.Contains(out, what) {
				return out
			}
			if time.Now().After(end) {
				t.Fatalf("%q does not say %q: %s%s", args, what, out, errOut)
			}
		}
	}
	s.waitLog("the journal cannot be sent to PostgreSQL; mail is not affected", 1)
	until("postvet journal migrate", "journal", "status", "--socket", socket)
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	_, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	_, ref, _ := strings.Cut(verdict, "; ref ")
	s.waitLog(`"ref":"`+ref+`"`, 1)
	until(ref, "history", "--socket", socket) // of the files
	ask(exitFailed, "history", "--fleet", "--socket", socket)

	if out := ask(exitDone, "journal", "migrate", "--config", file); !strings.Contains(out, "they had version 0") {
		t.Errorf("journal migrate: %s", out)
	}
	if out := ask(exitDone, "journal", "migrate", "--config", file); !strings.Contains(out, "nothing is to be done") {
		t.Errorf("journal migrate: %s", out)
	}
	table := until(ref, "history", "--fleet", "--socket", socket)
	if !strings.Contains(table, "mx7") {
		t.Errorf("history --fleet: %s", table)
	}
	until("node mx7, ", "journal", "status", "--socket", socket)
	s.waitLog("the journal is sent to PostgreSQL again", 1)
	if story := ask(exitDone, "explain", "--fleet", ref, "--socket", socket, "--no-dns"); !strings.Contains(story, "node mx7") || !strings.Contains(story, "the present rules do the same") {
		t.Errorf("explain --fleet: %s", story)
	}
	ask(exitNo, "history", "--fleet", "--node", "mx8", "--socket", socket)
	ask(exitUsage, "history", "--fleet", "--from", "x@evil.example", "--socket", socket)
	ask(exitUsage, "history", "--node", "mx7", "--socket", socket)
	ask(exitUsage, "history", "--fleet", "--follow", "--socket", socket)

	ranked := until("good.example", "top", "--fleet", "--socket", socket)
	if !strings.Contains(ranked, "rejected") && !strings.Contains(ranked, "refused") {
		t.Errorf("top --fleet: %s", ranked)
	}
	ask(exitDone, "top", "--fleet", "--node", "mx7", "--socket", socket)
	ask(exitNo, "top", "--fleet", "--node", "mx8", "--socket", socket)
	ask(exitUsage, "top", "--node", "mx7", "--socket", socket)

	s.signal(syscall.SIGTERM)
	s.waitExit()
	ask(exitDone, "top", "--fleet", "--config", file)
	var line historyLine
	if err := json.Unmarshal([]byte(ask(exitDone, "history", "--fleet", "--json", "--config", file)), &line); err != nil || line.Ref.String() != ref || line.Node != "mx7" {
		t.Errorf("history --fleet --json: %+v, %v", line, err)
	}
	if out := ask(exitDone, "journal", "forget", "--domain", "good.example", "--config", file); out != "1 message forgotten\n" {
		t.Errorf("journal forget: %s", out)
	}
	ask(exitNo, "history", "--fleet", "--config", file)
	server.Stop()
	ask(exitFailed, "top", "--fleet", "--config", file)
	if out := ask(exitFailed, "journal", "forget", "--domain", "good.example", "--config", file); !strings.Contains(out, "nothing is forgotten") {
		t.Errorf("journal forget without the database: %s", out)
	}
}
