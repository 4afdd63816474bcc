package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestHostileZones: whatever a zone holds, the work is bounded, the page fits a terminal
// and cannot steer it, and no record of a plan holds anything but one record.
func TestHostileZones(t *testing.T) {
	t.Parallel()
	const escape = `\027[2J\007\226\128\174`
	long := strings.Repeat(`"`+strings.Repeat("x", 250)+`" `, 250) // 62 KB
	mx := "evil.example. MX 1 mx.evil.example.\nmx.evil.example. A 185.0.2.1\n"
	for _, tt := range []struct{ name, zone string }{
		{"long records", mx + "evil.example. TXT \"v=spf1 \" " + long + "\n_dmarc.evil.example. TXT \"v=DMARC1; p=none; x=\" " + long + "\ndefault._domainkey.evil.example. TXT \"v=DKIM1; p=\" " + long + "\ndefault._bimi.evil.example. TXT \"v=BIMI1; l=https://evil.example/\" " + long},
		{"long terms", mx + "evil.example. TXT \"v=spf1 a:\" " + long + "\" -all\""},
		{"loops", mx + "evil.example. TXT \"v=spf1 include:evil.example redirect=a.evil.example\"\na.evil.example. TXT \"v=spf1 include:evil.example -all\"\n_dmarc.evil.example. CNAME _dmarc.evil.example.\ndefault._bimi.evil.example. CNAME default._bimi.evil.example."},
		{"escapes", mx + "evil.example. TXT \"v=spf1 a:" + escape + ".test include:" + escape + " -all\"\n_dmarc.evil.example. TXT \"v=DMARC1; p=none; rua=mailto:a@" + escape + "\"\ndefault._bimi.evil.example. TXT \"v=BIMI1; l=https://" + escape + ".example/\"\n1.2.0.185.in-addr.arpa. PTR " + escape + ".evil.example."},
		{"a record within a record", mx + `evil.example. TXT "v=spf1 ip4:185.0.2.1 publish:_evil.example.TXT \"x\" -all"` + "\n_dmarc.evil.example. TXT \"v=dmarc1; p=none; x=\\\" \\\"v=DMARC1; p=reject\\010evil. A 1.2.3.4\"\n"},
		{"wildcards", "*.example. MX 1 mx.evil.example.\n*.example. A 185.0.2.1\n*.example. TXT \"v=spf1 include:a.evil.example a:b.evil.example -all\"\n*.arpa. PTR x.example.\n"},
		{"many hosts", mx + "evil.example. TXT \"v=spf1 " + strings.Repeat("a:h.evil.example ", 9) + manyAddresses(300) + "-all\"\n"},
		{"null and others", "evil.example. MX 0 .\nevil.example. MX 1 192.0.2.1.\nevil.example. MX 2 " + escape + ".\nevil.example. TXT \"v=spf1 mx -all\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, resolver := dnstest.StartAt(t, tt.zone, clock)
			r := Inspect(t.Context(), resolver, "evil.example", Options{Now: clock, Plan: true})
			pagetest.Columns(t, r)
			var page bytes.Buffer
			if err := r.Print(&page, layout.Screen{}); err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer("├", "", "─", "", "│", "", "└", "").Replace(page.String())
			js, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{text, string(js)} {
				if i := strings.IndexFunc(s, func(c rune) bool { return c != '\n' && (c < ' ' || c > '~') }); i >= 0 {
					t.Errorf("octet %q", s[i:min(len(s), i+8)])
				}
			}
			if page.Len() > 256<<10 || len(js) > 512<<10 || r.Lookups > lookups.Max {
				t.Errorf("page %d, JSON %d, %d lookups", page.Len(), len(js), r.Lookups)
			}
			for _, s := range r.Plan.Steps {
				for _, record := range s.Records {
					if strings.ContainsAny(record.BIND+record.Value, "\n\r") || !strings.HasPrefix(record.BIND, record.Name+". ") {
						t.Errorf("%+v", record)
					}
				}
			}
		})
	}
}

func manyAddresses(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "ip4:185.0.%d.%d ", i/200, i%200)
	}
	return b.String()
}

// TestUnknownIsNeverOK: with half of the lookups failing, hosts, keys, logo and senders are
// in order only if they are so without failures.
func TestUnknownIsNeverOK(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sound", "takeover", "selfhosted", "workspace"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile("testdata/" + name + ".txtar")
			if err != nil {
				t.Fatal(err)
			}
			_, resolver := dnstest.StartAt(t, string(a.Files[0].Data), clock)
			good := map[string]bool{}
			for f := range Inspect(t.Context(), resolver, "example.org", Options{Now: clock}).lists().All() {
				if f.Severity == finding.OK {
					good[f.Text] = true
				}
			}
			for seed := range 30 {
				u := dnstest.Unreliable{Resolver: resolver, Seed: seed, Percent: uint32(20 + seed)}
				r := Inspect(t.Context(), u, "example.org", Options{Now: clock})
				for _, list := range []finding.List{r.Hosts.Findings, r.BIMI.Findings, r.DMARC.Findings, r.DKIM.Findings} {
					for _, f := range list {
						if f.Severity == finding.OK && !good[f.Text] {
							t.Errorf("seed %d: good is %s", seed, f.Text)
						}
					}
				}
				for _, h := range r.Hosts.List {
					if h.Reverse == "pass" && h.Name == "" {
						t.Errorf("seed %d: %+v", seed, h)
					}
				}
			}
		})
	}
}
