package web

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/crypto/bcrypt"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// withUsers returns a handler whose users are called like their roles, which are their
// passwords, too.
func withUsers(t *testing.T, base string) (*Handler, *observer.ObservedLogs) {
	t.Helper()
	s := access.Settings{Base: base}
	for r := access.Viewer; r <= access.Admin; r++ {
		hash, err := bcrypt.GenerateFromPassword([]byte(r.String()), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		s.Accounts = append(s.Accounts, access.Account{Name: r.String(), Hash: hash, Role: r})
	}
	core, logs := observer.New(zap.InfoLevel)
	return New(Options{Source: source{}, Gate: access.New(s), Base: base, Logger: zap.New(core)}), logs
}

// logIn logs a user in, and returns the cookie.
func logIn(t *testing.T, h *Handler, name string) string {
	t.Helper()
	w := postAs(h, h.opt.Base+"/login", url.Values{"name": {name}, "password": {name}}, nil)
	if w.Code != http.StatusSeeOther || len(w.Result().Cookies()) != 1 {
		t.Fatalf("%s: %d\n%s", name, w.Code, w.Body)
	}
	c := w.Result().Cookies()[0]
	return c.Name + "=" + c.Value
}

// with returns the answer to a request with a cookie.
func with(h http.Handler, method, path, cookie string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost"
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestLogIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, logs := withUsers(t, "/postvet")
		// Without a session a page leads to the log-in, and it leads back.
		w := with(h, "GET", "/postvet/status?x=1", "")
		if w.Code != 303 || w.Header().Get("Location") != "/postvet/login?to=%2Fstatus%3Fx%3D1" {
			t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
		}
		if w := with(h, "GET", "/postvet/status.json", ""); w.Code != 401 || !strings.Contains(w.Body.String(), "Log in first") {
			t.Errorf("JSON without a session: %d %s", w.Code, w.Body)
		}
		if w := with(h, "GET", "/postvet/login?to=%2Fstatus%3Fx%3D1", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `value="/status?x=1"`) || strings.Contains(w.Body.String(), "<nav") {
			t.Errorf("the page: %d\n%s", w.Code, w.Body)
		}
		w = postAs(h, "/postvet/login", url.Values{"name": {"admin"}, "password": {"admin"}, "to": {"/none?x=1"}}, nil)
		if w.Code != 303 || w.Header().Get("Location") != "/postvet/none?x=1" {
			t.Errorf("logged in: %d to %q", w.Code, w.Header().Get("Location"))
		}
		cookie := logIn(t, h, "support")
		if w := with(h, "GET", "/postvet/login", cookie); w.Code != 303 || w.Header().Get("Location") != "/postvet/" {
			t.Errorf("the log-in with a session: %d to %q", w.Code, w.Header().Get("Location"))
		}
		page := with(h, "GET", "/postvet/none", cookie).Body.String()
		if !strings.Contains(page, "Log out") || !strings.Contains(page, ">support<") {
			t.Errorf("no way to log out in\n%s", page)
		}

		// A log-out needs the token of the session.
		_, token, _ := strings.Cut(page, `name="token" value="`)
		token, _, _ = strings.Cut(token, `"`)
		out := func(token string, header map[string]string) int {
			return postAs(h, "/postvet/logout", url.Values{"token": {token}}, header).Code
		}
		if code := out("x", map[string]string{"Cookie": cookie}); code != 403 {
			t.Errorf("a log-out with a forged token: %d", code)
		}
		if code := out(token, map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}); code != 403 {
			t.Errorf("a log-out by another site: %d", code)
		}
		if code := out(token, map[string]string{"Cookie": cookie}); code != 303 {
			t.Errorf("a log-out: %d", code)
		}
		if w := with(h, "GET", "/postvet/none", cookie); w.Code != 303 {
			t.Errorf("a page after the log-out: %d", w.Code)
		}

		// What fails.
		w = postAs(h, "/postvet/login", url.Values{"name": {"<b>\x1b"}, "password": {"x"}}, nil)
		if w.Code != 401 || !strings.Contains(w.Body.String(), "wrong") || strings.Contains(w.Body.String(), "<b>") {
			t.Errorf("a failure: %d\n%s", w.Code, w.Body)
		}
		none := postAs(h, "/postvet/login", url.Values{"name": {"stranger"}, "password": {"x"}}, nil).Body.String()
		wrong := postAs(h, "/postvet/login", url.Values{"name": {"admin"}, "password": {"x"}}, nil).Body.String()
		if strings.ReplaceAll(none, "stranger", "admin") != wrong {
			t.Error("the page tells which users exist")
		}
		for range 10 {
			w = postAs(h, "/postvet/login", url.Values{"name": {"admin"}, "password": {"x"}}, nil)
		}
		if w.Code != 429 || w.Header().Get("Retry-After") == "" {
			t.Errorf("too many failures: %d", w.Code)
		}
		if w := postAs(h, "/postvet/login", url.Values{}, map[string]string{"Origin": "https://evil.example"}); w.Code != 403 {
			t.Errorf("a log-in by another site: %d", w.Code)
		}
		got := map[string]int{}
		for _, e := range logs.All() {
			m := e.ContextMap()
			if m["address"] != "192.0.2.1" || m["user"] == "" || strings.Contains(m["user"].(string), "\x1b") {
				t.Errorf("%s: %v", e.Message, m)
			}
			got[e.Message]++
		}
		want := map[string]int{"log-in": 2, "log-out": 1, "log-in failed": 10, "log-in refused, too many failed or are under way": 3}
		if !maps.Equal(got, want) {
			t.Errorf("logged %v", got)
		}
		if c := h.Counts(); c.Logins != 2 || c.LoginsFailed != 10 || c.LoginsRefused != 3 || c.Requests[2] == 0 || c.Requests[3] == 0 || c.Requests[4] == 0 {
			t.Errorf("counted %+v", c)
		}
	})
}

