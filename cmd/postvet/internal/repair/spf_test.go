package repair

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/spf"
)

func TestSPF(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		// sound
		"v=spf1 mx -all": "v=spf1 mx -all",
		"V=SPF1  A:Mail.Shop.example/24//64  exists:%{ir}.%{d2-}._x.shop.example ~ALL": "V=SPF1  A:Mail.Shop.example/24//64  exists:%{ir}.%{d2-}._x.shop.example ~ALL",
		"v=spf1 ip6:2001:db8:a::1 redirect=_spf.shop.example":                          "v=spf1 ip6:2001:db8:a::1 redirect=_spf.shop.example",
		"v=spf1 include:my-all.example ?all":                                           "v=spf1 include:my-all.example ?all",
		"v=spf1":                                                                       "v=spf1",
		// strings that are joined
		"v=spf1 ip4:198.51.100.1ip4:198.51.100.2ip6:2001:db8::1mx ~all": "v=spf1 ip4:198.51.100.1 ip4:198.51.100.2 ip6:2001:db8::1 mx ~all",
		"v=spf1 include:a.shop.exampleinclude:b.shop.example -all":      "v=spf1 include:a.shop.example include:b.shop.example -all",
		"v=spf1 include:a.shop.example-all":                             "v=spf1 include:a.shop.example -all",
		"v=spf1 mx~all":                                                 "v=spf1 mx ~all",
		"v=spf1 mx-all":                                                 "v=spf1 mx -all",
		"v=spf1mx -all":                                                 "v=spf1 mx -all",
		"v=spf1 -allip4:203.0.113.9":                                    "v=spf1 ip4:203.0.113.9 -all",
		// signs of zone files and word processors
		`"v=spf1 mx" " -all"`:                "v=spf1 mx -all",
		"\u201cv=spf1 a mx \u2013all\u201d":  "v=spf1 a mx -all",
		"v=spf1\tmx\n-all":                   "v=spf1 mx -all",
		"\u200bv=spf1\u00a0mx -all":          "v=spf1 mx -all",
		`v=spf1 mx \-all\;`:                  "v=spf1 mx -all",
		"v=spf1;mx;-all":                     "v=spf1 mx -all",
		"v=spf1, a, mx, ~all":                "v=spf1 a mx ~all",
		"v = spf1 mx ~all":                   "v=spf1 mx ~all",
		"spf1 mx -all":                       "v=spf1 mx -all",
		"spf=v=spf1 mx -all":                 "v=spf1 mx -all",
		"shop.example. IN TXT v=spf1 a ~all": "v=spf1 a ~all",
		// terms
		"v=spf1 ipv4:198.51.100.0/24 ip:2001:db8::1 198.51.100.9 -all": "v=spf1 ip4:198.51.100.0/24 ip6:2001:db8::1 ip4:198.51.100.9 -all",
		"v=spf1 ip4:2001:db8::/32 ip6:192.0.2.1 a:192.0.2.3 -all":      "v=spf1 ip6:2001:db8::/32 ip4:192.0.2.1 ip4:192.0.2.3 -all",
		"v=spf1 ip4:198.51.100.0/255.255.255.128 ip4=192.0.2.7 -all":   "v=spf1 ip4:198.51.100.0/25 ip4:192.0.2.7 -all",
		"v=spf1 include=x.example include: y.example ~all":             "v=spf1 include:x.example include:y.example ~all",
		"v=spf1 include:https://x.example/ -redirect=y.example":        "v=spf1 include:x.example redirect=y.example",
		"v=spf1 mx redirect:y.example":                                 "v=spf1 mx redirect=y.example",
		"v=spf1 mx --all":                                              "v=spf1 mx -all",
		"v=spf1 mx all.":                                               "v=spf1 mx all",
		"v=spf1 a a/ redirect=x.example redirect=X.example":            "v=spf1 a redirect=x.example",
		// nobody knows what is meant
		"v=spf1 ip4:198.51.100.300 -all":                      "",
		"v=spf1 ip4:198.51.100.0/33 -all":                     "",
		"v=spf1 hello -all":                                   "",
		"v=spf1 redirect=x.example redirect=y.example":        "",
		"v=spf1 ip4:198.51.100.1-198.51.100.9 include:x -all": "",
	} {
		p := SPF(in)
		if p.Text != want || (p.Text == "") != (p.Unreadable != "") {
			t.Errorf("%q\n got %q (%s)\nwant %q", in, p.Text, p.Unreadable, want)
		}
		if sound := in == want; sound != (len(p.Oddities) == 0) && want != "" {
			t.Errorf("%q: oddities %q", in, p.Oddities)
		}
	}
}

