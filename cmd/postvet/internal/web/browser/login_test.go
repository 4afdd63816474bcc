package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/crypto/bcrypt"
)

// userLine returns a line of web.users.
func userLine(t *testing.T, name, password, role string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 10)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%s:%s", name, hash, role)
}

// logIn fills in the form that any page leads to.
func (x *tab) logIn(url, name, password string) {
	x.t.Helper()
	x.run(chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("#password")),
		chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.SendKeys(chromedp.CSS("#password"), password+kb.Enter))
}

// TestLogIn: a page leads to the form and back, a wrong password does not, and each role sees
// what it may.
func TestLogIn(t *testing.T) {
	b := startBrowser(t)
	s := startSite(t, `proxy = ["unix"]`, fmt.Sprintf("users = [%q, %q]", userLine(t, "ann", "correct horse", "admin"), userLine(t, "vera", "battery staple", "viewer")))
	x := b.open(t)
	x.run(chromedp.EmulateViewport(1280, 900)) // where the menu is open
	x.logIn(s.url+"/status", "ann", "wrong")
	x.run(chromedp.WaitVisible(chromedp.CSS(".wrong")))
	if name := evaluate[string](x, `document.getElementById("name").value`); name != "ann" {
		t.Errorf("the name is not kept: %q", name)
	}
	x.run(chromedp.SendKeys(chromedp.CSS("#password"), "correct horse"+kb.Enter), chromedp.WaitVisible(chromedp.CSS("nav a")))
	if path := evaluate[string](x, "location.pathname"); path != base+"/status" {
		t.Errorf("the log-in leads to %s", path)
	}
	x.wants(x.text("header"), "ann", "Log out")
	if links := x.text("nav"); !strings.Contains(links, "Policy") || !strings.Contains(links, "Messages") {
		t.Errorf("an admin sees %s", links)
	}
	x.run(chromedp.Click(chromedp.CSS(`header form[action$="/logout"] button`)), chromedp.WaitVisible(chromedp.CSS("#password")))

	x.logIn(s.url+"/", "vera", "battery staple")
	x.run(chromedp.WaitVisible(chromedp.CSS("nav a")))
	if links := x.text("nav"); strings.Contains(links, "Messages") || !strings.Contains(links, "Domains") {
		t.Errorf("a viewer sees %s", links)
	}
	x.run(chromedp.Navigate(s.url+"/messages"), chromedp.WaitVisible(chromedp.CSS("h1")))
	x.wants(x.text("main"), "You may not see this page", "support")
}
