package repair

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/dmarc"
)

const reports = "mailto:reports@shop.example"

func TestDMARC(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		// sound
		"v=DMARC1; p=reject; rua=mailto:x@y.example":          "v=DMARC1; p=reject; rua=mailto:x@y.example",
		"v=DMARC1;p=none ; rua=mailto:a@b.example!10m":        "v=DMARC1;p=none ; rua=mailto:a@b.example!10m",
		"V = DMARC1 ; p=none; rua=mailto:o'neill@b.example;":  "V = DMARC1 ; p=none; rua=mailto:o'neill@b.example;",
		"v=DMARC1; p=none; rua=mailto:a@b.example?subject=t=": "v=DMARC1; p=none; rua=mailto:a@b.example?subject=t=",
		"v=DMARC1; p=none; rua=mailto:srs-t=x@b.example":      "v=DMARC1; p=none; rua=mailto:srs-t=x@b.example",
		// report addresses
		"v=DMARC1; p=quarantine":                                                    "v=DMARC1; p=quarantine; rua=" + reports,
		"v=DMARC1; p=quarantine; rua":                                               "v=DMARC1; p=quarantine; rua=" + reports,
		"v=DMARC1; p=quarantine; rua=,":                                             "v=DMARC1; p=quarantine; rua=" + reports,
		"v=DMARC1; p=reject; rua=a@b.example,mailto:c@d.example":                    "v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:c@d.example",
		"v=DMARC1; p=reject; rua=mailto:a@b.example;mailto:c@d.example":             "v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:c@d.example",
		"v=DMARC1; p=reject; rua=mailto:a@b.example; rua=mailto:c@d.example":        "v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:c@d.example",
		"v=DMARC1; p=reject; rua=mailto: a@b.example mailto:c@d.example":            "v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:c@d.example",
		"v=DMARC1; p=reject; rua=mailto:mailto:<a@b.example>":                       "v=DMARC1; p=reject; rua=mailto:a@b.example",
		"v=DMARC1; p=reject; rua=mailto//a@b.example; ruf=https://b.example/r":      "v=DMARC1; p=reject; rua=mailto:a@b.example",
		"v=DMARC1; p=reject; rua=mailto:a@b.exampleruf=mailto:f@b.example":          "v=DMARC1; p=reject; rua=mailto:a@b.example; ruf=mailto:f@b.example",
		"v=DMARC1; p=reject; fo=0,1; rua=mailto:a@b.example!10m; ruf=mailto:f@b.io": "v=DMARC1; p=reject; fo=1; rua=mailto:a@b.example; ruf=mailto:f@b.io",
		// how a policy is written
		"v=DMARC1; P=reject; SP=None":              "v=DMARC1; p=reject; sp=none; rua=" + reports,
		"v=DMARC1; p = \"quarantine\"":             "v=DMARC1; p=quarantine; rua=" + reports,
		"v=DMARC1; p='reject'; np=quarantined":     "v=DMARC1; p=reject; np=quarantine; rua=" + reports,
		"v=DMARC1; p=reject\n":                     "v=DMARC1; p=reject; rua=" + reports,
		"v=DMARC1;\tp=reject\r\n;\u00a0sp=none":    "v=DMARC1; p=reject; sp=none; rua=" + reports,
		"v=DMARC1; p=rejcet":                       "v=DMARC1; p=reject; rua=" + reports,
		"v=DMARC1; p=quarentine.":                  "v=DMARC1; p=quarantine; rua=" + reports,
		"v=DMARC1; p:reject":                       "v=DMARC1; p=reject; rua=" + reports,
		"v=DMARC1; p==reject":                      "v=DMARC1; p=reject; rua=" + reports,
		"v=DMARC1; policy=reject":                  "v=DMARC1; p=reject; rua=" + reports,
		"v=DMARC1; reject":                         "v=DMARC1; p=reject; rua=" + reports,
		"v=DMARC1; sp=reject":                      "v=DMARC1; p=none; sp=reject; rua=" + reports,
		"v=DMARC1; p=reject; p=reject":             "v=DMARC1; p=reject; rua=" + reports,
		"v=DMARC1; p=reject; t=yes; adkim=Strict":  "v=DMARC1; p=reject; t=y; adkim=s; rua=" + reports,
		"v=DMARC1; p=reject; pct=0":                "v=DMARC1; p=reject; t=y; rua=" + reports,
		"v=DMARC1; p=reject; pct=40; ri=9; what=x": "v=DMARC1; p=reject; rua=" + reports,
		// how a record is written
		"\"v=DMARC1; p=reject\"":                    "v=DMARC1; p=reject; rua=" + reports,
		"\"v=DMARC1; p=none\" \"; sp=reject\"":      "v=DMARC1; p=none; sp=reject; rua=" + reports,
		"\u201cv=DMARC1; p=reject;\u201d":           "v=DMARC1; p=reject; rua=" + reports,
		"\ufeffv=DMARC1\u037e p=reject":             "v=DMARC1; p=reject; rua=" + reports,
		`v=DMARC1\; p=quarantine\;`:                 "v=DMARC1; p=quarantine; rua=" + reports,
		`v=DMARC1\059 p=quarantine\n`:               "v=DMARC1; p=quarantine; rua=" + reports,
		`\"v=DMARC1\\; p=quarantine\"`:              "v=DMARC1; p=quarantine; rua=" + reports,
		"v=DMARC1 p=reject sp=none":                 "v=DMARC1; p=reject; sp=none; rua=" + reports,
		"v=DMARC1, p=reject, rua=mailto:a@b.io":     "v=DMARC1; p=reject; rua=mailto:a@b.io",
		"v=DMARC1p=rejectpct=5rua=mailto:a@b.io":    "v=DMARC1; p=reject; rua=mailto:a@b.io",
		"v=DMARC1; p=nonesp=reject":                 "v=DMARC1; p=none; sp=reject; rua=" + reports,
		"v=dmarc1; p=reject":                        "v=DMARC1; p=reject; rua=" + reports,
		"dmarc1;p=reject":                           "v=DMARC1; p=reject; rua=" + reports,
		"v:DMARC1; p=reject":                        "v=DMARC1; p=reject; rua=" + reports,
		"p=reject; v=DMARC1":                        "v=DMARC1; p=reject; rua=" + reports,
		"p=reject":                                  "v=DMARC1; p=reject; rua=" + reports,
		"_dmarc IN TXT \"v=DMARC1; p=reject\"":      "v=DMARC1; p=reject; rua=" + reports,
		"v=DMARC1":                                  "v=DMARC1; p=none; rua=" + reports,
		"v=DMARC1; p=; rua=mailto:a@b.example":      "v=DMARC1; p=none; rua=mailto:a@b.example",
		"v=DMARC1;; p=reject; rua=mailto:a@b.io":    "v=DMARC1; p=reject; rua=mailto:a@b.io",
		"v=DMARC1; p=reject; rua=mailto:a@b.io; p1": "v=DMARC1; p=reject; rua=mailto:a@b.io",
		// nobody knows what is meant
		"v=DMARC1; p=none; p=reject":      "",
		"v=DMARC1; p=block":               "",
		"v=DMARC1; p=reject; sp=whatever": "",
		"v=DMARC1; p=none or reject":      "",
	} {
		p := DMARC(in, reports)
		if p.Text != want || (p.Text == "") != (p.Unreadable != "") {
			t.Errorf("%q\n got %q (%s)\nwant %q", in, p.Text, p.Unreadable, want)
		}
	}
}

