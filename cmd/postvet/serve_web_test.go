package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// webClient speaks to the web page of a service on a unix socket.
type webClient struct {
	t      *testing.T
	client *http.Client
}

// startWeb runs a service with a web page, and mail that was refused.
func startWeb(t *testing.T, more string) (w *webClient, dir string) {
	t.Helper()
	return startWebBy(t, testResolver(t), more)
}

// startWebBy is startWeb with a resolver.
func startWebBy(t *testing.T, resolver, more string) (w *webClient, dir string) {
	t.Helper()
	w, sockets, dir := startIdleWeb(t, resolver, more)
	m := dialMTA(t, "unix", sockets+"/s")
	m.connect("192.0.2.66", "evil.example")
	m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	if strings.Contains(more, "[journal]") {
		tellStory(t, sockets+"/c") // the row comes a moment after the verdict
	}
	return w, dir
}

// startIdleWeb runs a service with a web page, to which no mail has come. DIR in more is a
// folder of its own. sockets is the folder of its control socket c and its milter socket s.
func startIdleWeb(t *testing.T, resolver, more string) (w *webClient, sockets, dir string) {
	t.Helper()
	withinDay(t, time.Minute)          // the first page is about today
	dir, err := os.MkdirTemp("", "pw") // a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listen := filepath.Join(dir, "w")
	_, socket, _ := startControlledBy(t, resolver, strings.ReplaceAll(more, "DIR", dir)+"[web]\nlisten = \"unix:"+listen+"\"\n")
	return newWebClient(t, listen), filepath.Dir(socket), dir
}

// newWebClient returns a client of the web page on a unix socket.
func newWebClient(t *testing.T, socket string) *webClient {
	t.Helper()
	transport := unixTransport(socket)
	t.Cleanup(transport.CloseIdleConnections)
	return &webClient{t, &http.Client{Transport: transport, Timeout: patience}}
}

// read returns the body of an answer that must have a status.
func (w *webClient) read(what string, status int, r *http.Response, err error) string {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		w.t.Errorf("%s: %d, %v\n%s", what, r.StatusCode, err, body)
	}
	return string(body)
}

func (w *webClient) get(path string) string {
	w.t.Helper()
	r, err := w.client.Get("http://postvet" + path)
	return w.read(path, http.StatusOK, r, err)
}

var formToken = regexp.MustCompile(`name="token" value="([^"]+)"`)

// token returns the token of the forms of a page.
func (w *webClient) token(path string) string {
	w.t.Helper()
	found := formToken.FindStringSubmatch(w.get(path))
	if found == nil {
		w.t.Fatalf("%s has no form", path)
	}
	return found[1]
}

// post sends the form of a page.
func (w *webClient) post(path string, status int, form url.Values) string {
	w.t.Helper()
	form.Set("token", w.token(path))
	r, err := w.client.PostForm("http://postvet"+path, form)
	return w.read(path, status, r, err)
}

// upload sends the form of a page with a file.
func (w *webClient) upload(path string, status int, form map[string]string, name string, file []byte) string {
	w.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("token", w.token(path))
	for k, v := range form {
		_ = m.WriteField(k, v)
	}
	part, err := m.CreateFormFile(name, "../../etc/\"<b>.eml")
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = m.Close()
	r, err := w.client.Post("http://postvet"+path, m.FormDataContentType(), &b)
	return w.read(path, status, r, err)
}

// has fails for each text that a page lacks.
func (w *webClient) has(what, page string, wants ...string) {
	w.t.Helper()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			w.t.Errorf("%s: %q is missing in\n%s", what, want, page)
		}
	}
}

// shows fails unless a page has each text, and returns the page. A page of which a part was not
// searched or counted in its time, as on a busy machine, is asked for again, and with more time if
// it says so.
func (w *webClient) shows(path string, wants ...string) (page string) {
	w.t.Helper()
	for end, slow := time.Now().Add(patience/4), false; ; time.Sleep(100 * time.Millisecond) {
		page = w.get(longer(path, slow))
		slow = !slow && hurried.MatchString(page)
		lacks := func(want string) bool { return !strings.Contains(page, want) }
		if !slices.ContainsFunc(wants, lacks) {
			return page
		}
		if time.Now().After(end) {
			w.has(path, page, wants...)
			return page
		}
	}
}

