package web

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/net/http/httpguts"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/result"
)

// echo is a Source that gives back what it is asked, and hostile text. It counts what
// would have changed something.
type echo struct{ changes *atomic.Int32 }

func refuse(s string) error {
	return &control.Refusal{Code: control.CodeRequest, Errors: []string{s + hostile}}
}

func (e echo) Ask(_ context.Context, _ access.User, q control.Request) (any, error) {
	switch q.Do {
	case control.DoStatus:
		return control.Status{State: control.StateServing, Mode: "enforce", AuthservID: "mx.example.org"}, nil
	case control.DoCacheFlush, control.DoJournalForget, control.DoReload:
		e.changes.Add(1)
	}
	return nil, refuse(q.Do + q.Query + q.Name)
}

func (e echo) Facts(context.Context) Facts {
	return Facts{
		Status: control.Status{State: control.StateServing, AuthservID: "mx.example.org"}, OwnDomains: []string{hostile},
		Journal: control.Journal{Directory: "/j", Privacy: string(rows.Addresses)},
	}
}

func (e echo) Series(context.Context, access.User, counts.SeriesQuery) (counts.Series, error) {
	return counts.Series{}, refuse("")
}

func (e echo) DomainRecords(_ context.Context, domain string) ([]rows.Published, error) {
	return nil, refuse(domain)
}

func (e echo) DomainChanges(_ context.Context, domain string, _ time.Time) (*domainhistory.Changes, error) {
	return nil, refuse(domain)
}

func (e echo) DomainPatterns(_ context.Context, domain string) (*domainhistory.Patterns, error) {
	return nil, refuse(domain)
}

func (e echo) InspectDomain(_ context.Context, domain string) (*inspect.Report, error) {
	return nil, refuse(domain)
}

func (e echo) Reports(context.Context) (ReportReader, error) { return nil, refuse("") }

func (e echo) KnownSenders(_ context.Context, domain string) (Senders, error) {
	return Senders{}, refuse(domain)
}

func (e echo) Senders(_ context.Context, domain string, _ time.Duration) (Senders, error) {
	return Senders{}, refuse(domain)
}

func (e echo) Lookup(context.Context, string, dnscache.Type) *dnscache.Answer {
	return &dnscache.Answer{}
}

func (e echo) Audit(context.Context, int) ([]sqlite.Audited, error) {
	return []sqlite.Audited{{At: testNow, UID: -1, Web: hostile, Address: hostile, Do: hostile, Query: &rows.Query{From: hostile}}}, nil
}

func (e echo) Policy(context.Context) Policy { return Policy{} }

func (e echo) TryPolicy(_ context.Context, _ access.User, text string, _ time.Time) (*trial.Report, error) {
	e.changes.Add(1)
	return nil, refuse(text[:min(len(text), 100)])
}

func (e echo) CheckMessage(context.Context, access.User, CheckRequest) (*result.Report, []string, error) {
	e.changes.Add(1)
	return nil, nil, refuse("")
}

func (e echo) Keys(context.Context) KeyRing { return KeyRing{} }

func (e echo) Fleet(context.Context) Fleet { return Fleet{} }

// gates are ways in for the fuzzer. Only the first lets anybody in who has no session, and is
// no proxy.
func gates(t testing.TB) []access.Gate {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret password"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return []access.Gate{
		access.New(access.Settings{Unix: true}),
		access.New(access.Settings{Accounts: []access.Account{{Name: "ann", Hash: hash, Role: access.Admin}}}),
		access.New(access.Settings{Proxy: access.Proxy{User: "Remote-User", Groups: "Remote-Groups", Role: access.Admin}}),
	}
}