// dmarcFaults are what goes wrong when a record is entered. None of them hides what
// its owner means.
var dmarcFaults = map[string]func(t *rapid.T, tags []string) []string{
	"upper case names": func(t *rapid.T, tags []string) []string {
		i := rapid.IntRange(1, len(tags)-1).Draw(t, "tag")
		if name, value, ok := strings.Cut(tags[i], "="); ok {
			tags[i] = strings.ToUpper(name) + "=" + value
		}
		return tags
	},
	"quoted value": func(t *rapid.T, tags []string) []string {
		i := rapid.IntRange(0, len(tags)-1).Draw(t, "tag")
		name, value, ok := strings.Cut(tags[i], "=")
		if !ok {
			return tags
		}
		q := rapid.SampledFrom([]string{`"`, "'", "\u201d", `\"`}).Draw(t, "quote")
		tags[i] = name + "=" + q + value + q
		return tags
	},
	"blank or invisible": func(t *rapid.T, tags []string) []string {
		i := rapid.IntRange(0, len(tags)-1).Draw(t, "tag")
		tags[i] += rapid.SampledFrom([]string{"\n", "\r\n", "\t", "\u00a0", "\u200b", "\ufeff", "\x00", "\xa0", `\n`}).Draw(t, "what")
		return tags
	},
	"historic": func(t *rapid.T, tags []string) []string {
		return append(tags, rapid.SampledFrom([]string{"pct=100", "pct=7", "rf=afrf", "ri=86400", "x=1", "bimi=no", "stray"}).Draw(t, "tag"))
	},
	"repeated": func(t *rapid.T, tags []string) []string {
		return append(tags, tags[rapid.IntRange(0, len(tags)-1).Draw(t, "tag")])
	},
	"empty": func(t *rapid.T, tags []string) []string {
		return slices.Insert(tags, rapid.IntRange(1, len(tags)).Draw(t, "where"), "")
	},
	"version": func(t *rapid.T, tags []string) []string {
		tags[0] = rapid.SampledFrom([]string{"v=dmarc1", "v=DMARC1.0", "v:DMARC1", "DMARC1", "v=DMARC"}).Draw(t, "version")
		return tags
	},
	"wrong mode": func(t *rapid.T, tags []string) []string {
		return append(tags, rapid.SampledFrom([]string{"fo=x", "t=maybe", "psd=what", "adkim="}).Draw(t, "tag"))
	},
	"no scheme": func(_ *rapid.T, tags []string) []string {
		for i := range tags {
			tags[i] = strings.Replace(tags[i], "mailto:", "", 1)
		}
		return tags
	},
}

