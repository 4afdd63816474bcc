package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWebSenders: what the service counts, asks and keeps is on the pages about senders and
// reports, each of which reads it by the service's own parts.
func TestWebSenders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	web := filepath.Join(dir, "w")
	_, socket, _ := startControlled(t, "[journal]\ndirectory = \""+filepath.Join(dir, "journal")+"\"\n[web]\nlisten = \"unix:"+web+"\"\n"+
		"[policy]\nown_domains = [\"good.example\"]\n[report]\ninbox = [\"dmarc@good.example\"]\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "<evil\x1b[31m onload=1>.example")
	m.end(m.begin("evil@evil.example", testMessage(t, "spoof.eml")))
	tellStory(t, socket) // the row comes a moment after the verdict

	w := newWebClient(t, web)
	for path, want := range map[string]string{
		"/domains?wait=long":                      "1 of 1 message failed DMARC",
		"/domains?range=day&sort=share&wait=long": `href="/domains/good.example?range=day"`,
		"/domains/good.example?wait=long":         "1 of 1 message in the name of good.example (100.0 %) failed DMARC",
		"/domains/good.example?range=day&dns=yes": "What the DNS says now",
		"/domains/other.example.json?wait=long":   `"sentence": "No mail came in the name of other.example`,
		"/forwarders?wait=long":                   "Who breaks mail?",
		"/own?wait=long":                          "no report about good.example has come",
		"/reports/in":                             "No report of others has come",
		"/reports/sent":                           "No report was sent yet",
		"/lookup/good.example":                    "has records of",
		"/lookup/192.0.2.66":                      "What the cache had",
	} {
		body := w.shows(path, want)
		if strings.Contains(body, "<evil") || strings.ContainsAny(body, "\x1b\u202e") {
			t.Errorf("%s has foreign text as it came:\n%s", path, body)
		}
	}
}
