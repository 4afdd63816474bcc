package browser

import (
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// printed says what is wrong with a page on paper: all that is only for a screen is away, all
// evidence stands open, and it is black on white.
const printed = `(() => {
	const wrong = [];
	const seen = (e) => e.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }) && e.getBoundingClientRect().height > 0;
	for (const e of document.querySelectorAll("nav, form, button, .button, .chips, .foot a")) {
		if (seen(e)) wrong.push("on paper: " + e.outerHTML.slice(0, 120));
	}
	const folds = [...document.querySelectorAll("main details:not(.numbers)")];
	for (const fold of folds) {
		if ([...fold.children].some((e) => !seen(e) && !e.matches("button, .numbers"))) wrong.push("closed: " + fold.innerText.slice(0, 120));
	}
	if (folds.every((fold) => fold.open)) wrong.push("nothing was folded");
	for (const e of document.querySelectorAll("main pre, main .scroll")) {
		if (e.scrollHeight > e.clientHeight + 2 && getComputedStyle(e).overflowY !== "visible") wrong.push("cut off: " + e.outerHTML.slice(0, 120));
	}
	const colours = [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color].join(" ");
	if (colours !== "rgb(255, 255, 255) rgb(0, 0, 0)") wrong.push("in colours: " + colours);
	return wrong.join("\n");
})()`

// print looks at pages on paper that people add to tickets. The browser has dark colours.
func (x *tab) print(url string) {
	x.t.Helper()
	call(x, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	for path, want := range map[string]string{
		"/messages?wait=long&q=4XkZ1t2q3n0001": "nobody who handed the message on left a seal",
		"/domains/good.example?dns=yes":        "p=reject: forged mail is kept away",
		"/own":                                 "days with reports",
		"/status":                              "state.db",
		"/reports/in/1":                        "has no namespace",
	} {
		// An A4 page has about 720 pixels between its margins.
		x.run(chromedp.EmulateViewport(720, 1000), chromedp.Navigate(url+path))
		if wrong := evaluate[string](x, printed); wrong != "" {
			x.t.Errorf("%s:\n%s", path, wrong)
		}
		x.fits(720, "on paper")
		x.wants(x.text("main"), want)
		x.wants(x.text("body"), "mx1.example.net", "As of ")
	}
}
