package browser

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// look opens pages at the width of a telephone, light, and of a desk, dark. Each fits, has its
// texts, and axe-core finds nothing in it.
func (x *tab) look(url, axe, name string, wants map[string]string) {
	x.t.Helper()
	for path, want := range wants {
		for width, colour := range map[int64]string{360: "light", 1280: "dark"} {
			call(x, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colour}}})
			x.run(chromedp.EmulateViewport(width, 900), chromedp.Navigate(url+path))
			x.fits(width, colour)
			if axe != "" {
				x.accessible(axe, fmt.Sprintf("%s: %s, %d pixels, %s", name, path, width, colour))
			}
			x.wants(x.text("main"), want)
			if *pictures != "" {
				file := fmt.Sprintf("%s%s-%d.webp", name, shapeOf(base + path)[1:], width)
				x.picture(filepath.Join(*pictures, "states", file), width)
			}
		}
	}
}

// TestStates looks at pages that have nothing to show, at pages of a service that is in trouble,
// and at what each role sees.
func TestStates(t *testing.T) {
	b := startBrowser(t)
	script, _ := os.ReadFile(axeFile) // TestPages says it if there is none
	axe := string(script)
	dns, err := dnstest.NewServer(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })

	resolving := fmt.Sprintf("[dns]\nresolvers = [%q]\n", dns.Addr())
	t.Run("empty", func(t *testing.T) {
		s := startService(t, shortDir(t), resolving+"[journal]\ndirectory = \"DIR/journal\"\nmin_free = 0\n[report]\ninbox = [\"dmarc@example.net\"]\n")
		b.open(t).look(s.url, axe, "empty", map[string]string{
			"/": "No mail came today", "/messages": "The journal is empty", "/held": "The journal is empty", "/live": "No message yet", "/domains": "No domain failed",
			"/own": "name them", "/reports/in": "No such report has come", "/reports/sent": "There is no such delivery", "/audit": "Nobody has searched",
		})
	})
	t.Run("without a journal", func(t *testing.T) {
		s := startService(t, shortDir(t), resolving)
		b.open(t).look(s.url, axe, "without", map[string]string{
			"/": "Not all could be looked at", "/messages": "No journal is kept", "/domains": "No journal is kept", "/reports/in": "No reports are kept", "/status": "There is no journal",
		})
	})
	t.Run("fault", func(t *testing.T) {
		dir := shortDir(t)
		s := startService(t, dir, "[dns]\nresolvers = [\"127.0.0.1:1\"]\ntimeout = \"300ms\"\n[journal]\ndirectory = \"DIR/journal\"\nmin_free = 0\npostgres = \"postgres://postvet@127.0.0.1:1/postvet?sslmode=disable\"\n")
		s.play(t)
		journal, away := filepath.Join(dir, "journal"), filepath.Join(dir, "away")
		if err := errors.Join(os.Rename(journal, away), os.WriteFile(journal, []byte("no directory"), 0o600)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // otherwise the service waits for it when it stops
			if err := errors.Join(os.Remove(journal), os.Rename(away, journal)); err != nil {
				t.Error(err)
			}
		})
		b.open(t).look(s.url, axe, "fault", map[string]string{
			"/": "Not all is well", "/messages": "cannot be read", "/domains": "cannot be read", "/fleet": "cannot be asked", "/status": "fails", "/lookup/good.example": "DNS",
		})
	})
	t.Run("roles", func(t *testing.T) {
		users := fmt.Sprintf("users = [%q, %q]", userLine(t, "vera", "battery staple", "viewer"), userLine(t, "sam", "correct horse", "support"))
		s := startSite(t, `proxy = ["unix"]`, users)
		x := b.open(t)
		x.look(s.url, axe, "login", map[string]string{"/login": "Log in"})
		for _, u := range []struct {
			name, password string
			pages          map[string]string
		}{
			{"vera", "battery staple", map[string]string{"/": "Mail today", "/domains": "Who fails most?", "/messages": "It needs the role support"}},
			{"sam", "correct horse", map[string]string{"/": "Mail today", "/messages": "The newest 50 messages", "/policy": "It needs the role admin", "/lookup/good.example": "What the cache had"}},
		} {
			x.logIn(s.url+"/login", u.name, u.password)
			x.run(chromedp.WaitVisible(`form[action$="/logout"]`))
			x.look(s.url, axe, u.name, u.pages)
			x.run(chromedp.Click(`form[action$="/logout"] button`))
			x.arrives("/login")
		}
		if r, err := http.Get(s.url + "/index.json"); err != nil || r.StatusCode != http.StatusUnauthorized {
			t.Errorf("without a log-in: %v, %v", r, err)
		} else {
			r.Body.Close()
		}
	})
}
