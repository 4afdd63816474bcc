package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// post returns the answer of a handler to a form, sent with the token of the user whom the
// rights of the socket let in.
func post(t *testing.T, h *Handler, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	form = url.Values(http.Header(form).Clone())
	if form == nil {
		form = url.Values{}
	}
	form.Set(tokenField, h.forms.token(access.User{}))
	return postAs(h, path, form, nil)
}

// postAs sends a form as it is, with header fields.
func postAs(h http.Handler, path string, form url.Values, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// withForm returns a handler with a page that takes a form.
func withForm() (h *Handler, taken *[]string) {
	h = newTest(source{})
	taken = &[]string{}
	h.mux.HandleFunc("POST /form", h.servePost(page{path: "/form", role: access.Viewer, post: func(q *request) (any, error) {
		*taken = append(*taken, q.http.PostFormValue("x"))
		return redirect("/status"), nil
	}}))
	return h, taken
}

// TestForms: a form is carried out only if one of our pages sent it.
func TestForms(t *testing.T) {
	t.Parallel()
	h, taken := withForm()
	token := h.forms.token(access.User{})
	other, _ := withForm()
	for name, x := range map[string]struct {
		token  string
		header map[string]string
		status int
		want   string
	}{
		"token":               {token, nil, 303, ""},
		"same origin":         {token, map[string]string{"Sec-Fetch-Site": "same-origin"}, 303, ""},
		"origin":              {token, map[string]string{"Origin": "http://example.com"}, 303, ""},
		"no token":            {"", nil, 403, "too old"},
		"of another process":  {other.forms.token(access.User{}), nil, 403, "too old"},
		"of another user":     {h.forms.token(access.User{Name: "ann"}), nil, 403, "too old"},
		"of another session":  {h.forms.token(access.User{Session: "1"}), nil, 403, "too old"},
		"cross-site":          {token, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "Another site"},
		"same-site":           {token, map[string]string{"Sec-Fetch-Site": "same-site"}, 403, "Another site"},
		"origin of another":   {token, map[string]string{"Origin": "http://evil.example"}, 403, "Another site"},
		"origin null":         {token, map[string]string{"Origin": "null"}, 403, "Another site"},
		"forms of other type": {token, map[string]string{"Content-Type": "text/plain"}, 403, "too old"},
		"broken":              {token, map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, 400, "cannot be read"},
	} {
		*taken = nil
		w := postAs(h, "/form", url.Values{tokenField: {x.token}, "x": {"1"}}, x.header)
		if w.Code != x.status || !strings.Contains(w.Body.String(), x.want) || (len(*taken) == 1) != (x.status == 303) {
			t.Errorf("%s: %d, taken %q\n%s", name, w.Code, *taken, w.Body)
		}
	}
	if w := post(t, h, "/form", url.Values{"x": {strings.Repeat("y", maxForm)}}); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large form: %d", w.Code)
	}
	users, _ := withUsers(t, "")
	for name, form := range map[string]url.Values{"values": {"name": {strings.Repeat("y", maxLogInForm)}}, "names": {strings.Repeat("y=&", maxLogInForm/3): {""}}} {
		if w := postAs(users, "/login", form, nil); w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "16.0 KiB") {
			t.Errorf("a log-in with large %s: %d\n%s", name, w.Code, w.Body)
		}
	}
}

// TestBase: the pages are below the base alone, and no redirect leads out of it.
func TestBase(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		base, path string
		status     int
		location   string
	}{
		{"", "/static/icon.svg", 200, ""},
		{"", "/none/", 308, "/none"},
		{"", "/none/?q=1", 308, "/none?q=1"},
		{"", "//evil.example/", 404, ""},
		{"", "//evil.example", 404, ""},
		{"", "/\\evil.example/", 308, "/%5Cevil.example"},
		{"", "/static", 404, ""},
		{"", "/static/", 308, "/static"},
		{"", "/static/../web.go", 404, ""},
		{"", "/static/%2e%2e/web.go", 404, ""},
		{"", "/static/..%2fweb.go", 404, ""},
		{"/postvet", "/postvet", 308, "/postvet/"},
		{"/postvet", "/postvet?a=b", 308, "/postvet/?a=b"},
		{"/postvet", "/postvet/static/icon.svg", 200, ""},
		{"/postvet", "/postvet/none/", 308, "/postvet/none"},
		{"/postvet", "/postvet//evil.example/", 404, ""},
		{"/postvet", "/postvetx/static/icon.svg", 404, ""},
		{"/postvet", "/%70ostvet/a%2fb", 404, ""},
		{"/postvet", "/static/icon.svg", 404, ""},
		{"/postvet", "/postvet/../static/icon.svg", 404, ""},
		{"/postvet", "/", 404, ""},
	} {
		h := New(Options{Source: source{}, Gate: socketRights{}, Base: x.base})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		u, err := url.ParseRequestURI(x.path)
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.RequestURI, r.Host = u, x.path, "evil.example"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != x.status || w.Header().Get("Location") != x.location || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%q below %q: %d, to %q", x.path, x.base, w.Code, w.Header().Get("Location"))
		}
	}
}

// TestStreams: answers that stay open are bounded, in all and for a user.
func TestStreams(t *testing.T) {
	t.Parallel()
	h := newTest(source{})
	var ends []func()
	open := func(user string) bool {
		end, ok := h.streams.open(user)
		if ok {
			ends = append(ends, end)
		}
		return ok
	}
	for i := range maxStreamsOfUser + 1 {
		if open("ann") != (i < maxStreamsOfUser) {
			t.Fatalf("stream %d of one user", i)
		}
	}
	for i := range maxStreams - maxStreamsOfUser {
		if !open("") {
			t.Fatalf("stream %d is refused", i)
		}
	}
	w := httptest.NewRecorder()
	q := &request{http: httptest.NewRequest(http.MethodGet, "/live", nil), user: access.User{Name: "bob"}, zone: testNow.Location(), time: &allowance{}}
	if _, ok := h.openStream(w, q); ok || w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Too many watch") {
		t.Errorf("the one too many: %v, %d", ok, w.Code)
	}
	for _, end := range ends {
		end()
		end()
	}
	if h.Streams() != 0 || len(h.streams.of) != 0 || !open("bob") {
		t.Errorf("%d streams are left, %v", h.Streams(), h.streams.of)
	}
}
