package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// mailSource is a source with a journal of a few messages.
type mailSource struct {
	journal control.Journal
	page    rows.Page
	err     error
	asked   []rows.Query
}

func (m *mailSource) source() source {
	return source{facts: Facts{Journal: m.journal}, ask: func(_ access.User, q control.Request) (any, error) {
		var query rows.Query
		if err := json.Unmarshal([]byte(q.Query), &query); err != nil {
			return nil, err
		}
		m.asked = append(m.asked, query)
		if err := query.Check(); err != nil {
			return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{err.Error()}}
		}
		if m.err != nil {
			return nil, m.err
		}
		if q.Do == control.DoHistory {
			return m.page, nil
		}
		stories := control.Stories{Page: m.page}
		stories.Page.Rows = nil
		for _, r := range m.page.Rows {
			s := journal.Tell(r, rows.Generation{}, nil, rows.Generation{})
			s.Evidence = []journal.Evidence{{Place: rows.Place{Standard: rows.SPF, Domain: "example.org"}, Name: r.Results.Client.Helo, Then: r.Results.Client.Helo, Says: []string{r.Results.Client.Helo}}}
			stories.Stories = append(stories.Stories, s)
		}
		return stories, nil
	}}
}

// keeping is a journal that works.
func keeping() *mailSource {
	return &mailSource{journal: control.Journal{Directory: "/var/lib/postvet/journal", Privacy: "addresses", Running: true}, page: rows.Page{Complete: true, Oldest: testNow.AddDate(0, 0, -7)}}
}

// row returns a refused message whose texts are all s.
func mailRow(minute int, s string) *rows.Row {
	return &rows.Row{
		Ref: result.FirstReference(testNow.Add(time.Duration(-minute) * time.Minute)), Queue: s, MessageID: s, Recipients: 3,
		Results: &result.Results{
			Client: result.ClientResult{IP: s, Helo: s, PTR: s, Relay: s, RelayHelo: s, TLS: s, Socket: s}, MailFrom: s, User: s,
			Recipients: []string{s, s}, Author: message.Author{Domain: s, Mailboxes: []message.Mailbox{{Local: s, Domain: s}}, Oddities: []string{s}},
			SPF:     []spf.Result{{Identity: spf.MailFrom, Domain: s, Status: spf.Fail, Reason: s, Mechanism: s, Explanation: s}},
			DKIM:    []dkim.Result{{Domain: s, Selector: s, Status: dkim.Fail, Reason: s, Algorithm: s, Diagnosis: []string{s}}},
			DMARC:   dmarc.Result{Status: dmarc.Fail, AuthorDomain: s, RecordDomain: s, Policy: dmarc.PolicyReject, Reason: s},
			Signing: &result.Signing{Selector: s, Also: []string{s}},
		},
		Verdict: &result.Verdict{Action: result.Reject, Intended: result.Reject, Rule: result.RuleDMARCReject, Code: "550 5.7.26", Text: s, RedirectTo: s, Faults: []string{s}},
		Faults:  []string{s}, ShadowAction: result.Accept, ShadowRule: s,
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	m := keeping()
	m.page.Rows = []*rows.Row{mailRow(1, "example.org"), mailRow(2, "example.org")}
	w := get(t, newTest(m.source()), "/messages?q=ann@example.org&action=reject&since=1h")
	holds(t, "the page", w.Body.String(),
		"2 refused messages from or to ann@example.org since 29 Nov 2026 15:00.", "Understood as: messages from or to ann@example.org.", "the sender alone",
		"no proof of its author", `href="/messages/`+m.page.Rows[0].Ref.String(), "and 2 more",
	)
	if len(m.asked) != 2 || m.asked[0].From != "ann@example.org" || m.asked[1].To != "ann@example.org" || m.asked[0].Action != "reject" || !m.asked[0].Since.Equal(testNow.Add(-time.Hour)) {
		t.Errorf("asked %+v", m.asked)
	}
	var page messagesPage
	w = get(t, newTest(m.source()), "/messages.json?q=ann@example.org")
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Messages) != 2 || page.Messages[0].Done != "refused" || page.As != asAddress || strings.Contains(w.Body.String(), "null") {
		t.Errorf("%v, %s", err, w.Body)
	}
}

// TestMessagesPartly: a search whose time is over says so, and goes on where it ended.
func TestMessagesPartly(t *testing.T) {
	t.Parallel()
	m := keeping()
	m.page.Rows, m.page.Complete, m.page.Searched = []*rows.Row{mailRow(1, "example.org"), mailRow(30, "example.org")}, false, testNow.Add(-10*time.Minute)
	w := get(t, newTest(m.source()), "/messages?q=example.org")
	text := w.Body.String()
	if !strings.Contains(text, "1 message whose author (From) is in example.org since 22 Nov 2026 16:00, so far.") || !strings.Contains(text, "Searched back to") || !strings.Contains(text, "before="+result.FirstReference(m.page.Searched).String()) || strings.Count(text, "/messages/1") != 1 {
		t.Errorf("%s", text)
	}
}

// TestMessageAlone: one hit by a reference or a queue id leads to its story.
func TestMessageAlone(t *testing.T) {
	t.Parallel()
	m := keeping()
	m.page.Rows = []*rows.Row{mailRow(1, "example.org")}
	ref := m.page.Rows[0].Ref.String()
	for path, want := range map[string]string{
		"/messages?q=" + ref:              "/messages/" + ref,
		"/messages?q=4XkZ1t2q3nz9Vx":      "/messages/" + ref,
		"/messages.json?q=4XkZ1t2q3nz9Vx": "/messages/" + ref + ".json",
		"/messages/4XkZ1t2q3nz9Vx":        "/messages?q=4XkZ1t2q3nz9Vx",
		"/messages/4XkZ1t2q3nz9Vx.json":   "/messages.json?q=4XkZ1t2q3nz9Vx",
		"/messages/%3Ca%40b.example%3E":   "/messages?q=%3Ca%40b.example%3E",
	} {
		w := get(t, newTest(m.source()), path)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%s: %d, %q, want %q", path, w.Code, got, want)
		}
	}
}