// TestOffered: the search field is for those who may search mail, and the list of pages has those
// that the user may see.
func TestOffered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _ := withUsers(t, "")
		for r := access.Viewer; r <= access.Admin; r++ {
			cookie := logIn(t, h, r.String())
			page := with(h, "GET", "/none", cookie).Body.String()
			if has := strings.Contains(page, `action="/messages"`); has != (r >= access.Support) {
				t.Errorf("%s has the field: %v", r, has)
			}
			about := with(h, "GET", "/about", cookie).Body.String()
			for _, x := range questions {
				if has := strings.Contains(about, "<dt><a href=\""+x.path+"\""); has != (r >= roleOf[x.path]) {
					t.Errorf("%s is told of %s: %v", r, x.path, has)
				}
			}
		}
	})
}

// TestLocalPath: a log-in leads nowhere else.
func TestLocalPath(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"/status?x=1": "/status?x=1", "": "/", "status": "/", "//evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/",
		"https://evil.example": "/", "javascript:alert(1)": "/", "/a\r\nSet-Cookie: x": "/", "/\t/evil.example": "/",
		"/../mail": "/", "/%2e%2e/mail": "/", "/a/.%2E/..//evil.example": "/", "/.//evil.example": "/", "/%2fevil.example": "/", "/%5cevil.example": "/%5cevil.example", "/%zz": "/", "/\xee": "/", "/\u202egnp": "/", "/%e2%80%aegnp": "/%e2%80%aegnp",
		"/domains/a%2fb?x=//y/../z": "/domains/a%2fb?x=//y/../z", "/" + strings.Repeat("a", 3000): "/",
	} {
		if got := localPath(s); got != want {
			t.Errorf("%q leads to %q", s, got)
		}
	}
}

// TestNoLogIn: where the rights of the socket let users in, there is none.
func TestNoLogIn(t *testing.T) {
	t.Parallel()
	for _, gate := range []access.Gate{socketRights{}, access.New(access.Settings{Unix: true})} {
		h := New(Options{Source: source{}, Gate: gate})
		if w := with(h, "GET", "/login", ""); w.Code != 404 {
			t.Errorf("%d", w.Code)
		}
		for _, path := range []string{"/login", "/logout"} {
			if w := postAs(h, path, url.Values{}, map[string]string{"Host": "localhost"}); w.Code != 405 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		if page := with(h, "GET", "/none", "").Body.String(); strings.Contains(page, "Log out") {
			t.Error("a log-out is offered")
		}
	}
}

// roleOf is the least role of each page. A new page belongs here.
var roleOf = map[string]access.Role{
	"/":                  access.Viewer,
	"/messages":          access.Support,
	"/held":              access.Support,
	"/live":              access.Support,
	"/messages/{ref}":    access.Support,
	"/check":             access.Support,
	"/policy":            access.Admin,
	"/domains":           access.Viewer,
	"/domains/{name}":    access.Viewer,
	"/forwarders":        access.Viewer,
	"/own":               access.Viewer,
	"/lookup":            access.Support,
	"/lookup/{name}":     access.Support,
	"/reports/in":        access.Viewer,
	"/reports/in/{id}":   access.Viewer,
	"/reports/sent":      access.Support,
	"/reports/sent/{id}": access.Support,
	"/keys":              access.Support,
	"/fleet":             access.Viewer,
	"/forget":            access.Admin,
	"/status":            access.Viewer,
	"/about":             access.Nobody,
	"/audit":             access.Admin,
}

// TestRoles: each page and its form are for those with its role, and for nobody else.
func TestRoles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _ := withUsers(t, "")
		cookies := map[access.Role]string{access.Nobody: ""}
		for r := access.Viewer; r <= access.Admin; r++ {
			cookies[r] = logIn(t, h, r.String())
		}
		for _, p := range h.pages {
			want, ok := roleOf[p.path]
			if !ok || p.role != want {
				t.Errorf("%s is for %s; the table says %s", p.path, p.role, want)
			}
			// What the page shows is not asked for here, but who may see it.
			p.data = func(*request) (any, error) { return nil, &problem{Status: http.StatusTeapot} }
			page := h.serve(p, false)
			json := h.serve(p, true)
			form := h.servePost(takingForms(p))
			for role, cookie := range cookies {
				for kind, f := range map[string]http.HandlerFunc{"page": page, "JSON": json, "form": form} {
					method, status := "GET", http.StatusTeapot
					if kind == "form" {
						method, status = "POST", http.StatusForbidden // without a token, in any case
					}
					switch {
					case role == access.Nobody && kind == "JSON":
						status = http.StatusUnauthorized
					case role == access.Nobody:
						status = http.StatusSeeOther
					case role < p.role:
						status = http.StatusForbidden
					}
					w := with(f, method, "/x", cookie)
					refused := strings.Contains(w.Body.String(), "It needs the role")
					if w.Code != status || role != access.Nobody && refused != (role < p.role) {
						t.Errorf("%s, %s, as %s: %d", p.path, kind, role, w.Code)
					}
				}
			}
		}
		var paths []string
		for _, p := range h.pages {
			paths = append(paths, p.path)
		}
		for path := range roleOf {
			if !slices.Contains(paths, path) {
				t.Errorf("there is no page %s", path)
			}
		}
	})
}

// takingForms returns a page that takes a form.
func takingForms(p page) page {
	p.post = func(*request) (any, error) { return nil, &problem{Status: http.StatusTeapot} }
	return p
}
