package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/policy/patterns"
)

// TestDomainPatterns shows what was learned, as text, JSON and Markdown.
func TestDomainPatterns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	withinDay(t, time.Minute)
	today := patterns.DayOf(time.Now())
	var all []patterns.Row
	for i := range int64(10) {
		all = append(
			all,
			patterns.Row{Org: "a.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today - i, N: 5},
			patterns.Row{Org: "a.example", Kind: patterns.Signer, Name: "mail.a.example", Day: today - i, N: 5},
			patterns.Row{Org: "b.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today - i, N: 1, Unsigned: 1},
		)
		for _, org := range []string{"a.example", "b.example", "c.example", "d.example"} {
			all = append(all, patterns.Row{Org: org, Kind: patterns.Forwarder, Name: "198.51.100.0/24", Day: today - i, N: 1})
		}
	}
	if err := sqlite.WritePatterns(dir, all); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "postvet.toml")
	if err := os.WriteFile(file, []byte("[policy]\nobserved_except = [\"a.example\"]\n[journal]\ndirectory = \""+dir+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(want string, code int, args ...string) string {
		t.Helper()
		got, out, errOut := runIn(t, append([]string{"domain", "--observed"}, args...)...)
		if got != code || !strings.Contains(out+errOut, want) {
			t.Errorf("%v: %d, %s%s; want %d, %s", args, got, out, errOut, code, want)
		}
		return out
	}
	run("The domain signs all its mail.", exitDone, "--journal", dir, "A.Example")
	run("198.51.100.0/24  10 messages on 10 days", exitDone, "--journal", dir, "a.example")
	run("a known forwarder", exitDone, "--journal", dir, "a.example")
	run("50 messages passed on 10 days", exitDone, "--journal", dir, "host.sub.a.example") // its organization
	run("That is too little to judge by", exitDone, "--journal", dir, "b.example")
	run("Too little is known of c.example", exitDone, "--journal", dir, "c.example")
	run("## Signers", exitDone, "--markdown", "--journal", dir, "a.example")
	run("policy.observed_except", exitDone, "--config", file, "a.example")
	run("nothing was learned of nota.example", exitFailed, "--journal", dir, "nota.example")
	run("name the directory of the journal with --journal", exitFailed, "--journal", dir+"/absent", "a.example")
	run("beside --observed", exitUsage, "--since", "7d", "a.example")
	run("is no domain name", exitUsage, "--journal", dir, "a..example")
	away := filepath.Join(dir, "away.toml")
	if err := os.WriteFile(away, []byte("[journal]\ndirectory = \""+dir+"\"\nnode = \"mx1\"\npostgres = \"host=/nonexistent dbname=postvet\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("This is what this node learned by itself, since those of the others cannot be read: the database cannot be reached", exitDone, "--config", away, "a.example")
	run(`"fleet": false`, exitDone, "--json", "--config", away, "a.example")
	var p domainhistory.Patterns
	if err := json.Unmarshal([]byte(run("{", exitDone, "--json", "--config", file, "a.example")), &p); err != nil {
		t.Fatal(err)
	}
	if !p.Learned || !p.SignsAll || p.Used || p.Passes != 50 || p.Days != 10 || len(p.Networks) != 1 || p.Signers[0].Messages != 50 || !p.Forwarders[0].Known {
		t.Errorf("%+v", p)
	}
}
