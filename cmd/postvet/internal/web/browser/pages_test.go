package browser

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "", "a folder for pictures of each page at 360 pixels, dark, and 1280, light")

// axeFile is axe-core, which contrib/web/install.sh brings.
const axeFile = "/var/cache/postvet/web/axe.min.js"

// shown are the pages that are looked at, with a name for their picture.
var shown = []struct{ name, path string }{
	{"home", "/"},
	{"status", "/status"},
	{"messages", "/messages"},
	{"search", "/messages?q=ann%40good.example&since=30d"},
	{"nothing", "/messages?q=nobody.example"},
	{"story", "/messages?wait=long&q=4XkZ1t2q3n0001"},
	{"hostile", "/messages?wait=long&q=4XkZ1t2q3n0007"},
	{"held", "/held?since=30d"},
	{"check", "/check"},
	{"policy", "/policy"},
	{"keys", "/keys"},
	{"fleet", "/fleet"},
	{"forget", "/forget"},
	{"domains", "/domains"},
	{"domain", "/domains/good.example"},
	{"domain-dns", "/domains/good.example?range=month&dns=yes"},
	{"forwarders", "/forwarders"},
	{"own", "/own"},
	{"lookup", "/lookup/good.example"},
	{"reports-in", "/reports/in"},
	{"reports-sent", "/reports/sent"},
	{"about", "/about"},
	{"audit", "/audit"},
	{"live", "/live"},
	{"unknown", "/no-such-page"},
}

// TestPages looks at each page in both colours, at the width of a telephone and of a desk.
func TestPages(t *testing.T) {
	b := startBrowser(t)
	s := startSite(t)
	axe, err := os.ReadFile(axeFile)
	if err != nil && os.Getenv("POSTVET_CHROMIUM") == "" {
		t.Logf("axe-core is not tried: %v", err)
	}
	for _, p := range shown {
		t.Run(p.name, func(t *testing.T) {
			x := b.open(t)
			for _, colour := range []string{"light", "dark"} {
				for _, width := range []int64{360, 1280} {
					call(x, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colour}}})
					x.run(chromedp.EmulateViewport(width, 900), chromedp.Navigate(s.url+p.path))
					x.fits(width, colour)
					if width == 1280 && colour == "light" {
						x.fitsBetween()
					}
					if len(axe) > 0 && (width == 1280 || colour == "light") {
						x.accessible(string(axe), fmt.Sprintf("%d pixels, %s", width, colour))
					}
					// Each page is kept at both widths, and in both colours.
					if *pictures != "" && (width == 1280) == (colour == "light") {
						x.picture(filepath.Join(*pictures, fmt.Sprintf("%s-%d.webp", p.name, width)), width)
					}
				}
			}
		})
	}
	t.Run("by keyboard", func(t *testing.T) { b.open(t).keyboard(s.url) })
	t.Run("on paper", func(t *testing.T) { b.open(t).print(s.url) })
}

// fitsBetween looks at a page on a tablet, and on a desk at a zoom of 200 %.
func (x *tab) fitsBetween() {
	x.t.Helper()
	for _, width := range []int64{962, 768, 753, 640} { // 962 is the narrowest with a menu at the side, 753 with tables
		x.run(chromedp.EmulateViewport(width, 900))
		x.fits(width, "light")
	}
	x.run(chromedp.EmulateViewport(1280, 900))
}

// fits tells what is wider than the page.
func (x *tab) fits(width int64, colour string) {
	x.t.Helper()
	wide := evaluate[string](x, `(() => {
		const room = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= room) return "";
		return [...document.querySelectorAll("main *, header *, footer *")].filter((e) => e.getBoundingClientRect().right > room + 1 && !e.closest(".scroll, pre") && !e.closest("table.rows thead")).slice(0, 3).map((e) => e.outerHTML.slice(0, 200)).join("\n") || "something";
	})()`)
	if wide != "" {
		x.t.Errorf("%d pixels, %s: wider than the page:\n%s", width, colour, wide)
	}
}

// accessible has axe-core look at the page. Each finding is a fault.
func (x *tab) accessible(axe, where string) {
	x.t.Helper()
	result := evaluate[string](x, axe+`;axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify(r.violations))`)
	var found []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	if err := json.Unmarshal([]byte(result), &found); err != nil {
		x.t.Fatal(err)
	}
	for _, f := range found {
		n := f.Nodes[0]
		x.t.Errorf("%s: %s (%s): %s\n%s\n%s", where, f.ID, f.Impact, f.Help, n.HTML, n.FailureSummary)
	}
}

// picture writes a picture of the page, at most three screens of it.
func (x *tab) picture(file string, width int64) {
	x.t.Helper()
	height := min(evaluate[float64](x, "document.documentElement.scrollHeight"), 2400)
	all, quality := true, int64(62)
	shot := call(x, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatWebp, Quality: &quality, CaptureBeyondViewport: &all, Clip: &page.Viewport{Width: float64(width), Height: height, Scale: 1}})
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(file, shot.Data, 0o644); err != nil {
		x.t.Fatal(err)
	}
	x.t.Log(strings.TrimPrefix(file, "/"))
}
