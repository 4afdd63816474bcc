package bimi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRecord is section 4.3 of the draft.
func TestRecord(t *testing.T) {
	t.Parallel()
	const logo, cert = "https://example.org/logo.svg", "https://example.org/logo.pem"
	for _, tt := range []struct {
		name, text string
		want       Record
		err        string
	}{
		{"4.3 both", "v=BIMI1; l=" + logo + "; a=" + cert, Record{logo, cert, "brand"}, ""},
		{"4.3 no evidence", "v=BIMI1; l=" + logo, Record{logo, "", "brand"}, ""},
		{"4.3 empty evidence, semicolon at the end", "v=BIMI1;l=" + logo + ";a=;", Record{logo, "", "brand"}, ""},
		{"4.3 another order, blanks", "v = BIMI1 ;\ta= " + cert + " ; l =" + logo, Record{logo, cert, "brand"}, ""},
		{"4.3 unknown tags", "v=BIMI1; l=" + logo + "; lps=brand-; x=1", Record{logo, "", "brand"}, ""},
		{"4.3 personal", "v=BIMI1; l=" + logo + "; avp=personal", Record{logo, "", "personal"}, ""},
		{"4.3 another preference", "v=BIMI1; l=" + logo + "; avp=other", Record{logo, "", "brand"}, ""},
		{"4.3.1 declined", "v=BIMI1; l=; a=;", Record{"", "", "brand"}, ""},
		{"4.3 no location", "v=BIMI1; a=" + cert, Record{}, "l is missing"},
		{"4.3 the version is not first", "l=" + logo + "; v=BIMI1", Record{}, "begin"},
		{"4.3 capitals", "v=bimi1; l=" + logo, Record{}, "begin"},
		{"4.3 another version", "v=BIMI2; l=" + logo, Record{}, "begin"},
		{"4.3 blank before", " v=BIMI1; l=" + logo, Record{"", "", ""}, "begin"},
		{"4.3 http", "v=BIMI1; l=http://example.org/logo.svg", Record{}, "l= does not begin with https://"},
		{"4.3 two locations", "v=BIMI1; l=" + logo + "," + logo, Record{}, "comma"},
		{"4.3 no host", "v=BIMI1; l=https:///logo.svg", Record{}, "whole domain name"},
		{"4.3 an address", "v=BIMI1; l=https://192.0.2.1/logo.svg", Record{}, "whole domain name"},
		{"4.3 an address of IPv6", "v=BIMI1; l=https://[::1]/logo.svg", Record{}, "whole domain name"},
		{"4.3 one label", "v=BIMI1; l=https://localhost/logo.svg", Record{}, "whole domain name"},
		{"4.3 a login", "v=BIMI1; l=https://a@example.org/logo.svg", Record{}, "login"},
		{"4.3 octets", "v=BIMI1; l=https://example.org/\xff.svg", Record{}, "no URI"},
		{"4.3 evidence by http", "v=BIMI1; l=; a=http://example.org/a.pem", Record{}, "a= does not begin"},
		{"4.3 twice", "v=BIMI1; l=" + logo + "; l=" + logo, Record{}, "twice"},
		{"4.3 no equals sign", "v=BIMI1; l", Record{}, "equals"},
		{"long", "v=BIMI1; l=https://example.org/" + strings.Repeat("a", 2000), Record{}, "longer"},
		{"many tags", "v=BIMI1; l=; " + manyTags(200), Record{}, "more than 100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseRecord(tt.text)
			wantError(t, err, tt.err)
			if d := cmp.Diff(tt.want, r); d != "" {
				t.Error(d)
			}
		})
	}
}

func manyTags(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("x", i+1) + "=1;")
	}
	return b.String()
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("error %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error %v, want %q", err, want)
	}
}

// TestCandidates: section 7.2, other records at the name do not count.
func TestCandidates(t *testing.T) {
	t.Parallel()
	texts := []string{"v=BIMI1; l=", "v=spf1 -all", "v=BIMI1", "v=BIMI12; l="}
	if d := cmp.Diff([]string{texts[0], texts[2]}, Candidates(texts)); d != "" {
		t.Error(d)
	}
}

