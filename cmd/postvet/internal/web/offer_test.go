package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// TestOffers: a page leads its reader only to what he may see.
func TestOffers(t *testing.T) {
	t.Parallel()
	kept := startKept(t)
	facts := wellFacts()
	facts.Status.Keys, facts.Held = &control.Keys{Unpublished: 1}, Held{Today: 10, PerDay: 10}
	first := homeSource{source: source{facts: facts, ask: func(_ access.User, q control.Request) (any, error) {
		if q.Do == control.DoStatus {
			return facts.Status, nil
		}
		return ranking(), nil
	}}}
	nodes := toolsSource{source: source{facts: facts}, nodes: Fleet{Configured: true, Nodes: []FleetNode{{Name: "mx1"}}}}
	for path, s := range map[string]Source{
		"/": first, "/status": first, "/fleet": nodes,
		"/domains": kept, "/domains/example.org?range=month": kept, "/forwarders?range=month": kept, "/own": kept, "/reports/in": kept, "/reports/in/1": kept,
	} {
		h := newTest(s)
		if n := len(refusedLinks(t, h, path, access.User{Role: access.Admin})); n > 0 {
			t.Errorf("%s leads an admin to %d pages that he may not see", path, n)
		}
		h = New(Options{Source: s, Gate: viewer{}, Now: func() time.Time { return testNow }})
		for _, link := range refusedLinks(t, h, path, access.User{Role: access.Viewer}) {
			t.Errorf("%s leads a viewer to %s", path, link)
		}
	}
	if links := refusedLinks(t, newTest(first), "/", access.User{Role: access.Viewer}); len(links) < 8 {
		t.Errorf("what an admin sees has only %q", links)
	}
}

// refusedLinks returns the links of a page that lead to pages which a user may not see.
func refusedLinks(t *testing.T, h *Handler, path string, user access.User) (all []string) {
	t.Helper()
	w := get(t, h, path)
	if w.Code != 200 {
		t.Fatalf("%s: %d\n%s", path, w.Code, w.Body)
	}
	root, err := html.Parse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			u, err := url.Parse(a.Val)
			if a.Key != "href" && a.Key != "action" || err != nil || u.Path == "" || strings.HasPrefix(u.Path, "/static/") || u.Path == "/zone" {
				continue
			}
			to := strings.TrimSuffix(u.Path, ".json")
			if to == "/index" {
				to = "/"
			}
			if _, ok := h.offered(to, user); !ok {
				all = append(all, a.Val)
			}
		}
	}
	return all
}
