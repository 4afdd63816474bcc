package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// source is a Source whose answers a test says. What it does not say is not asked.
type source struct {
	Source
	ask   func(user access.User, q control.Request) (any, error)
	facts Facts
	audit []sqlite.Audited
}

func (s source) Audit(context.Context, int) ([]sqlite.Audited, error) { return s.audit, nil }

func (s source) Facts(context.Context) Facts { return s.facts }

func (s source) Ask(_ context.Context, user access.User, q control.Request) (any, error) {
	return s.ask(user, q)
}

// socketRights is a gate for which each user is an admin.
type socketRights struct{}

func (socketRights) Identify(*http.Request) (access.User, error) {
	return access.User{Role: access.Admin}, nil
}

var testNow = time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC)

// get returns the answer of a handler to a GET.
func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// holds fails for each text that a page lacks.
func holds(t *testing.T, name, page string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			t.Errorf("%s: %q is missing in\n%s", name, want, page)
		}
	}
}

// lacks fails for each text that a page has.
func lacks(t *testing.T, name, page string, others ...string) {
	t.Helper()
	for _, other := range others {
		if strings.Contains(page, other) {
			t.Errorf("%s: has %q\n%s", name, other, page)
		}
	}
}

func newTest(s Source) *Handler {
	return New(Options{Source: s, Gate: socketRights{}, Version: "1.0", Now: func() time.Time { return testNow }})
}

func TestPages(t *testing.T) {
	s := source{ask: func(_ access.User, q control.Request) (any, error) {
		return control.Status{State: control.StateServing, Mode: "enforce", AuthservID: "mx.example.org", Started: testNow.Add(-time.Hour)}, nil
	}}
	for path, want := range map[string][]string{
		"/status":      {"<title>Status · Postvet</title>", "mx.example.org", "60 minutes ago", `aria-current="page"`},
		"/status.json": {`"authserv_id": "mx.example.org"`},
	} {
		w := get(t, newTest(s), path)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		holds(t, path, w.Body.String(), want...)
		if p := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(p, "default-src 'none'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: the policy is %q", path, p)
		}
	}
}

// TestFaults: a page that fails says so, and costs no other.
func TestFaults(t *testing.T) {
	for name, x := range map[string]struct {
		ask    func(access.User, control.Request) (any, error)
		path   string
		status int
		want   string
	}{
		"panic": {func(access.User, control.Request) (any, error) { panic("x") }, "/status", 500, "fault in Postvet"},
		"refused": {func(access.User, control.Request) (any, error) {
			return nil, &control.Refusal{Code: control.CodeBusy, Errors: []string{"too many <b>"}}
		}, "/status", 503, "too many &lt;b&gt;"},
		"json": {func(access.User, control.Request) (any, error) {
			return nil, &control.Refusal{Code: control.CodeBusy, Errors: []string{"busy"}}
		}, "/status.json", 503, `"text": "busy"`},
		"unknown": {nil, "/nowhere", 404, "There is no such page"},
	} {
		w := get(t, newTest(source{ask: x.ask}), x.path)
		if w.Code != x.status || !strings.Contains(w.Body.String(), x.want) {
			t.Errorf("%s: %d\n%s", name, w.Code, w.Body)
		}
	}
}
