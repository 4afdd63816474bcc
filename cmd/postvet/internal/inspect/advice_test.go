package inspect

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestAdvice is about advice that would do harm, and about warnings without a
// reason.
func TestAdvice(t *testing.T) {
	t.Parallel()
	includes := func(n int) string {
		var zone, record strings.Builder
		for i := range n {
			fmt.Fprintf(&zone, "i%d.esp.example. TXT \"v=spf1 ip4:185.0.2.%d -all\"\n", i, i)
			fmt.Fprintf(&record, "include:i%d.esp.example ", i)
		}
		return zone.String() + "a.example. TXT \"v=spf1 " + record.String() + "-all\"\n"
	}
	const key = "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDUD2TWmfF4rMvGBLRwSP4IRutj6ae/nDOzj3j5FgCP9ncm0exYIPuUXKGZ3VcUIo00Lercz2Nhq9lpBJ9GlVdbevFAnOQSH/N8r++2DJDXrW2vGkOcau7gEmCoVGRXRSMmi4QH2/e7cOSVyyqcXSEsdbN78wOjLWu15EcHF4bJ1wIDAQAB"
	for _, c := range []struct {
		name, zone string
		want, not  []string
	}{
		{
			"a stray record beside the one that counts",
			"a.example. TXT \"v=DMARC1; p=none\"\n_dmarc.a.example. TXT \"v=DMARC1; p=reject\"\n",
			[]string{"warning  a DMARC record stands at a.example itself", "-> remove it: the record at _dmarc.a.example is the one that counts"},
			[]string{`publish: _dmarc.a.example. TXT "v=DMARC1; p=none"`},
		},
		{
			"one that is none beside the one that counts",
			"_dmarc.a.example. TXT \"v=dmarc1; p=none\"\n_dmarc.a.example. TXT \"v=DMARC1; p=reject\"\n",
			[]string{"warning  the text at _dmarc.a.example looks like a DMARC record but is none: v=dmarc1; p=none", "-> remove it: "},
			[]string{"begin it with"},
		},
		{
			"a parent that is strict with its subdomains alone",
			"_dmarc.example. TXT \"v=DMARC1; p=none; sp=reject; psd=n; rua=mailto:d@example\"\n",
			[]string{"DMARC  policy reject, subdomains reject"},
			[]string{"p=none: forged mail is delivered"},
		},
		{
			"a parent that is strict with nobody",
			"_dmarc.example. TXT \"v=DMARC1; p=none; psd=n; rua=mailto:d@example\"\n",
			[]string{"DMARC  policy none, subdomains none", "p=none: forged mail is delivered"},
			nil,
		},
		{
			"records to merge, of which some have modifiers",
			"a.example. TXT \"v=spf1 mx redirect=_Spf.esp.example exp=e1.a.example\"\na.example. TXT \"v=spf1 Redirect=_spf.esp.example exp=e2.a.example a -all\"\n",
			[]string{`publish: a.example. TXT "v=spf1 mx include:_Spf.esp.example exp=e1.a.example a -all"`},
			nil,
		},
		{"nine lookups", includes(9), []string{"warning  9 of 10 lookups: two more at a provider break the record"}, nil},
		{"ten lookups", includes(10), []string{"warning  10 of 10 lookups: one more at a provider breaks the record"}, nil},
		{
			"a key that is strict and tested",
			"mail._domainkey.a.example. TXT \"v=DKIM1; t=y:s; " + key + "\"\n",
			[]string{`publish: mail._domainkey.a.example. TXT "v=DKIM1; t=s; ` + key},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPrinted(t, "a.example", "a.example. MX 10 mx.a.example.\n"+c.zone, c.want, c.not)
		})
	}
}

// wantPrinted inspects a domain of a zone, and compares what is printed with texts that
// must and must not stand there.
func wantPrinted(t *testing.T, domain, zone string, want, not []string) {
	t.Helper()
	wantPage(t, domain, zone, Options{}, want, not)
}

// wantPlanned is wantPrinted with the plan.
func wantPlanned(t *testing.T, domain, zone string, want, not []string) {
	t.Helper()
	wantPage(t, domain, zone, Options{Plan: true}, want, not)
}

func wantPage(t *testing.T, domain, zone string, o Options, want, not []string) {
	t.Helper()
	_, resolver := dnstest.Start(t, zone)
	var text bytes.Buffer
	if err := Inspect(t.Context(), resolver, domain, o).Print(&text, layout.Screen{}); err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if !strings.Contains(text.String(), w) {
			t.Errorf("no %s", w)
		}
	}
	for _, n := range not {
		if strings.Contains(text.String(), n) {
			t.Errorf("has %s", n)
		}
	}
	if t.Failed() {
		t.Log(text.String())
	}
}