func TestSPFs(t *testing.T) {
	t.Parallel()
	for want, texts := range map[string][]string{
		"v=spf1 mx a ~all": {"v=spf1 mx ?all", "v=spf1 a mx"},
		"v=spf1 include:x.example exp=why.example ip4:192.0.2.1 -all": {"v=spf1 redirect=x.example exp=why.example", "\"v=spf1 ip4:192.0.2.1 exp=e.example -all\""},
		"": {"v=spf1 mx", "v=spf1 mxx"},
	} {
		if p := SPFs(texts); p.Text != want {
			t.Errorf("%q\n got %q (%s)\nwant %q", texts, p.Text, p.Unreadable, want)
		}
	}
}

// TestSPFProperty: a proposal is read, has the same terms, and needs no proposal.
func TestSPFProperty(t *testing.T) {
	t.Parallel()
	pool := []string{
		"a", "mx", "a:mail.shop.example", "mx:shop.example/28", "ip4:198.51.100.0/24", "-ip4:198.51.100.7", "ip4:203.0.113.5",
		"ip6:2001:db8::/32", "include:_spf.esp.example", "?include:x.example", "exists:%{i}.l.shop.example", "redirect=r.example", "exp=e.shop.example",
	}
	rapid.Check(t, func(t *rapid.T) {
		terms := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 8, rapid.ID).Draw(t, "terms")
		if rapid.Bool().Draw(t, "has all") {
			terms = append(terms, rapid.SampledFrom([]string{"-all", "~all", "?all"}).Draw(t, "all"))
		}
		broken := rapid.SampledFrom([]string{"v=spf1", "v=spf1", "V=SPF1", "spf1", "v = spf1", "v=spf1.0", "v=SPF1;"}).Draw(t, "version") + " "
		macro := slices.ContainsFunc(terms, func(s string) bool { return strings.Contains(s, "%") })
		for i, term := range terms {
			joins := i > 0 && strings.ContainsAny(term, ":=") && !strings.ContainsAny(terms[i-1], "%") && strings.ContainsAny(terms[i-1], ":=")
			separators := []string{" ", " ", "  ", "\n", "\t", " \u00a0", "; ", `\; `}
			if !macro {
				separators = append(separators, ",", ", ")
			}
			// "mail.example" and "a:b" joined may be "mail.exampl" and "ea:b".
			if joins && strings.Contains(term, ":") && len(term) > 12 {
				separators = append(separators, "")
			}
			if i > 0 {
				broken += rapid.SampledFrom(separators).Draw(t, "separator")
			}
			broken += rapid.SampledFrom([]string{"", "", "", `"`, "\u200d"}).Draw(t, "mark") + term
		}
		around := rapid.SampledFrom([]string{"", "", `"`, "'", " ", "\u201d", "\ufeff"}).Draw(t, "around")
		broken = around + broken + around
		p := SPF(broken)
		if p.Text == "" {
			t.Fatalf("no proposal for %q: %s", broken, p.Unreadable)
		}
		rec, err := spf.ParseRecord(p.Text)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", broken, p.Text, err)
		}
		var got []string
		for i := range rec.Terms {
			got = append(got, rec.Terms[i].Text)
		}
		if !slices.Equal(got, terms) {
			t.Fatalf("%q becomes %q, want %q", broken, p.Text, terms)
		}
		if again := SPF(p.Text); again.Text != p.Text || len(again.Oddities) > 0 {
			t.Fatalf("%q becomes %q, then %q: %q", broken, p.Text, again.Text, again.Oddities)
		}
	})
}

func FuzzSPF(f *testing.F) {
	f.Add("v=spf1 include:x.exampleip4:192.0.2.1-all")
	f.Fuzz(func(t *testing.T, text string) {
		p := SPF(text)
		if p.Text == "" {
			return
		}
		if _, err := spf.ParseRecord(p.Text); err != nil {
			t.Fatalf("%q becomes %q: %v", text, p.Text, err)
		}
		if again := SPF(p.Text); again.Text != p.Text || len(again.Oddities) > 0 {
			t.Fatalf("%q becomes %q, then %q: %q", text, p.Text, again.Text, again.Oddities)
		}
	})
}
