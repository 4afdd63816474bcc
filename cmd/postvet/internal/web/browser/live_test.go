package browser

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestLive: a message is on the live page within moments, unless it is paused or filtered.
func TestLive(t *testing.T) {
	b := startBrowser(t)
	s := startSite(t)
	x := b.open(t)
	x.run(chromedp.Navigate(s.url + "/live"))
	rows := `document.querySelectorAll("#live > li:not([hidden])").length`
	until := func(expression string, want int) {
		t.Helper()
		got := 0
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if got = evaluate[int](x, expression); got == want {
				return
			}
		}
		t.Fatalf("%s is %d, want %d", expression, got, want)
	}
	n := len(letters())
	until(rows, n)
	until(`document.getElementById("live-state").textContent.startsWith("New messages") ? 1 : 0`, 1)
	forged := letters()[1]
	s.send(t, forged, "4XkZ1t2q3n1000")
	until(rows, n+1)
	if got := evaluate[string](x, `document.querySelector("#live > li").textContent`); len(got) == 0 || evaluate[string](x, `document.querySelector("#live > li").dataset.action`) != "reject" {
		t.Errorf("the newest row is %q", got)
	}
	x.run(chromedp.Click("#live-pause"))
	s.send(t, forged, "4XkZ1t2q3n1001")
	until(`document.getElementById("live-state").textContent === "Paused, 1 new message" ? 1 : 0`, 1)
	until(rows, n+1)
	x.run(chromedp.Click("#live-pause"))
	until(rows, n+2)
	x.run(chromedp.SetValue("#live-only", "quarantine"))
	evaluate[bool](x, `document.getElementById("live-only").dispatchEvent(new Event("change"))`)
	until(rows, 1)
}
