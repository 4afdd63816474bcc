package route

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestHostileZones: whatever a zone holds, the work is bounded, and neither page nor JSON
// can steer a terminal.
func TestHostileZones(t *testing.T) {
	t.Parallel()
	const escape = `\027[2J\007\226\128\174`
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.NewReplacer("%d", fmt.Sprint(i), "%4", fmt.Sprintf("%04d", i)).Replace(format) + "\n")
		}
		return b.String()
	}
	long := strings.Repeat(`"`+strings.Repeat("x", 250)+`" `, 200)
	for _, tt := range []struct{ name, zone string }{
		{"a thousand MX", many(1000, "evil.example. MX %d mx%d.evil.example.") + many(1000, "mx%d.evil.example. A 185.0.2.1")},
		{"a thousand addresses", "evil.example. MX 1 mx.evil.example.\n" + many(255, "mx.evil.example. A 185.0.2.%d") + many(500, "mx.evil.example. AAAA 2a00:db8::%d")},
		{"names with escapes", "evil.example. MX 1 " + escape + ".evil.example.\nevil.example. MX 2 mx.evil.example.\nmx.evil.example. CNAME " + escape + ".evil.example.\n" + escape + ".evil.example. A 185.0.2.1\n1.2.0.185.in-addr.arpa. PTR " + escape + ".example.\n"},
		{"texts with escapes", "evil.example. MX 1 mx.evil.example.\nmx.evil.example. A 185.0.2.1\n_mta-sts.evil.example. TXT \"v=STSv1; " + escape + "=1\"\n_smtp._tls.evil.example. TXT \"v=TLSRPTv1; rua=mailto:" + escape + "@evil.example\"\n"},
		{"long texts", "evil.example. MX 1 mx.evil.example.\nmx.evil.example. A 185.0.2.1\n_mta-sts.evil.example. TXT \"v=STSv1; id=1;\" " + long + "\n_smtp._tls.evil.example. TXT \"v=TLSRPTv1; rua=mailto:a@b\" " + long + "\n"},
		{"many texts", "evil.example. MX 1 mx.evil.example.\nmx.evil.example. A 185.0.2.1\n" + many(900, "_mta-sts.evil.example. TXT \"v=STSv1; id=%d;\"") + many(600, "_smtp._tls.evil.example. TXT \"v=TLSRPTv1; rua=mailto:a%d@b.example\"")},
		{"many TLSA records", "evil.example. MX 1 mx.evil.example.\nmx.evil.example. A 185.0.2.1\n" + many(900, "_25._tcp.mx.evil.example. TLSA 3 1 1 "+strings.Repeat("ab", 20)+"%4") + "$FAULT *.evil.example * AD\n$FAULT evil.example * AD\n"},
		{"a long TLSA record", "evil.example. MX 1 mx.evil.example.\nmx.evil.example. A 185.0.2.1\n_25._tcp.mx.evil.example. TLSA 3 1 0 " + strings.Repeat("ab", 40000) + "\n"},
		{"many CAA records", "evil.example. MX 1 mx.evil.example.\nmx.evil.example. A 185.0.2.1\n_mta-sts.evil.example. TXT \"v=STSv1; id=1;\"\nmta-sts.evil.example. A 185.0.2.1\n" + many(900, `evil.example. CAA 128 tag%d "`+escape+`"`) + many(900, `mx.evil.example. CAA 0 issue "ca%d.example"`)},
		{"loops", "evil.example. MX 1 a.evil.example.\na.evil.example. CNAME b.evil.example.\nb.evil.example. CNAME a.evil.example.\n_mta-sts.evil.example. CNAME _mta-sts.evil.example.\n"},
		{"a loop at the domain", "evil.example. CNAME evil.example.\n"},
		{"wildcards", "*.example. MX 1 mx.evil.example.\n*.example. A 185.0.2.1\n*.example. TXT \"v=STSv1; id=1;\"\n*.example. TLSA 3 1 1 00\n*.example. CAA 0 issue \";\"\n*.arpa. PTR x.example.\n"},
		{"itself", "evil.example. MX 1 evil.example.\nevil.example. MX 2 evil.example.\nevil.example. A 185.0.2.1\n"},
		{"the root", "evil.example. MX 1 com.\ncom. A 185.0.2.1\n"},
		{"many words", "evil.example. MX 1 mx.evil.example.\nmx.evil.example. A 185.0.2.1\n_mta-sts.evil.example. TXT \"" + strings.Repeat("; ", 100) + "\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, resolver := dnstest.StartAt(t, tt.zone, clock)
			r, err := Find(t.Context(), resolver, "ann@evil.example", Options{Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			var page bytes.Buffer
			if err := r.Print(&page, layout.Screen{}); err != nil {
				t.Fatal(err)
			}
			wantHarmless(t, page.Bytes())
			pagetest.Columns(t, r)
			pagetest.Ticket(t, r)
			js, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			wantHarmless(t, bytes.ReplaceAll(js, []byte(`\`), nil))
			if page.Len() > 128<<10 || len(js) > 256<<10 || r.Lookups > lookups.Max || len(r.Attempts) > maxAttempts || len(r.MX.Hosts) > MaxHosts {
				t.Errorf("page %d, JSON %d, lookups %d, attempts %d", page.Len(), len(js), r.Lookups, len(r.Attempts))
			}
			if r.Summary == "" || r.Result == "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestUnknownIsNeverGood: with half of the lookups failing, nothing is good, and nothing is
// an error, that is not so without failures.
func TestUnknownIsNeverGood(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			zone, address := readSetup(t, file)
			if strings.Contains(zone, "$FAULT * *") {
				t.Skip("all lookups fail anyway")
			}
			_, resolver := dnstest.StartAt(t, zone, clock)
			truth, err := Find(t.Context(), resolver, address, Options{Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			good, bad := textsOf(truth, finding.OK), textsOf(truth, finding.Error)
			all := map[string]bool{}
			for f := range truth.lists().All() {
				all[f.Text] = true
			}
			for seed := range 60 {
				u := dnstest.Unreliable{Resolver: resolver, Seed: seed, Percent: uint32(10 + seed)}
				r, err := Find(t.Context(), u, address, Options{Now: clock})
				if err != nil {
					t.Fatal(err)
				}
				if r.Failed == 0 {
					continue
				}
				for text := range textsOf(r, finding.OK) {
					if !good[text] {
						t.Errorf("seed %d: good is %s", seed, text)
					}
				}
				for text := range textsOf(r, finding.Error) {
					if !bad[text] {
						t.Errorf("seed %d: wrong is %s", seed, text)
					}
				}
				for f := range r.lists().All() {
					// Where no host can be reached, the truth asks for no records.
					beside := truth.Transport.TLSRPT.State == Unchecked && strings.HasPrefix(f.Text, "no TLS-RPT record")
					if !f.DNSFailure && !all[f.Text] && !beside {
						t.Errorf("seed %d: %s is %s", seed, f.Severity, f.Text)
					}
				}
				for _, s := range [][2]State{
					{r.Transport.DANE.State, truth.Transport.DANE.State},
					{r.Transport.MTASTS.State, truth.Transport.MTASTS.State},
					{r.Transport.TLSRPT.State, truth.Transport.TLSRPT.State},
				} {
					if s[0] == Works && s[1] != Works {
						t.Errorf("seed %d: %s in place of %s", seed, s[0], s[1])
					}
				}
				if r.Result != truth.Result && r.Result != Unknown {
					t.Errorf("seed %d: %s in place of %s: %s", seed, r.Result, truth.Result, r.Summary)
				}
				if strings.Contains(r.Summary, "Nobody can read") && !strings.Contains(truth.Summary, "Nobody can read") ||
					strings.Contains(r.Summary, "neither") && !strings.Contains(truth.Summary, "neither") {
					t.Errorf("seed %d: %s; in truth %s", seed, r.Summary, truth.Summary)
				}
			}
		})
	}
}

// readSetup returns the zone and the address of a file of testdata.
func readSetup(t *testing.T, file string) (zone, address string) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		switch f.Name {
		case "zone":
			zone = string(f.Data)
		case "address":
			address = strings.TrimSpace(string(f.Data))
		}
	}
	return zone, address
}

// textsOf returns the texts of the findings of a severity.
func textsOf(r *Report, s finding.Severity) map[string]bool {
	texts := map[string]bool{}
	for f := range r.lists().All() {
		if f.Severity == s {
			texts[f.Text] = true
		}
	}
	return texts
}
