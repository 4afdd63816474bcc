package web

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

func TestStatusPage(t *testing.T) {
	t.Parallel()
	f := wellFacts()
	f.Status.Keys = &control.Keys{ByState: map[string]int{"active": 2, "pending": 1}, Unpublished: 1}
	f.Journal.Files[0].Problem = "malformed <b>"
	f.Journal.Dropped = map[string]int64{"rest": 1234}
	f.Sending = &Sending{Here: true}
	f.Status.DNS.Upstreams[0].BackOff = true
	s := source{facts: f, ask: func(access.User, control.Request) (any, error) { return f.Status, nil }}
	page := get(t, newTest(s), "/status").Body.String()
	holds(t, "the page", page,
		"192.0.2.53:53", `<span class="word bad">fails</span> No resolver answered the last queries.`, "malformed &lt;b&gt;", "1\u202f234 since the start", "2 active", "are sent by this node", "50.0 GiB of 100.0 GiB free", "/audit", "/forget", "last success never",
	)
	if strings.Contains(page, ">works</span> 0 questions") {
		t.Error("the DNS works whose only resolver fails")
	}
	s.facts.Journal = control.Journal{}
	if page = get(t, newTest(s), "/status").Body.String(); !strings.Contains(page, "There is no journal.") || strings.Contains(page, "/audit") {
		t.Errorf("without a journal:\n%s", page)
	}
}

func TestAuditPage(t *testing.T) {
	t.Parallel()
	s := source{
		facts: Facts{Journal: control.Journal{Directory: "/j"}},
		audit: []sqlite.Audited{
			{At: testNow.Add(-time.Minute), UID: -1, Web: "<b>ann", Do: control.DoJournalForget, Query: &rows.Query{From: "x@example.org"}},
			{At: testNow.Add(-time.Hour), UID: 1000, Do: control.DoHistory, Query: &rows.Query{To: "y@example.org", Since: testNow}},
			{At: testNow.Add(-time.Hour), UID: -1, Web: "bob", Address: "192.0.2.7", Do: control.DoExplain, Query: &rows.Query{To: "z@example.org"}},
			{At: testNow.Add(-time.Hour), UID: -1, Do: "new", Query: nil},
		},
	}
	page := get(t, newTest(s), "/audit").Body.String()
	holds(t, "the page", page, "&lt;b&gt;ann, on the web page", "had messages forgotten", "from x@example.org", "number 1000", "searched", "to y@example.org", "bob, on the web page from 192.0.2.7", "since 2026-11-29 16:00", "by its socket")
	s.audit = nil
	if page = get(t, newTest(s), "/audit").Body.String(); !strings.Contains(page, "Nobody has searched") {
		t.Errorf("without a search:\n%s", page)
	}
	s.facts.Journal.Directory = ""
	if page = get(t, newTest(s), "/audit").Body.String(); !strings.Contains(page, "There is no journal") {
		t.Errorf("without a journal:\n%s", page)
	}
}

// TestLicences: the licence of each module that the program may have is known.
func TestLicences(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for path, licence := range licences {
		if !bytes.Contains(text, []byte(path+" v")) || licence == "" {
			t.Errorf("%s is no module any more, or has no licence", path)
		}
	}
	direct := 0
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		direct++
		if licences[m[1]] == "" && !onlyForTests[m[1]] {
			t.Errorf("the licence of %s is not in the list", m[1])
		}
	}
	if direct < 15 {
		t.Fatalf("only %d modules found in go.mod", direct)
	}
}

// onlyForTests are modules that are required and not in the program.
var onlyForTests = map[string]bool{
	"github.com/chromedp/cdproto": true, "github.com/chromedp/chromedp": true, "github.com/google/go-cmp": true, "github.com/yuin/goldmark": true,
	"blitiri.com.ar/go/spf": true, "github.com/maypok86/otter/v2": true, "github.com/rogpeppe/go-internal": true, "gopkg.in/yaml.v3": true, "pgregory.net/rapid": true,
	"go.uber.org/goleak": true, "golang.org/x/tools": true,
}

func TestAbout(t *testing.T) {
	t.Parallel()
	page := get(t, newTest(source{}), "/about").Body.String()
	holds(t, "the page", page, "Postvet 1.0", "Is all well, what was refused", "postvet.toml(5)", "MIT licence")
}
