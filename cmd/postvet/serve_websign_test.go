package main

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// signatureText matches the base64 of a signature. On a page, nothing else in base64 is that long
// but the record of the key.
var signatureText = regexp.MustCompile(`[A-Za-z0-9+/]{60,}`)

// asUser adds to each request what a proxy says of its user.
type asUser struct {
	http.RoundTripper
	group string
}

func (a asUser) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Remote-User", "ann")
	r.Header.Set("Remote-Groups", a.group)
	return a.RoundTripper.RoundTrip(r)
}

// TestWebCheckShowsNoSignature: the page says which active key would sign, and never shows a
// signature by it. Such a signature would be valid, so that a user with the role support could
// send mail in the name of everybody.
func TestWebCheckShowsNoSignature(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "pw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	keys := filepath.Join(dir, "keys")
	zone := "_dmarc.test.example. TXT \"v=DMARC1; p=reject\"\n"
	var records []string
	for _, k := range [][2]string{{"s1", "rsa2048"}, {"e1", "ed25519"}} {
		code, record, errOut := runIn(t, "key", "new", "test.example", "--selector", k[0], "--type", k[1], "--keys", keys)
		if code != exitDone {
			t.Fatalf("key new: %d, %s", code, errOut)
		}
		record = strings.TrimSpace(record)
		records = append(records, record)
		zone += k[0] + "._domainkey.test.example. TXT"
		for len(record) > 0 {
			n := min(len(record), 200)
			zone += " \"" + record[:n] + "\""
			record = record[n:]
		}
		zone += "\n"
	}
	dns, err := dnstest.NewServer(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	socket := filepath.Join(dir, "w")
	startControlledBy(t, dns.Addr(), "[sign]\nkeys = \""+keys+"\"\ned25519 = true\n[seal]\ndomain = \"test.example\"\nrecipients = [\"bob.example\"]\n"+
		"[web]\nlisten = \"unix:"+socket+"\"\nproxy = [\"unix\"]\nuser_header = \"Remote-User\"\ngroups_header = \"Remote-Groups\"\nroles = [\"v:viewer\", \"s:support\", \"a:admin\"]\n")

	const text = "From: ann@test.example\r\nTo: bob@bob.example\r\nSubject: x\r\nDate: Sun, 29 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@test.example>\r\n\r\nx\r\n"
	unsigned := func(what, page string) {
		t.Helper()
		shown := html.UnescapeString(page)
		for _, part := range signatureText.FindAllString(shown, -1) {
			for _, r := range records { // a page may show them in parts
				if strings.Contains(r, part) {
					shown = strings.ReplaceAll(shown, part, "")
				}
			}
		}
		if found := signatureText.FindString(shown); found != "" || strings.Contains(shown, "bh=") {
			t.Errorf("%s has a signature, %q\n%s", what, found, page)
		}
	}
	forms := map[string]url.Values{
		"a user's mail":   {"ip": {"192.0.2.7"}, "user": {"ann@test.example"}, "mail_from": {"ann@test.example"}, "rcpt": {"bob@bob.example"}, "message": {text}, "sign": {"yes"}},
		"a local program": {"ip": {"127.0.0.1"}, "mail_from": {"ann@test.example"}, "rcpt": {"bob@bob.example"}, "message": {text}, "sign": {"yes"}},
		"mail to forward": {"ip": {"192.0.2.7"}, "mail_from": {"ann@test.example"}, "rcpt": {"bob@bob.example"}, "message": {text}, "sign": {"yes"}},
		"a signed one":    {"ip": {"192.0.2.7"}, "user": {"ann@test.example"}, "message": {"DKIM-Signature: v=1; a=rsa-sha256; d=test.example; s=s1; h=from; bh=AAAA; b=AAAA\r\n" + text}, "sign": {"yes"}},
		"not asked for":   {"ip": {"192.0.2.7"}, "user": {"ann@test.example"}, "message": {text}},
	}
	for group, sees := range map[string]bool{"v": false, "s": true, "a": true} {
		transport := unixTransport(socket)
		t.Cleanup(transport.CloseIdleConnections)
		w := &webClient{t, &http.Client{Transport: asUser{transport, group}, Timeout: patience}}
		if !sees {
			for _, path := range []string{"/check", "/check.json"} {
				r, err := w.client.Get("http://postvet" + path)
				unsigned(path, w.read(path, http.StatusForbidden, r, err))
				r, err = w.client.PostForm("http://postvet"+path, forms["a user's mail"])
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if r.StatusCode/100 != 4 {
					t.Errorf("a viewer sends a form to %s: %d", path, r.StatusCode)
				}
				unsigned(path, string(body))
			}
			continue
		}
		page := ""
		eventually(func() bool { // the service has seen the records
			page = w.post("/check", http.StatusOK, forms["a user's mail"])
			return strings.Contains(page, "by selector s1")
		})
		w.has("a user's mail", page, "we would sign as test.example by selector s1")
		for what, form := range forms {
			page := w.post("/check", http.StatusOK, form)
			before, after, _ := strings.Cut(page, `<textarea`)
			_, after, _ = strings.Cut(after, `</textarea>`) // what was typed
			unsigned(group+", "+what, before+after)
		}
		r, err := w.client.Get("http://postvet/check.json")
		unsigned("/check.json", w.read("/check.json", http.StatusOK, r, err))
		form := forms["a user's mail"]
		form.Set("token", w.token("/check"))
		r, err = w.client.PostForm("http://postvet/check.json", form)
		unsigned("/check.json", w.read("a form to /check.json", http.StatusMethodNotAllowed, r, err))
		ring := w.get("/keys.json")
		unsigned("/keys", ring)
		if strings.Contains(ring, `"signed": `) {
			t.Errorf("a check is kept as a signature\n%s", ring)
		}
	}
	// What such a key signs looks like a signature to this test.
	file := filepath.Join(dir, "x.eml")
	writeConfig(t, file, text)
	for _, selector := range []string{"s1", "e1"} {
		code, out, errOut := runIn(t, "sign", file, "--domain", "test.example", "--selector", selector, "--key", filepath.Join(keys, "test.example", selector+".pem"))
		if code != exitDone || !signatureText.MatchString(strings.ReplaceAll(out, "\r\n\t", "")) || !strings.Contains(out, "bh=") {
			t.Errorf("sign: %d, %s%s", code, out, errOut)
		}
	}
}
