package dane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// authority issues certificates of tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) authority {
	t.Helper()
	a := authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = create(t, template, template, a.key, a.key)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func create(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a authority) issue(t testing.TB, until time.Time, names ...string) *x509.Certificate {
	t.Helper()
	return create(t, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: names, NotBefore: now.Add(-2 * time.Hour), NotAfter: until}, a.cert, newKey(t), a.key)
}

// TestParse is RFC 6698 sections 2.1 and 2.2.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"2.2 an example", "3 1 1 92003BA34942DC74152E2F2C408D29ECA5A520E7F2E06BB944F4DCA346BAF63C", "3 1 1 92003ba34942dc74152e2f2c408d29eca5a520e7f2e06bb944f4dca346baf63c"},
		{"2.2 blanks in the data", "2 0 1 92 00", "2 0 1 9200"},
		{"2.2 values without a meaning", "255 255 255 00", "255 255 255 00"},
		{"2.2 a value above 255", "256 0 1 00", ""},
		{"2.2 half an octet", "3 1 1 000", ""},
		{"2.2 words", "DANE-EE SPKI SHA2-256 00", ""},
		{"2.2 no data", "3 1 1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseText(tt.text)
			if (err != nil) != (tt.want == "") || err == nil && r.String() != tt.want {
				t.Errorf("got %q, %v", r, err)
			}
		})
	}
	for _, rdata := range []string{"", "\x03\x01", "\x03\x01\x01" + strings.Repeat("x", maxData+1)} {
		if _, err := Parse(rdata); err == nil {
			t.Errorf("%d octets are a record", len(rdata))
		}
	}
}