func TestStory(t *testing.T) {
	t.Parallel()
	m := keeping()
	m.page.Rows = []*rows.Row{mailRow(1, "example.org")}
	path := "/messages/" + m.page.Rows[0].Ref.String()
	w := get(t, newTest(m.source()), path)
	holds(t, "the page", w.Body.String(),
		"<h1>Refused: nobody proves that this mail comes from example.org, which asks to refuse such mail.</h1>", "A text to send to the sender",
		"Reference: "+m.page.Rows[0].Ref.String(), "DMARC: does any of this speak for the author&#39;s domain", "The records in the DNS, then and now", "dns=no", "the shadow policy would accept",
	)
	if w = get(t, newTest(m.source()), path+".json"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"sentence": "Refused: nobody`) {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	m.page.Rows = nil
	if w = get(t, newTest(m.source()), path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "This message is not kept") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

// TestMailHostile: nothing that a sender or a user writes becomes markup.
func TestMailHostile(t *testing.T) {
	t.Parallel()
	m := keeping()
	m.journal.Problem, m.page.Unread = hostile, []string{hostile}
	for i := range onPage {
		m.page.Rows = append(m.page.Rows, mailRow(i, strings.Repeat(hostile, 1+i%3)))
	}
	h := newTest(m.source())
	typed := query(place{}, "", "q", "x@example.org "+hostile, "rule", hostile, "as", hostile)
	for _, path := range []string{"/messages", "/messages" + typed, "/messages" + typed + "&since=" + "%1b", "/messages?action=%3Cevil%3E", "/messages/" + m.page.Rows[0].Ref.String()} {
		w := get(t, h, path)
		checkHarmless(t, w.Body.String())
		if w.Code >= 500 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestJournalFaults: a page that has no journal to show says so, and what to do.
func TestJournalFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*mailSource)
		path   string
		status int
		want   string
	}{
		"off":      {func(m *mailSource) { m.journal = control.Journal{} }, "/messages", 200, "No journal is kept"},
		"nothing":  {func(m *mailSource) { m.journal.Privacy = "off" }, "/messages", 200, "privacy = &#34;hashed&#34;"},
		"counts":   {func(m *mailSource) { m.journal.Privacy = "counts" }, "/messages/" + result.FirstReference(testNow).String(), 200, "Messages are only counted"},
		"as JSON":  {func(m *mailSource) { m.journal = control.Journal{} }, "/messages.json", 404, `"error": "No journal is kept"`},
		"domains":  {func(m *mailSource) { m.journal.Privacy = "domains" }, "/messages?q=ann@example.org", 200, "keeps domains and no addresses"},
		"hashed":   {func(m *mailSource) { m.journal.Privacy = "hashed" }, "/messages?q=ann", 200, "Write a whole address"},
		"empty":    {func(m *mailSource) { m.page.Oldest = time.Time{} }, "/messages", 200, "The journal is empty"},
		"damaged":  {func(m *mailSource) { m.page.Unread = []string{"2026-11-29.rest.db"} }, "/messages", 200, "The file 2026-11-29.rest.db of the journal cannot be read"},
		"locked":   {func(m *mailSource) { m.err = errors.New("database is locked") }, "/messages", 503, "The journal cannot be read"},
		"fleet":    {func(m *mailSource) { m.err = errors.New("connection refused") }, "/messages?fleet=1", 503, "The database of all nodes does not answer"},
		"slow":     {func(m *mailSource) { m.err = fmt.Errorf("the database: %w", context.DeadlineExceeded) }, "/messages?fleet=1", 503, "The database of all nodes did not answer in time"},
		"of fleet": {func(m *mailSource) {}, "/messages?fleet=1&q=ann@example.org", 200, "cannot be found on all nodes at once"},
		"failing":  {func(m *mailSource) { m.journal.Problem = "disk full" }, "/messages", 200, "not written at present"},
		"time":     {func(m *mailSource) {}, "/messages?since=yesterday", 400, "This is no time"},
		"page":     {func(m *mailSource) {}, "/messages?before=x", 400, "does not exist"},
	} {
		m := keeping()
		tt.change(m)
		w := get(t, newTest(m.source()), tt.path)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d, %q is missing in\n%s", name, w.Code, tt.want, w.Body)
		}
	}
}

// viewer is the gate of a user who sees numbers alone.
type viewer struct{}

func (viewer) Identify(*http.Request) (access.User, error) {
	return access.User{Name: "vi", Role: access.Viewer}, nil
}

// TestMailRoles: who may see numbers alone sees no message.
func TestMailRoles(t *testing.T) {
	t.Parallel()
	m := keeping()
	m.page.Rows = []*rows.Row{mailRow(1, "example.org")}
	h := New(Options{Source: m.source(), Gate: viewer{}, Now: func() time.Time { return testNow }})
	for _, path := range []string{"/messages", "/messages.json", "/messages/" + m.page.Rows[0].Ref.String(), "/messages/" + m.page.Rows[0].Ref.String() + ".json"} {
		if w := get(t, h, path); w.Code != http.StatusForbidden || len(m.asked) > 0 {
			t.Errorf("%s: %d, asked %+v", path, w.Code, m.asked)
		}
	}
}