// TestWebTools uses the pages about Postvet itself with a service that has a journal.
func TestWebTools(t *testing.T) {
	t.Parallel()
	w, _ := startWeb(t, "[journal]\ndirectory = \"DIR/j\"\nmin_free = 0\n")
	w.shows("/status", "mx.test.example", "127.0.0.1", "/j</code>", `<span class="word good">works</span>`)
	w.shows("/", "All is well", "Nothing proves that the message comes from its author", "Suspicious mail is held")
	w.shows("/about", "github.com/miekg/dns", "what would another policy do", "BSD-3-Clause")
	w.shows("/audit", "Nobody has searched")

	w.shows("/policy", "dmarc-reject", "The configuration in force", "authserv_id = &#34;mx.test.example&#34;")
	w.has("another policy", w.post("/policy", http.StatusOK, url.Values{"rules": {"[policy]\ndmarc = \"mark\"\n"}, "days": {"1"}}),
		"Of 1 message, 1 would be treated differently.", "reject -&gt; accept", "good.example", "dmarc = &#34;mark&#34;")
	w.has("a faulty policy", w.post("/policy", http.StatusOK, url.Values{"rules": {"[policy]\n\ndmarc = \"loose\"\n"}}), "Line 3", "policy.dmarc", "loose")
	w.has("a file", w.post("/policy", http.StatusOK, url.Values{"rules": {"[trust]\nforwarders = [\"file:/etc/passwd\"]\n"}}), "is a file that the configuration does not name")
	w.shows("/keys", "Nothing is signed")
	w.shows("/fleet", "There is no fleet")
	w.has("forget", w.post("/forget", http.StatusOK, url.Values{"what": {"evil.example"}}), "Remove all that the journal has of")
	w.shows("/index.json", `"refused": 1`)
	w.has("forgotten", w.post("/forget", http.StatusOK, url.Values{"what": {"evil.example"}, "confirm": {"yes"}}), "Forgotten: 1 message.")
	w.shows("/audit", "had messages forgotten", "of the domain evil.example", "somebody on the web page")
	w.has("a policy on nothing", w.post("/policy", http.StatusOK, url.Values{"rules": {"[policy]\ndmarc = \"mark\"\n"}}), "The journal has no message of that time")
	w.shows("/policy.json", `dmarc = \"enforce\"`)
}

// TestWebCheck checks messages on the page as "postvet check" does.
func TestWebCheck(t *testing.T) {
	t.Parallel()
	keys := t.TempDir()
	if code, out, errOut := runIn(t, "key", "new", "test.example", "--selector", "s1", "--keys", keys); code != exitDone {
		t.Fatalf("key new: %d, %s%s", code, out, errOut)
	}
	w, dir := startWeb(t, "[sign]\nkeys = \""+keys+"\"\n")
	w.shows("/keys", "test.example", "does not show it", "s1._domainkey.test.example. 3600 IN TXT", "pending")
	own := []byte("From: ann@test.example\r\nTo: bob@good.example\r\nSubject: x\r\n\r\nx\r\n")
	w.has("our message", w.upload("/check", http.StatusOK, map[string]string{"ip": "192.0.2.7", "user": "ann@test.example", "sign": "yes"}, "file", own), ">sign<", "not signed")
	w.shows("/check", "What would become of this message?")
	spoof := testMessage(t, "spoof.eml")
	w.has("a file", w.upload("/check", http.StatusOK, map[string]string{"ip": "192.0.2.66", "helo": "evil.example", "mail_from": "x@evil.example", "sign": "yes"}, "file", []byte(spoof)),
		"Refused:", "The client would be told: <code>550 5.7.26", "_dmarc.good.example", "Authentication-Results: mx.test.example")
	w.has("a text", w.post("/check", http.StatusOK, url.Values{"ip": {"192.0.2.66"}, "message": {spoof}}), "Refused:")
	w.has("a client", w.post("/check", http.StatusOK, url.Values{"ip": {"192.0.2.66"}, "mail_from": {"x@evil.example"}}), "only the client was checked", "evil.example")
	w.has("no message", w.post("/check", http.StatusOK, url.Values{"message": {"no header\n"}}), "This cannot be checked")
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write([]byte("From: a@good.example\r\n\r\n"))
	for range 20 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	w.has("a bomb", w.upload("/check", http.StatusOK, nil, "file", bomb.Bytes()), "larger than 16 MiB when it is unpacked")
	mbox := []byte("From a@b Sun Nov 29 16:00:00 2026\nFrom: a@good.example\n\nx\n\nFrom a@b Sun Nov 29 16:00:00 2026\nFrom: a@good.example\n\nx\n")
	w.has("two messages", w.upload("/check", http.StatusOK, nil, "file", mbox), "more than one message")
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("something was kept: %v", files)
	}
}

// TestWebToolsWithoutJournal: what needs a journal says so, and all else works.
func TestWebToolsWithoutJournal(t *testing.T) {
	t.Parallel()
	w, _ := startWeb(t, "")
	w.shows("/", "Nothing is known to be wrong. Not all could be looked at: the mail of today, as there is no journal.", "Postvet keeps no journal")
	w.shows("/status", "There is no journal.")
	w.shows("/audit", "There is no journal")
	w.has("policy", w.post("/policy", http.StatusNotFound, url.Values{"rules": {"[policy]\ndmarc = \"mark\"\n"}}), "No journal is kept")
}

// TestWebToolsAway: a database and resolvers that do not answer are told, and cost no page.
func TestWebToolsAway(t *testing.T) {
	t.Parallel()
	w, _ := startWebBy(t, "127.0.0.1:1", "timeout = \"300ms\"\n[journal]\ndirectory = \"DIR/j\"\npostgres = \"postgres://postvet@127.0.0.1:1/postvet?sslmode=disable\"\n")
	w.shows("/fleet", "The database of all nodes cannot be asked at present", "connection refused")
	w.shows("/status", "127.0.0.1:1", "Database of all nodes")
	w.shows("/", "Not all is well", "What needs your attention", "DNS")
	w.has("check", w.post("/check", http.StatusOK, url.Values{"ip": {"192.0.2.66"}, "message": {testMessage(t, "spoof.eml")}}), "Deferred", "temperror")
}
