package browser

import (
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxCrawled bounds the pages that TestCrawl reads, and maxAlike those of them that differ only
// in what they are about.
const (
	maxCrawled = 400
	maxAlike   = 4
)

var (
	// linkText matches what a page leads to, and anchorIDs the ids of its elements.
	linkText  = regexp.MustCompile(` (?:href|src|action)="([^"]*)"`)
	anchorIDs = regexp.MustCompile(` id="([^"]*)"`)
)

// TestCrawl follows each link of each page once. None is dead, and each page has its JSON.
func TestCrawl(t *testing.T) {
	s := startSite(t)
	root, err := url.Parse(s.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (status int, kind, body string) {
		r, err := http.Get(root.Scheme + "://" + root.Host + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return r.StatusCode, r.Header.Get("Content-Type"), string(text)
	}
	type found struct{ path, on string }
	next, seen, shapes := []found{{base + "/", "the start"}}, map[string]bool{}, map[string]int{}
	pages := 0
	for len(next) > 0 && pages < maxCrawled {
		f := next[0]
		next = next[1:]
		path, fragment, _ := strings.Cut(f.path, "#")
		if seen[path] {
			continue
		}
		seen[path] = true
		shape := shapeOf(path)
		if shapes[shape]++; shapes[shape] > maxAlike {
			continue
		}
		pages++
		status, kind, body := get(path)
		if status != http.StatusOK {
			t.Errorf("%s, to which %s leads: %d", path, f.on, status)
			continue
		}
		if strings.HasPrefix(kind, "application/json") {
			if !json.Valid([]byte(body)) {
				t.Errorf("%s is no JSON", path)
			}
			continue
		}
		if !strings.HasPrefix(kind, "text/html") {
			continue
		}
		if len(body) > 100<<10 {
			t.Errorf("%s has %d octets", path, len(body))
		}
		ids := map[string]bool{}
		for _, m := range anchorIDs.FindAllStringSubmatch(body, -1) {
			if ids[m[1]] {
				t.Errorf("%s has the id %s twice", path, m[1])
			}
			ids[m[1]] = true
		}
		if fragment != "" && !ids[fragment] {
			t.Errorf("%s leads to #%s on %s, which is not there", f.on, fragment, path)
		}
		for _, m := range linkText.FindAllStringSubmatch(body, -1) {
			link := html.UnescapeString(m[1])
			if strings.HasPrefix(link, "#") {
				if !ids[link[1:]] {
					t.Errorf("%s leads to %s, which is not there", path, link)
				}
				continue
			}
			if !strings.HasPrefix(link, base+"/") {
				t.Errorf("%s leads out of the pages, to %q", path, link)
				continue
			}
			if !strings.HasPrefix(link, base+"/zone") && !strings.HasPrefix(link, base+"/logout") {
				next = append(next, found{link, path})
			}
		}
	}
	if pages < maxCrawled/2 {
		t.Errorf("only %d pages were found", pages)
	}
	t.Logf("%d pages of %d kinds", pages, len(shapes))
}

// shapeOf returns the path of a page and the names of its parameters, without what they are.
func shapeOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return link
	}
	parts := strings.Split(strings.TrimPrefix(u.Path, base), "/")
	shape := strings.Join(parts[:min(len(parts), 3)], "/")
	if len(parts) > 2 && parts[1] != "reports" && parts[1] != "static" {
		shape = "/" + parts[1] + "/*"
	}
	if strings.HasSuffix(u.Path, ".json") {
		shape += ".json"
	}
	for _, name := range slices.Sorted(maps.Keys(u.Query())) {
		shape += "&" + name
	}
	return shape
}