// brokenDMARC draws a DMARC record, and what was made of it while it was entered.
func brokenDMARC(t *rapid.T) (sound, broken string) {
	policy := rapid.SampledFrom(policies[:])
	tags := []string{"v=DMARC1", "p=" + policy.Draw(t, "p")}
	for _, name := range []string{"sp", "np"} {
		if rapid.Bool().Draw(t, name) {
			tags = append(tags, name+"="+policy.Draw(t, name))
		}
	}
	if rapid.Bool().Draw(t, "aspf") {
		tags = append(tags, "aspf="+rapid.SampledFrom([]string{"r", "s"}).Draw(t, "mode"))
	}
	if rapid.Bool().Draw(t, "rua") {
		tags = append(tags, "rua=mailto:agg@shop.example,mailto:x+y@other.example")
	}
	sound = strings.Join(tags, "; ")
	var names []string
	for name := range dmarcFaults {
		names = append(names, name)
	}
	slices.Sort(names)
	for range rapid.IntRange(0, 4).Draw(t, "faults") {
		tags = dmarcFaults[rapid.SampledFrom(names).Draw(t, "fault")](t, tags)
	}
	broken = tags[0]
	for _, tag := range tags[1:] {
		broken += rapid.SampledFrom([]string{"; ", ";", " ; ", ";\n", `\; `, ", ", " "}).Draw(t, "separator") + tag
	}
	around := rapid.SampledFrom([]string{"", "", `"`, "'", " ", "\u201c", "\n"}).Draw(t, "around")
	return sound, around + broken + around
}

// TestDMARCProperty: a proposal is read without a problem, keeps what its owner means,
// and needs no proposal itself.
func TestDMARCProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sound, broken := brokenDMARC(t)
		p := DMARC(broken, reports)
		if p.Text == "" {
			t.Fatalf("no proposal for %q: %s", broken, p.Unreadable)
		}
		got, err := dmarc.ParseRecord(p.Text)
		if err != nil || len(got.Problems) > 0 {
			t.Fatalf("%q becomes %q: %v %q", broken, p.Text, err, got.Problems)
		}
		want, err := dmarc.ParseRecord(sound)
		if err != nil {
			t.Fatal(err)
		}
		if len(want.RUA) == 0 {
			want.RUA = []string{reports}
		}
		if got.P != want.P || got.SP != want.SP || got.NP != want.NP || got.ASPF != want.ASPF || !slices.Equal(got.RUA, want.RUA) || got.Testing {
			t.Fatalf("%q becomes %q", broken, p.Text)
		}
		if again := DMARC(p.Text, reports); again.Text != p.Text || len(again.Oddities) > 0 {
			t.Fatalf("%q becomes %q, then %q: %q", broken, p.Text, again.Text, again.Oddities)
		}
	})
}

// FuzzDMARC: no proposal needs a proposal, whatever the text was.
func FuzzDMARC(f *testing.F) {
	f.Add("v=DMARC1; p=reject")
	f.Fuzz(func(t *testing.T, text string) {
		p := DMARC(text, reports)
		if p.Text == "" {
			return
		}
		rec, err := dmarc.ParseRecord(p.Text)
		if err != nil || len(rec.Problems) > 0 || len(rec.RUA) == 0 {
			t.Fatalf("%q becomes %q: %v", text, p.Text, err)
		}
		if again := DMARC(p.Text, reports); again.Text != p.Text || len(again.Oddities) > 0 {
			t.Fatalf("%q becomes %q, then %q: %q", text, p.Text, again.Text, again.Oddities)
		}
	})
}
