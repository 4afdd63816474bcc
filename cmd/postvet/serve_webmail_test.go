package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// TestWebMail: hostile messages that came through the milter are on the pages about mail, as
// text alone, and a damaged file is told.
func TestWebMail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	journal, web := filepath.Join(dir, "journal"), filepath.Join(dir, "w")
	_, socket, _ := startControlled(t, "[journal]\ndirectory = \""+journal+"\"\nprivacy = \"addresses\"\n[web]\nlisten = \"unix:"+web+"\"\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "<evil\x1b[31m onload=1>.example")
	_, verdict := m.end(m.begin("\"<evil>\u202e\xff\"@evil.example", testMessage(t, "spoof.eml")))
	_, ref, _ := strings.Cut(verdict, "; ref ")
	tellStory(t, socket) // the row comes a moment after the verdict

	w := newWebClient(t, web)
	for path, want := range map[string]string{
		"/messages":                            "no proof of its author",
		"/messages?q=" + ref:                   "Refused: nobody proves that this mail comes from good.example",
		"/messages?wait=long&q=good.example":   "Understood as: messages whose author (From) is in good.example.",
		"/messages?wait=long&q=192.0.2.0%2F24": "1 message from servers in the network 192.0.2.0/24",
		"/messages/" + ref:                     "A text to send to the sender",
		"/messages/" + ref + "?dns=no":         "The DNS was not asked",
		"/held?wait=long":                      "Nothing was held",
		"/live":                                `data-action="reject"`,
	} {
		body := w.shows(path, want)
		if strings.Contains(body, "<evil") || strings.ContainsAny(body, "\x1b\u202e") || strings.Contains(body, "\xff") {
			t.Errorf("%s has foreign text as it came:\n%s", path, body)
		}
	}
	body := w.get("/messages/" + ref + ".json")
	var story struct {
		Ref    result.Reference `json:"ref"`
		Letter string           `json:"letter"`
		Story  struct {
			Row *rows.Row `json:"row"`
		} `json:"story"`
	}
	if err := json.Unmarshal([]byte(body), &story); err != nil || story.Ref.String() != ref || !strings.Contains(story.Letter, ref) || story.Story.Row == nil {
		t.Errorf("%v\n%s", err, body)
	}
	w.shows("/messages?wait=long&q=x%40nobody.example", "There is no message from or to x@nobody.example")

	if err := os.WriteFile(filepath.Join(journal, "2025-11-29.rest.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.shows("/messages?wait=long&q=evil.example&as=sender&since=9000d", "The file 2025-11-29.rest.db of the journal cannot be read")
}