// FuzzHandler sends requests of every kind. None may crash a page, be shown without the
// headers that protect it, become markup, lead elsewhere, or change something unseen.
func FuzzHandler(f *testing.F) {
	for _, target := range []string{
		"/", "/index.json", "/status", "/status.json", "/messages?q=%00%ff<b>", "/messages/1R407AG0YWNWK", "/messages/%2e%2e%2fx.json", "/domains?sort=x&page=-1",
		"/domains/" + url.PathEscape(hostile), "/domains/example.org.json", "/lookup/a%2Fb?type=%3Cevil%3E", "/reports/in?domain=" + url.QueryEscape(hostile), "/reports/sent/99999999999999999999",
		"/static/style.css", "/static/..%2fweb.go", "/none.json", "/zone?name=../../etc&back=//evil.example", "/login?to=https://evil.example", "//evil.example/%2f..", "/live", "/audit", "/check", "/policy", "/own", "/keys", "/fleet", "/forget", "/held", "/about", "/forwarders",
		"/status/", "/a;b?c;d&%zz", "*",
	} {
		f.Add(uint8(0), "GET", target, "", []byte(nil))
		f.Add(uint8(1), "GET", target, "Cookie: postvet_session=x; postvet_zone=../x", []byte(nil))
	}
	forged := "Remote-User: admin\nRemote-Groups: admins\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: evil.example\nHost: evil.example"
	f.Add(uint8(1), "GET", "/audit", forged, []byte(nil))
	f.Add(uint8(2), "GET", "/audit", forged, []byte(nil))
	f.Add(uint8(0), "GET", "/static/style.css", "Range: bytes=0-10,5-6,-1\nIf-None-Match: *", []byte(nil))
	for _, path := range []string{"/policy", "/check", "/lookup/example.org", "/forget", "/logout", "/status"} {
		f.Add(uint8(0), "POST", path, "Content-Type: application/x-www-form-urlencoded\nOrigin: https://evil.example", []byte("token=x&text="+url.QueryEscape(hostile)))
		f.Add(uint8(0), "POST", path, "Content-Type: multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nx\r\n--b--\r\n"))
	}
	for _, method := range []string{"HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT", "PROPFIND"} {
		f.Add(uint8(0), method, "/status", "", []byte(nil))
	}
	all := gates(f)
	f.Fuzz(func(t *testing.T, way uint8, method, target, header string, body []byte) {
		r := fuzzed(method, target, header, body)
		if r == nil {
			return
		}
		gate := all[int(way)%len(all)]
		base := []string{"", "/postvet"}[int(way)/len(all)%2]
		source := echo{new(atomic.Int32)}
		h := New(Options{Source: source, Gate: gate, Base: base, Now: func() time.Time { return testNow }})
		if method == http.MethodPost && gate == all[1] && strings.Contains(target, "login") {
			return // takes a second
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		checkAnswer(t, w, base)
		if r.Method != http.MethodGet && source.changes.Load() > 0 {
			t.Errorf("a form without a token changed something")
		}
		page := w.Code == http.StatusOK && !strings.Contains(r.URL.Path, "/static/") && !strings.HasSuffix(r.URL.Path, "/login")
		if gate != all[0] && page {
			t.Errorf("%s %s is shown to a stranger", r.Method, r.URL)
		}
	})
}

// fuzzed returns a request as [net/http] would hand it on, nil if it would not.
func fuzzed(method, target, header string, body []byte) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil || !httpguts.ValidHeaderFieldName(method) || u.Host != "" && u.Scheme == "" {
		return nil
	}
	fields, err := textproto.NewReader(bufio.NewReader(strings.NewReader(strings.ReplaceAll(header, "\n", "\r\n") + "\r\n\r\n"))).ReadMIMEHeader()
	if err != nil {
		return nil
	}
	for name, values := range fields {
		for _, v := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(v) {
				return nil
			}
		}
	}
	r := &http.Request{
		Method: method, URL: u, RequestURI: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header(fields),
		Host: fields.Get("Host"), RemoteAddr: "192.0.2.1:4000", Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	r.Header.Del("Host")
	return r
}

func checkAnswer(t *testing.T, w *httptest.ResponseRecorder, base string) {
	t.Helper()
	failing := slices.ContainsFunc([]string{noLive.Title, noJournal.Title, "The store of reports cannot be read"}, func(s string) bool { return strings.Contains(w.Body.String(), s) })
	if w.Code < 200 || w.Code >= 500 && (w.Code != http.StatusServiceUnavailable || !failing) {
		t.Errorf("the status is %d\n%.2000s", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"} {
		if !strings.HasPrefix(w.Header().Get(name), want) {
			t.Errorf("%s is %q", name, w.Header().Get(name))
		}
	}
	if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, base+"/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\")) {
		t.Errorf("it leads to %q", to)
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		checkHarmless(t, w.Body.String())
	}
}
