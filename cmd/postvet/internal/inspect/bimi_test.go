package inspect

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/dnscache/dnstest"
)

const (
	brandZone = "b.example. MX 10 mx.b.example.\nmx.b.example. A 185.0.2.1\nb.example. TXT \"v=spf1 mx -all\"\n"
	brand     = "default._bimi.b.example. TXT \"v=BIMI1; l=https://b.example/logo.svg; a=https://b.example/logo.pem\"\n"
)

// TestBIMI is about records of logos and what they demand.
func TestBIMI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone string
		state      BrandState
		want, not  []string
	}{
		{"none", wide, BrandAbsent, nil, []string{"BIMI"}},
		{"right", wide + brand, BrandPublished, []string{"BIMI  default._bimi.b.example", "ok       the BIMI record is sound", "the files were not fetched"}, []string{"no certificate"}},
		{"no certificate", wide + strings.Replace(brand, "a=https://b.example/logo.pem", "", 1), BrandPublished, []string{"note     no certificate for the logo (a=): Gmail and Apple Mail"}, nil},
		{"no DMARC", brand, BrandPublished, []string{"warning  the logo is shown nowhere", "there is no DMARC record"}, []string{"is sound, and"}},
		{"p=none", "_dmarc.b.example. TXT \"v=DMARC1; p=none\"\n" + brand, BrandPublished, []string{"warning  the logo is shown nowhere", "mail that fails is delivered"}, []string{"is sound, and"}},
		{"quarantine in testing", "_dmarc.b.example. TXT \"v=DMARC1; p=quarantine; t=y\"\n" + brand, BrandPublished, []string{"warning  the logo is shown nowhere", "mail that fails is delivered"}, []string{"is sound, and"}},
		{"sp=none", "_dmarc.b.example. TXT \"v=DMARC1; p=reject; sp=none\"\n" + brand, BrandPublished, []string{"subdomains have the policy none", "-> remove sp=none"}, []string{"is sound, and"}},
		{"pct", "_dmarc.b.example. TXT \"v=DMARC1; p=reject; pct=50\"\n" + brand, BrandPublished, []string{"it has pct=50", "-> remove pct=50"}, []string{"is sound, and"}},
		{"DMARC cannot be asked", "$FAULT _dmarc.b.example TXT SERVFAIL\n" + brand, BrandPublished, []string{"dns      whether the DMARC policy is strict enough for BIMI is not known"}, []string{"is sound, and", "shown nowhere"}},
		{"it cannot be asked", wide + "$FAULT default._bimi.b.example TXT SERVFAIL\n" + brand, BrandUnknown, []string{"dns      the BIMI record of default._bimi.b.example could not be looked up"}, []string{"is sound, and"}},
		{"declined", wide + "default._bimi.b.example. TXT \"v=BIMI1; l=; a=;\"", BrandDeclined, []string{"ok       the domain says that it has no logo to show"}, []string{"no certificate"}},
		{"http", wide + strings.ReplaceAll(brand, "https", "http"), BrandBroken, []string{"error    the BIMI record at default._bimi.b.example is broken", `publish: default._bimi.b.example. TXT "v=BIMI1; l=https://b.example/logo.svg; a=https://b.example/logo.pem;"`}, nil},
		{"two", wide + brand + strings.Replace(brand, "logo.svg", "2.svg", 1), BrandBroken, []string{"error    2 BIMI records"}, nil},
		{"PNG", wide + strings.Replace(brand, "logo.svg", "logo.png?x=.svg", 1), BrandPublished, []string{"error    the logo is no SVG by its name"}, []string{"is sound, and"}},
		{"taken over", wide + "default._bimi.b.example. CNAME x.gone.test.", BrandBroken, []string{"error    default._bimi.b.example is an alias (CNAME) of x.gone.test, which does not exist", "remove the CNAME"}, nil},
		{"another text", wide + "default._bimi.b.example. TXT \"hello\"", BrandAbsent, nil, []string{"BIMI"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPrinted(t, "b.example", brandZone+c.zone+"\n", c.want, c.not)
			_, resolver := dnstest.Start(t, brandZone+c.zone+"\n")
			if got := Inspect(t.Context(), resolver, "b.example", Options{}).BIMI.State; got != c.state {
				t.Errorf("state %s, want %s", got, c.state)
			}
		})
	}
}

// TestBIMIOfOrganization: a subdomain without a record has that of its organization.
func TestBIMIOfOrganization(t *testing.T) {
	t.Parallel()
	wantPrinted(t, "news.b.example", brandZone+wide+brand+"news.b.example. MX 10 mx.b.example.\n", []string{"BIMI  default._bimi.b.example", "ok       the BIMI record is sound"}, nil)
}

// files is web servers in memory.
type files map[string]string

func (f files) Fetch(_ context.Context, url string, addrs []netip.Addr, most int) ([]byte, string, error) {
	body, ok := f[url]
	switch {
	case len(addrs) == 0 || addrs[0].IsPrivate():
		return nil, "", errors.New("a forbidden address")
	case !ok:
		return nil, "", errors.New("the web server answers 404 Not Found")
	case body == "elsewhere":
		return nil, "", &connect.Redirected{Code: 301}
	case len(body) > most:
		return nil, "", errors.New("too much")
	}
	return []byte(body), "", nil
}

// TestBIMIFetch is about the files that a record names.
func TestBIMIFetch(t *testing.T) {
	t.Parallel()
	const logo, cert = "https://b.example/logo.svg", "https://b.example/logo.pem"
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps"><title>B</title></svg>`
	for _, c := range []struct {
		name, zone string
		files      files
		want       map[finding.Severity]string
		not        finding.Severity
	}{
		{"both wrong", "b.example. A 185.0.2.1", files{logo: "<html/>", cert: "x"}, map[finding.Severity]string{finding.Error: "the certificate for the logo at https://b.example/logo.pem is not shown: it holds no certificate"}, finding.OK},
		{"the logo right", "b.example. A 185.0.2.1", files{logo: svg, cert: "elsewhere"}, map[finding.Severity]string{finding.OK: "the logo is sound", finding.Note: "the certificate for the logo was not fetched: the web server redirects elsewhere (301)"}, finding.Error},
		{"not there", "b.example. A 185.0.2.1", files{}, map[finding.Severity]string{finding.Error: "the logo cannot be fetched: the web server answers 404"}, finding.OK},
		{"a private address", "b.example. A 10.0.0.1", files{logo: svg, cert: "x"}, map[finding.Severity]string{finding.Error: "b.example has no address that the Internet can reach"}, finding.OK},
		{"no answer", "$FAULT b.example A SERVFAIL\n$FAULT b.example AAAA SERVFAIL", files{logo: svg}, map[finding.Severity]string{finding.Warning: "could not be looked up"}, finding.Error},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, resolver := dnstest.Start(t, brandZone+wide+brand+c.zone+"\n")
			r := Inspect(t.Context(), resolver, "b.example", Options{Fetch: c.files})
			found := map[finding.Severity]string{}
			for _, f := range r.BIMI.Findings {
				found[f.Severity] += f.Text + "\n"
			}
			for severity, text := range c.want {
				if !strings.Contains(found[severity], text) {
					t.Errorf("no %s %q in %+v", severity, text, r.BIMI.Findings)
				}
			}
			if text := strings.ReplaceAll(found[c.not], "the BIMI record is sound, and the DMARC policy strict enough for it\n", ""); text != "" {
				t.Errorf("%s: %s", c.not, text)
			}
			if !r.BIMI.Fetched {
				t.Error("not fetched")
			}
		})
	}
}
