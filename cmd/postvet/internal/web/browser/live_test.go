package browser

import (
	"io"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// liveState is what the live page says of itself.
const liveState = `document.getElementById("live-state").textContent`

// TestLive: a message is on the live page within moments, unless it is paused or filtered.
func TestLive(t *testing.T) {
	b := startBrowser(t)
	s := startSite(t)
	x := b.open(t)
	x.run(chromedp.Navigate(s.url + "/live"))
	rows := `document.querySelectorAll("#live > li:not([hidden])").length`
	n := len(letters())
	await(x, rows, n)
	await(x, liveState+`.startsWith("New messages")`, true)
	forged := letters()[1]
	s.send(t, forged, "4XkZ1t2q3n1000")
	await(x, rows, n+1)
	if got := evaluate[string](x, `document.querySelector("#live > li").textContent`); len(got) == 0 || evaluate[string](x, `document.querySelector("#live > li").dataset.action`) != "reject" {
		t.Errorf("the newest row is %q", got)
	}
	x.run(chromedp.Click("#live-pause"))
	s.send(t, forged, "4XkZ1t2q3n1001")
	await(x, liveState, "Paused, 1 new message")
	await(x, rows, n+1)
	x.run(chromedp.Click("#live-pause"))
	await(x, rows, n+2)
	x.run(chromedp.SetValue("#live-only", "quarantine"))
	evaluate[bool](x, `document.getElementById("live-only").dispatchEvent(new Event("change"))`)
	await(x, rows, 1)
}

// maxStreams is how many pages may stay open at once.
const maxStreams = 256

// TestLiveRefused: a page that too many others keep out says so, and comes in when one of them
// has left.
func TestLiveRefused(t *testing.T) {
	b := startBrowser(t)
	s := startSite(t)
	var others []io.Closer
	for range maxStreams {
		r, err := http.Get(s.url + "/live/events")
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", r, err)
		}
		defer r.Body.Close()
		others = append(others, r.Body)
	}
	x := b.open(t)
	// The time to wait is noted, and made short.
	call(x, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `{
		const later = window.setTimeout;
		window.setTimeout = (f, time, ...more) => { window.waited = time; return later(f, time / 60, ...more); };
	}`})
	x.run(chromedp.Navigate(s.url + "/live"))
	await(x, liveState, "Too many watch. Up to 256 pages show mail as it comes, and up to 32 of one user. Close some of yours, or wait for others to leave. This page tries again in 30 seconds.")
	if waited := evaluate[int](x, "window.waited"); waited != 30_000 {
		t.Errorf("it waits %d ms", waited)
	}
	_ = others[0].Close()
	await(x, liveState, "New messages come by themselves.")
	s.send(t, letters()[1], "4XkZ1t2q3n2000")
	await(x, `document.querySelectorAll("#live > li").length`, len(letters())+1)
}