// FuzzParseRecord: a record that can be read is written as one that says the same.
func FuzzParseRecord(f *testing.F) {
	for _, s := range []string{"v=BIMI1; l=https://example.org/logo.svg; a=;", "v=BIMI1; l=; a=;", "v=BIMI1;l=https://a.b/%2C;avp=personal", "v = BIMI1 ; l\t= ", "v=BIMI1; l=https://[::1%25a]/", "v=spf1 -all"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err != nil {
			return
		}
		again, err := ParseRecord(r.String())
		if err != nil || again != r {
			t.Fatalf("%q is %+v, and its text %q is %+v, %v", text, r, r.String(), again, err)
		}
		if len(Candidates([]string{text})) != 1 {
			t.Fatalf("%q is no candidate", text)
		}
	})
}

// TestIndicator is about logos.
func TestIndicator(t *testing.T) {
	t.Parallel()
	const head = `<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps" viewBox="0 0 9 9">`
	for _, tt := range []struct{ name, file, err string }{
		{"right", `<?xml version="1.0"?>` + head + `<title>A</title><g id="a"/><use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="#a"/></svg>`, ""},
		{"no title", head + `<g/></svg>`, "title"},
		{"another profile", `<svg xmlns="http://www.w3.org/2000/svg" version="1.1"><title/></svg>`, "tiny-ps"},
		{"HTML", `<html><body>not found</body></html>`, "no SVG"},
		{"no name space", `<svg version="1.2" baseProfile="tiny-ps"><title/></svg>`, "no SVG"},
		{"a script", head + `<title/><script>alert(1)</script></svg>`, "element script"},
		{"a picture", head + `<title/><image href="https://a.example/x.png"/></svg>`, "element image"},
		{"a reference", head + `<title/><use href="https://a.example/x.svg#a"/></svg>`, "another file"},
		{"an entity", `<!DOCTYPE svg [<!ENTITY a "b">]>` + head + `<title/></svg>`, "document type"},
		{"x", strings.Replace(head, "viewBox", `x="1" viewBox`, 1) + `<title/></svg>`, "x= or y="},
		{"no XML", head + `<title>`, "well-formed"},
		{"nothing", "", "no svg"},
		{"large", strings.Repeat(" ", MaxIndicator+1), "more than 32 KB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantError(t, CheckIndicator([]byte(tt.file)), tt.err)
		})
	}
}

// FuzzCheckIndicator: no file makes the check fail in another way than by its error.
func FuzzCheckIndicator(f *testing.F) {
	f.Add([]byte(`<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps"><title>A</title></svg>`))
	f.Fuzz(func(t *testing.T, file []byte) {
		if err := CheckIndicator(file); err == nil && len(file) > MaxIndicator {
			t.Fatal("a large file is right")
		}
	})
}

// TestEvidence is about certificates for logos.
func TestEvidence(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(from, days int, usage asn1.ObjectIdentifier, names ...string) []byte {
		c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.AddDate(0, 0, from), NotAfter: now.AddDate(0, 0, days), DNSNames: names, UnknownExtKeyUsage: []asn1.ObjectIdentifier{usage}}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	other := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	for _, tt := range []struct {
		name string
		file []byte
		err  string
	}{
		{"right", issue(-1, 9, forBrands, "Example.org"), ""},
		{"for the organization's record", issue(-1, 9, forBrands, "default._bimi.example.org"), ""},
		{"for another", issue(-1, 9, forBrands, "notexample.org"), "not for example.org"},
		{"expired", issue(-9, -1, forBrands, "example.org"), "expired on 2026-11-28"},
		{"early", issue(1, 9, forBrands, "example.org"), "not valid before 2026-11-30"},
		{"of a web server", issue(-1, 9, other, "example.org"), "not for logos"},
		{"no PEM", []byte("<html>"), "no certificate"},
		{"a key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), "something else"},
		{"garbage", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "cannot be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := CheckEvidence(tt.file, now, "example.org")
			wantError(t, err, tt.err)
		})
	}
}
