package browser

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestTools checks a message, and tries other rules on the journal, as a person does.
func TestTools(t *testing.T) {
	b := startBrowser(t)
	s := startSite(t)
	for _, tc := range []struct {
		name, path, field, text string
		wants                   []string
	}{
		{
			"checked", "/check", "#message", "From: ann@good.example\nTo: bob@example.net\nSubject: <script>alert(1)</script>\n\nHello\n",
			[]string{"Refused", "Nothing was kept", "good.example"},
		},
		{"tried", "/policy", "#rules", "[policy]\ndmarc = \"mark\"\n", []string{"would be treated differently", "reject -> accept", "To put it in force"}},
		{"faulty", "/policy", "#rules", "[policy]\ndmarcs = \"mark\"\n\n[[rule]]\nname = \"x\"\nif = 'lst and'\naction = \"reject\"\n", []string{"This cannot be tried", "Line 2", "dmarcs"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := b.open(t)
			x.run(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url+tc.path))
			if tc.name == "checked" {
				x.run(chromedp.SendKeys(chromedp.CSS(`input[name="ip"]`), "192.0.2.99"), chromedp.SendKeys(chromedp.CSS(`input[name="mail_from"]`), "ann@good.example"))
			}
			x.run(chromedp.SendKeys(chromedp.CSS(tc.field), tc.text), chromedp.Click(chromedp.CSS("main form button")), chromedp.WaitVisible(chromedp.CSS("main .note, main h2#results")))
			x.wants(x.text("main"), tc.wants...)
			for _, width := range []int64{360, 1280} {
				x.run(chromedp.EmulateViewport(width, 900))
				x.fits(width, "light")
				if *pictures != "" {
					x.picture(filepath.Join(*pictures, fmt.Sprintf("%s-%d-light.webp", tc.name, width)), width)
				}
			}
		})
	}
}