// TestUnusable is RFC 7672 section 3.1.
func TestUnusable(t *testing.T) {
	t.Parallel()
	d32, d64 := strings.Repeat("ab", 31)+"00", strings.Repeat("ab", 63)+"00"
	empty := sha256.Sum256(nil)
	c := newAuthority(t, "CA").cert
	for _, tt := range []struct{ name, text, want string }{
		{"3.1.1 DANE-EE", "3 1 1 " + d32, ""},
		{"3.1.1 SHA-512", "3 0 2 " + d64, ""},
		{"3.1.2 DANE-TA", "2 1 1 " + d32, ""},
		{"3.1.3 PKIX-TA", "0 1 1 " + d32, "usage 0 is not for mail"},
		{"3.1.3 PKIX-EE", "1 1 1 " + d32, "usage 1 is not for mail"},
		{"an unknown usage", "4 1 1 " + d32, "usage 4 has no meaning"},
		{"an unknown selector", "3 2 1 " + d32, "selector 2 has no meaning"},
		{"an unknown matching type", "3 1 3 " + d32, "matching type 3 has no meaning"},
		{"SHA-512 under SHA-256", "3 1 1 " + d64, "64 octets instead of 32, which is the length of SHA-512"},
		{"SHA-256 under SHA-512", "3 1 2 " + d32, "32 octets instead of 64, which is the length of SHA-256"},
		{"SHA-1", "3 1 1 " + strings.Repeat("ab", 20), "20 octets instead of 32"},
		{"one octet", "3 1 1 ab", "its digest has 1 octet instead of 32"},
		{"the digest of nothing", "3 1 1 " + hex.EncodeToString(empty[:]), "the file was empty"},
		{"a filler", "3 1 1 " + strings.Repeat("00", 32), "a filler"},
		{"a digest in place of a certificate", "3 0 0 " + d32, "no certificate, which is the length of SHA-256"},
		{"a digest in place of a key", "3 1 0 " + d32, "no public key, which is the length of SHA-256"},
		{"a whole certificate", Of(c, DANETA, Cert, Full).String(), ""},
		{"a whole key", Of(c, DANEEE, SPKI, Full).String(), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseText(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Unusable(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestVerify is RFC 7672 sections 2.2, 3.1 and 3.2.
func TestVerify(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "CA"), newAuthority(t, "Other")
	good := ca.issue(t, now.Add(time.Hour), "mx.a.example")
	old := ca.issue(t, now.Add(-time.Hour), "mx.a.example")
	wild := ca.issue(t, now.Add(time.Hour), "*.a.example")
	ee := func(c *x509.Certificate) Record { return Of(c, DANEEE, SPKI, SHA256) }
	ta := Of(ca.cert, DANETA, SPKI, SHA256)
	names := []string{"mx.a.example", "a.example"}
	for _, tt := range []struct {
		name    string
		records []Record
		chain   []*x509.Certificate
		names   []string
		want    Result
		reason  string
	}{
		{"3.1.1 the server's key", []Record{ee(good)}, []*x509.Certificate{good}, names, Pass, ""},
		{"3.1.1 names do not count", []Record{ee(good)}, []*x509.Certificate{good}, []string{"x.example"}, Pass, ""},
		{"3.1.1 dates do not count", []Record{ee(old)}, []*x509.Certificate{old}, names, Pass, ""},
		{"3.1.1 another certificate", []Record{ee(old)}, []*x509.Certificate{good}, names, Fail, "matches no TLSA record"},
		{"3.1.1 only the server's own certificate", []Record{ee(ca.cert)}, []*x509.Certificate{good, ca.cert}, names, Fail, "matches no TLSA record"},
		{"3.1.2 an authority", []Record{ta}, []*x509.Certificate{good, ca.cert}, names, Pass, ""},
		{"3.1.2 an authority that is not sent", []Record{ta}, []*x509.Certificate{good}, names, Fail, "matches no TLSA record"},
		{"3.1.2 an authority that is not sent, but whole in the record", []Record{Of(ca.cert, DANETA, Cert, Full)}, []*x509.Certificate{good}, names, Pass, ""},
		{"3.1.2 another authority", []Record{Of(other.cert, DANETA, Cert, SHA256)}, []*x509.Certificate{good, ca.cert}, names, Fail, "matches no TLSA record"},
		{"3.1.2 an authority that did not issue it", []Record{Of(other.cert, DANETA, Cert, SHA256)}, []*x509.Certificate{good, other.cert}, names, Fail, "does not vouch"},
		{"3.1.2 dates count", []Record{ta}, []*x509.Certificate{old, ca.cert}, names, Fail, "expired"},
		{"3.2.2 names count", []Record{ta}, []*x509.Certificate{good, ca.cert}, []string{"x.example"}, Fail, "not for x.example"},
		{"3.2.3 a wildcard", []Record{ta}, []*x509.Certificate{wild, ca.cert}, names, Pass, ""},
		{"2.2 no usable record", []Record{{Usage: PKIXEE, Selector: SPKI, Matching: SHA256, Data: ee(good).Data}}, []*x509.Certificate{good}, names, None, "usable"},
		{"2.2 a record among others", []Record{ee(old), ee(good)}, []*x509.Certificate{good}, names, Pass, ""},
		{"no certificate", []Record{ee(good)}, nil, names, Fail, "no certificate"},
		{"RFC 7671 9 the stronger digest counts", []Record{ee(good), Of(old, DANEEE, SPKI, SHA512)}, []*x509.Certificate{good}, names, Fail, "matches no"},
		{"RFC 7671 9 of the same kind alone", []Record{ee(good), Of(old, DANEEE, Cert, SHA512)}, []*x509.Certificate{good}, names, Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, matched, reason := Verify(tt.records, tt.chain, tt.names, now)
			if got != tt.want || !strings.Contains(reason, tt.reason) || (reason == "") != (got == Pass) {
				t.Errorf("%s, %q", got, reason)
			}
			if got == Pass && !strings.Contains(matched.String(), " ") {
				t.Errorf("matched %v", matched)
			}
		})
	}
}

// FuzzVerify: any record is used or not, and a certificate never matches by accident.
func FuzzVerify(f *testing.F) {
	ca := newAuthority(f, "CA")
	leaf := ca.issue(f, now.Add(time.Hour), "mx.a.example")
	chain := []*x509.Certificate{leaf, ca.cert}
	for _, c := range chain {
		for u := range Usage(5) {
			for s := range Selector(3) {
				for m := range Matching(4) {
					r := Of(c, u, s, m)
					f.Add(string([]byte{byte(r.Usage), byte(r.Selector), byte(r.Matching)}) + r.Data)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, rdata string) {
		r, err := Parse(rdata)
		if err != nil {
			return
		}
		if again, err := ParseText(r.String()); len(r.Data) > 0 && (err != nil || again != r) {
			t.Fatalf("%v is read as %v, %v", r, again, err)
		}
		result, _, reason := Verify([]Record{r}, chain, []string{"mx.a.example"}, now)
		switch {
		case (r.Unusable() != "") != (result == None), (reason == "") != (result == Pass):
			t.Fatalf("%v: %s, %q", r, result, reason)
		case result == Pass && !r.Matches(leaf) && !r.Matches(ca.cert):
			t.Fatalf("%v passes", r)
		}
	})
}
