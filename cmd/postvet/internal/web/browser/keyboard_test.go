package browser

import (
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// focused says what has the focus and what is wrong with that: it is not seen, is out of the
// window, or has no ring.
const focused = `(() => {
	const e = document.activeElement;
	if (e === document.body) return "";
	const place = e.getBoundingClientRect(), style = getComputedStyle(e), wrong = [];
	if (!e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || place.width < 2 || place.height < 2) wrong.push("it is not seen");
	if (place.right < 1 || place.left > innerWidth || place.bottom < 1 || place.top > innerHeight) wrong.push("it is out of the window");
	if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) wrong.push("it has no ring");
	return e.localName + " " + (e.textContent || e.name).trim().slice(0, 60) + (wrong.length ? " WRONG: " + wrong.join(", ") : "");
})()`

// maxFocused bounds what is walked through on a page.
const maxFocused = 120

// walk goes through a page with the key Tab alone, and returns what had the focus in turn.
func (x *tab) walk(url string) []string {
	x.t.Helper()
	var all []string
	for x.run(chromedp.Navigate(url)); len(all) < maxFocused; {
		x.run(chromedp.KeyEvent(kb.Tab))
		at := evaluate[string](x, focused)
		if at == "" || len(all) > 0 && at == all[0] { // the end, or the beginning again
			break
		}
		if strings.Contains(at, "WRONG") {
			x.t.Errorf("%s: %q", url, at)
		}
		all = append(all, at)
	}
	return all
}

// keyboard reads a story without a mouse, on a desk and on a narrow screen.
func (x *tab) keyboard(url string) {
	x.t.Helper()
	for _, width := range []int64{1280, 360} {
		x.run(chromedp.EmulateViewport(width, 700))
		all := x.walk(url + "/messages?wait=long&q=4XkZ1t2q3n0001")
		x.wants(strings.Join(all, "\n"), "Skip to the content", "input q", "button Copy", "summary DMARC: does any of this", "summary Technical facts", "All mail from this address", "This page as JSON")
		if len(all) == maxFocused {
			x.t.Errorf("%d pixels: the page has no end: %q", width, all)
		}
		// The first link leads past the menu.
		x.run(chromedp.Navigate(url+"/status"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
		if !evaluate[bool](x, `document.querySelector("main").contains(document.activeElement)`) {
			x.t.Errorf("%d pixels: the first link leads to %q", width, evaluate[string](x, focused))
		}
	}
}
