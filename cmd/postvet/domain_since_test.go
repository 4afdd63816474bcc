package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
	"github.com/postvet/postvet/cmd/postvet/internal/watch"
)

// met returns a record that mail has met on days of November.
func met(s rows.Standard, name, text string, first, last int) rows.Published {
	on := func(day int) time.Time { return time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC) }
	return rows.Published{Standard: s, Name: name, Text: text, First: on(first), Last: on(last)}
}

// TestDomainSince asks what has changed: by the watch and the journal of a configuration, and
// by a journal alone.
func TestDomainSince(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := sqlite.Open(sqlite.Options{Dir: filepath.Join(dir, "journal")})
	if err != nil {
		t.Fatal(err)
	}
	err = store.WriteRecords([]rows.Published{
		met(rows.SPF, "a.example", "v=spf1 mx -all", 1, 12), met(rows.SPF, "a.example", "v=spf1 mx ~all", 13, 20),
		met(rows.DMARC, "_dmarc.a.example", "v=DMARC1; p=none", 1, 12), met(rows.DMARC, "_dmarc.a.example", "v=DMARC1; p=reject", 13, 20),
		met(rows.DKIM, "s1._domainkey.a.example", "v=DKIM1; p=AAAA", 1, 12), met(rows.DKIM, "s1._domainkey.a.example", "v=DKIM1; p=``|<b>[x](y)\x1b[2J", 13, 20),
		met(rows.DKIM, "s1._domainkey.xa.example", "v=DKIM1; p=AAAA", 1, 12), met(rows.DKIM, "s1._domainkey.xa.example", "v=DKIM1; p=", 13, 20),
	})
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 13, 9, 30, 0, 0, time.UTC)
	text, err := json.Marshal(watch.State{Version: 1, Domains: map[string]*watch.Domain{
		"a.example": {
			First: at.AddDate(0, 0, -12), Verdict: finding.Faulty,
			Changes: []watch.Change{
				{At: at, ID: "_dmarc.a.example TXT", Old: []string{"v=DMARC1; p=none"}, New: []string{"v=DMARC1; p=reject"}},
				{At: at, ID: "a.example MX", Old: []string{"10 mx1.a.example.", "20 mx2.a.example."}},
			},
			Faults: map[string]*watch.Fault{
				"mx1.a.example has no address": {Since: at, Fix: "publish an address (A or AAAA) of mx1.a.example."},
				"no SPF record":                {Since: at.AddDate(0, 0, -12), Gone: at},
			},
		},
		"quiet.example": {First: at},
	}})
	if err != nil {
		t.Fatal(err)
	}
	state, config := filepath.Join(dir, "watch.json"), filepath.Join(dir, "postvet.toml")
	if err := os.WriteFile(state, text, 0o600); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, config, "[journal]\ndirectory = \""+dir+"/journal\"\n[watch]\nstate = \""+state+"\"\n")
	changes := func(args ...string) (c domainhistory.Changes, out string) {
		t.Helper()
		out, _ = runFor(t, exitNo, append([]string{"domain", "A.example", "--since", "2026-11-10T00:00:00Z", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &c); err != nil {
			t.Fatal(err)
		}
		return c, out
	}
	both, js := changes("--config", config)
	c, _ := changes("--journal", dir+"/journal")
	var sources []string
	for _, r := range c.Records {
		sources = append(sources, r.Source+" "+r.Name)
	}
	if d := cmp.Diff([]string{"journal _dmarc.a.example", "journal a.example", "journal s1._domainkey.a.example"}, sources); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	both.Zone = time.UTC
	var page, ticket strings.Builder
	if err := both.Print(&page, layout.Screen{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(page.String()) {
		if n := utf8.RuneCountInString(line); n > 81 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if err := both.Markdown(&ticket); err != nil {
		t.Fatal(err)
	}
	pagetest.Ticket(t, sinceReport{&both})
	golden := "testdata/golden/since.txt"
	got := page.String() + "\n" + ticket.String() + "\n" + js
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("a control character in %q", got)
	}
	if out, _ := runFor(t, exitDone, "domain", "quiet.example", "--since", "30d", "--config", config); !strings.Contains(out, "no record changed since ") {
		t.Error(out)
	}
	if _, errOut := runFor(t, exitFailed, "domain", "other.example", "--since", "30d", "--config", config); !strings.Contains(errOut, "nothing is known of other.example: ") {
		t.Error(errOut)
	}
	writeConfig(t, config, "mode = \"monitor\"\n")
	if _, errOut := runFor(t, exitUsage, "domain", "a.example", "--since", "30d", "--config", config); !strings.Contains(errOut, "neither a journal nor a watch; ") {
		t.Error(errOut)
	}
}

// sinceReport makes changes a report for a test.
type sinceReport struct{ *domainhistory.Changes }

func (sinceReport) Verdict() finding.Verdict { return finding.Sound }
