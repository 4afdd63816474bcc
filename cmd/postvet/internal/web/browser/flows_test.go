package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// text returns the visible text of an element, with single blanks.
func (x *tab) text(selector string) string {
	x.t.Helper()
	return strings.Join(strings.Fields(evaluate[string](x, `document.querySelector(`+"`"+selector+"`"+`)?.innerText ?? ""`)), " ")
}

// wants tells what a text lacks.
func (x *tab) wants(text string, parts ...string) {
	x.t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			x.t.Errorf("%q is missing in %.2000q", p, text)
		}
	}
}

// arrives waits for a page below a path. An element to wait for may stand on the page before too.
func (x *tab) arrives(path string) {
	x.t.Helper()
	for patient := false; ; {
		at, err := chromedp.Run(x.ctx, chromedp.Location())
		if err != nil {
			x.t.Fatalf("%s does not come: %v", path, err)
		}
		if _, below, _ := strings.Cut(at, base); strings.HasPrefix(below, path) {
			break
		} else if path == "/messages/" && strings.HasPrefix(below, "/messages?") && !patient {
			// A busy machine does not find the message within the time of a page.
			patient = true
			x.run(chromedp.Navigate(at + "&wait=long"))
		}
		time.Sleep(10 * time.Millisecond)
	}
	x.run(chromedp.WaitReady(chromedp.CSS("footer"))) // its end
}

// TestSearch leads from the search field of any page to the story of a message, and from there
// to its domain.
func TestSearch(t *testing.T) {
	b := startBrowser(t)
	s := startSite(t)
	x := b.open(t)
	x.run(chromedp.Navigate(s.url + "/status"))
	evaluate[bool](x, `document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true, cancelable: true}))`)
	if id := evaluate[string](x, "document.activeElement.id"); id != "find" {
		t.Errorf("/ leads to %q", id)
	}
	x.run(chromedp.KeyEvent("good.example"), chromedp.KeyEvent(kb.Enter))
	x.arrives("/messages?")
	x.wants(x.text("main"), "good.example", "refused", "accepted")

	x.run(chromedp.Navigate(s.url+"/status"), chromedp.SendKeys(chromedp.CSS("#find"), "4XkZ1t2q3n0001"+kb.Enter))
	x.arrives("/messages/")
	x.wants(x.text("h1"), "Refused", "good.example")
	story := x.text("main")
	x.wants(story, "The sender can", "list your server in SPF", "Reference: ", "v=DMARC1; p=reject")
	// The evidence opens by the keyboard.
	x.run(chromedp.Focus(chromedp.CSS("details.fold:not([open]) > summary")), chromedp.KeyEvent(kb.Enter))
	if n := evaluate[int](x, `document.querySelectorAll("details.fold[open]").length`); n < 2 {
		t.Errorf("%d parts of the evidence are open", n)
	}
	x.run(chromedp.Click(chromedp.CSS(`main a[href^="` + base + `/domains/"]`)))
	x.arrives("/domains/good.example")
	x.wants(x.text("h1"), "good.example")
}

// TestWithoutScripts: all but live updating works without JavaScript.
func TestWithoutScripts(t *testing.T) {
	b := startBrowser(t)
	s := startSite(t)
	x := b.open(t)
	call(x, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	x.run(chromedp.Navigate(s.url+"/"), chromedp.WaitVisible(chromedp.CSS("nav a")), // the menu is open
		chromedp.SendKeys(chromedp.CSS("#find"), "4XkZ1t2q3n0001"+kb.Enter))
	x.arrives("/messages/")
	h1, err := chromedp.Run(x.ctx, chromedp.Text(chromedp.CSS("h1")))
	if err != nil || !strings.HasPrefix(h1, "Refused") {
		t.Errorf("%q, %v", h1, err)
	}
	x.run(chromedp.Navigate(s.url+"/check"), chromedp.SendKeys(chromedp.CSS(`[name="ip"]`), "192.0.2.66"),
		chromedp.SendKeys(chromedp.CSS(`[name="mail_from"]`), "x@evil.example"),
		chromedp.SendKeys(chromedp.CSS("textarea"), "From: Ann <ann@good.example>\nTo: bob@example.net\nDate: Sun, 29 Nov 2026 12:00:00 +0000\nMessage-ID: <1@good.example>\nSubject: Invoice\n\nPay.\n"),
		chromedp.Click(chromedp.CSS("main form button")), chromedp.WaitVisible(chromedp.CSS("details.fold")))
	main, err := chromedp.Run(x.ctx, chromedp.Text(chromedp.CSS("main")))
	if err != nil || !strings.Contains(main, "good.example") || !strings.Contains(strings.ToLower(main), "refused") {
		t.Errorf("%.2000q, %v", main, err)
	}
}
