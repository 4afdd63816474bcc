package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// rsaKey and edKey are generated once for all tests.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

var edKey = sync.OnceValue(func() ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
})

func edRecord() string {
	return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(edKey().Public().(ed25519.PublicKey))
}

func rsaRecord() string { return "v=DKIM1; k=rsa; p=" + spki(&rsaKey().PublicKey) }

func spki(pub any) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// bare returns an RSAPublicKey with a modulus of so many bits and the exponent e.
func bare(bits int, e int64) string {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	n.SetBit(n, 0, 1)
	if bits%2 == 1 && e == 65535 { // an even modulus, for one test
		n.SetBit(n, 0, 0)
	}
	der, err := asn1.Marshal(struct{ N, E *big.Int }{n, big.NewInt(e)})
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	p := spki(&rsaKey().PublicKey)
	noisy := p[:10] + " \t" + p[10:60] + "\r\n\t" + p[60:] + " "
	tests := []struct {
		name, txt string
		want      *Key
		err       string
	}{
		{"3.6.1 all defaults", "p=" + p, &Key{Type: "rsa", Bits: 2048}, ""},
		{
			"3.6.1 all tags", "v=DKIM1; k=rsa; h=sha1 : sha256; s=email:x; t=y:s:z; n=hello; g=*; p=" + p,
			&Key{Type: "rsa", Bits: 2048, Hashes: []string{"sha1", "sha256"}, Services: []string{"email", "x"}, Testing: true, NoSubdomains: true, Notes: "hello"}, "",
		},
		{"3.6.1 white space in p", "v=DKIM1;p=" + noisy + ";", &Key{Type: "rsa", Bits: 2048}, ""},
		{"3.6.1 without padding", "p=" + strings.TrimRight(p, "="), &Key{Type: "rsa", Bits: 2048}, ""},
		{"3.6.1 RSAPublicKey", "p=" + bare(1024, 65537), &Key{Type: "rsa", Bits: 1024}, ""},
		{"8463 ed25519", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", &Key{Type: "ed25519", Bits: 256}, ""},
		{"3.6.1 empty p", "v=DKIM1; p=", &Key{Type: "rsa", Revoked: true}, ""},
		{"3.6.1 empty p of blanks", "p= ;", &Key{Type: "rsa", Revoked: true}, ""},
		{"3.6.1 no p", "v=DKIM1; k=rsa", nil, "dkim: p= is missing"},
		{"3.6.1 v not first", "k=rsa; v=DKIM1; p=" + p, &Key{Type: "rsa", Bits: 2048}, ""},
		{"3.6.1 v last", "k=rsa; p=" + p + "; v=DKIM1", &Key{Type: "rsa", Bits: 2048}, ""},
		{"3.2 empty tags", "v=DKIM1;; k=rsa; ;p=" + p + ";;", &Key{Type: "rsa", Bits: 2048}, ""},
		{"3.2 empty tags alone", ";;", nil, "dkim: no tags"},
		{"3.2 a name with a hyphen", "v=DKIM1; x-note=1; p=" + p, &Key{Type: "rsa", Bits: 2048}, ""},
		{"3.2 a name that begins with a hyphen", "v=DKIM1; -x=1; p=" + p, nil, `dkim: "-x" is not a tag name`},
		{"RFC 5234 2.3 capitals", "v=DKIM1; k=RSA; t=Y:S; p=" + p, &Key{Type: "rsa", Bits: 2048, Testing: true, NoSubdomains: true}, ""},
		{"line end behind a value", "v=DKIM1; p=" + p + "\n", &Key{Type: "rsa", Bits: 2048}, ""},
		{"3.6.1 another v", "v=DKIM2; p=" + p, nil, `dkim: version "DKIM2" is not DKIM1`},
		{"3.6.1 v in lower case", "v=dkim1; p=" + p, nil, `dkim: version "dkim1" is not DKIM1`},
		{"3.6.1 unknown k", "k=dsa; p=" + p, nil, `dkim: key type "dsa" is not known`},
		{"3.6.1 p not base64", "p=%%%", nil, "dkim: p= is not base64"},
		{"3.6.1 p not DER", "p=AAAA", nil, "dkim: p= is not a key"},
		{"3.6.1 p cut", "p=" + p[:len(p)-8], nil, "dkim: p= is not a key"},
		{"3.6.1 bytes after the key", "p=" + base64.StdEncoding.EncodeToString(append(mustDecode(p), 0)), nil, "dkim: p= is not a key"},
		{"3.6.1 repeated tag", "p=; p=" + p, nil, "dkim: tag p= is repeated"},
		{"8463 ed25519 of 31 bytes", "k=ed25519; p=" + base64.StdEncoding.EncodeToString(make([]byte, 31)), nil, "dkim: an ed25519 key has 32 bytes, p= has 31"},
		{"rsa with an ed25519 key in it", "k=rsa; p=" + spki(edKey().Public()), nil, "dkim: p= holds a key of another type than k="},
		{"exponent 1", "p=" + bare(1024, 1), nil, "dkim: p= is not a valid RSA key"},
		{"even exponent", "p=" + bare(1024, 65536), nil, "dkim: p= is not a valid RSA key"},
		{"exponent above 31 bits", "p=" + bare(1024, 1<<32+1), nil, "dkim: p= is not a valid RSA key"},
		{"negative exponent", "p=" + bare(1024, -3), nil, "dkim: p= is not a valid RSA key"},
		{"even modulus", "p=" + bare(1025, 65535), nil, "dkim: p= is not a valid RSA key"},
		{"not a record", "hello world", nil, `dkim: "hello world" is not a tag: it has no equals sign`},
		{"SPF", "v=spf1 -all", nil, `dkim: version "spf1 -all" is not DKIM1`},
		{"empty", "", nil, "dkim: no tags"},
		{"too long", "p=" + strings.Repeat("A", 17000), nil, "dkim: the record is longer than 16384 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseKey(tt.txt)
			if err != nil {
				if d := cmp.Diff(tt.err, err.Error()); d != "" {
					t.Errorf("error (-want +got):\n%s", d)
				}
				return
			}
			if (got.Public == nil) != got.Revoked {
				t.Errorf("public key %v of a key with Revoked %v", got.Public, got.Revoked)
			}
			got.Public, got.Oddities = nil, nil // TestOddities has these
			if d := cmp.Diff(tt.want, got); d != "" || tt.err != "" {
				t.Errorf("want error %q (-want +got):\n%s", tt.err, d)
			}
		})
	}
}

func mustDecode(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestKeyServes(t *testing.T) {
	t.Parallel()
	p := "; p=" + spki(&rsaKey().PublicKey)
	tests := []struct {
		name, txt, algorithm, identity string
		opt                            Options
		status                         Status
		failure                        Failure
		reason                         string
	}{
		{"6.1.2 sound", "v=DKIM1" + p, "rsa-sha256", "example.org", Options{}, "", "", ""},
		{"6.1.2 revoked", "p=", "rsa-sha256", "example.org", Options{}, PermError, FailureKeyRevoked, "key revoked"},
		{"6.1.2 service email", "s=x:email" + p, "rsa-sha256", "example.org", Options{}, "", "", ""},
		{"6.1.2 service all", "s=*" + p, "rsa-sha256", "example.org", Options{}, "", "", ""},
		{"6.1.2 other service", "s=tlsrpt" + p, "rsa-sha256", "example.org", Options{}, PermError, FailureKeyUnfit, "the key is not for mail: s=\"tlsrpt\""},
		{"6.1.2 hash", "h=sha1:sha256" + p, "rsa-sha256", "example.org", Options{}, "", "", ""},
		{"6.1.2 other hash", "h=sha1" + p, "rsa-sha256", "example.org", Options{}, PermError, FailureKeyUnfit, "the key does not allow sha256: h=\"sha1\""},
		{"6.1.2 other type", "k=rsa" + p, "ed25519-sha256", "example.org", Options{}, PermError, FailureKeyUnfit, "the key is for rsa, the signature is by ed25519"},
		{"3.6.1 t=s, same domain", "t=s" + p, "rsa-sha256", "example.org", Options{}, "", "", ""},
		{"3.6.1 t=s, subdomain", "t=y:s" + p, "rsa-sha256", "sub.example.org", Options{}, PermError, FailureKeyUnfit, "the key does not allow i= to be in a subdomain"},
		{"8301 3.2 short", "p=" + bare(1023, 3), "rsa-sha256", "example.org", Options{}, PermError, FailureKeyShort, "key of 1023 bits is below 1024"},
		{"8301 3.2 least", "p=" + bare(1024, 3), "rsa-sha256", "example.org", Options{}, "", "", ""},
		{"8301 3.2 not below", "p=" + bare(1023, 3), "rsa-sha256", "example.org", Options{MinRSABits: 512}, PermError, FailureKeyShort, "key of 1023 bits is below 1024"},
		{"ours, more asked", "p=" + bare(1024, 3), "rsa-sha256", "example.org", Options{MinRSABits: 2048}, PermError, FailureKeyShort, "key of 1024 bits is below 2048"},
		{"ours, long", "p=" + bare(8193, 3), "rsa-sha256", "example.org", Options{}, Policy, FailureKeyLong, "key of 8193 bits is above 8192"},
		{"ours, longest", "p=" + bare(8192, 3), "rsa-sha256", "example.org", Options{}, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, err := ParseKey(tt.txt)
			if err != nil {
				t.Fatal(err)
			}
			err = k.Serves(&Signature{Algorithm: tt.algorithm, Domain: "example.org", IdentityDomain: tt.identity}, tt.opt)
			var e Error
			if got, ok := err.(*Error); ok {
				e = *got
			}
			if d := cmp.Diff(Error{tt.status, tt.failure, tt.reason}, e); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestLookupKeys(t *testing.T) {
	t.Parallel()
	s, r := dnstest.Start(t, zone(map[string][]string{
		"good._domainkey.example.org":         {edRecord()},
		"several._domainkey.example.org":      {"v=spf1 -all", "some text", edRecord()},
		"bad._domainkey.example.org":          {"v=DKIM1; p=AAAA"},
		"text._domainkey.example.org":         {"nothing"},
		"empty._domainkey.example.org":        {""},
		"revoked._domainkey.example.org":      {"p="},
		"below.nodata._domainkey.example.org": {"x"},
	}, map[string]string{
		"servfail._domainkey.example.org": "SERVFAIL",
		"refused._domainkey.example.org":  "REFUSED",
		"slow._domainkey.example.org":     "TIMEOUT",
	}))
	tests := []struct {
		selector string
		status   Status // of the error
		failure  Failure
		reason   string
	}{
		{"good", "", "", ""},
		{"several", "", "", ""},
		{"revoked", "", "", ""},
		{"bad", PermError, FailureKeyBroken, "the record at bad._domainkey.example.org is not a key: p= is not a key"},
		{"text", PermError, FailureKeyBroken, `the record at text._domainkey.example.org is not a key: "nothing" is not a tag: it has no equals sign`},
		{"empty", PermError, FailureKeyBroken, "the record at empty._domainkey.example.org is not a key: no tags"},
		{"absent", PermError, FailureKeyMissing, "no key at absent._domainkey.example.org"},
		{"nodata", PermError, FailureKeyMissing, "no key at nodata._domainkey.example.org"},
		{"servfail", TempError, FailureDNS, "looking up servfail._domainkey.example.org: servfail"},
		{"refused", TempError, FailureDNS, "looking up refused._domainkey.example.org: refused"},
		{"slow", TempError, FailureDNS, "looking up slow._domainkey.example.org: timeout"},
	}
	for _, tt := range tests {
		ref := KeyRef{tt.selector, "example.org"}
		k, err := LookupKeys(t.Context(), r, ref, ref).Get(ref)
		var e *Error
		if errors.As(err, &e) {
			if d := cmp.Diff(&Error{tt.status, tt.failure, tt.reason}, e); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.selector, d)
			}
		} else if err != nil || tt.reason != "" || k == nil {
			t.Errorf("%s: key %v, error %v, want %q", tt.selector, k, err, tt.reason)
		}
	}
	if n := len(s.Queries()); n < len(tests) {
		t.Errorf("%d queries for %d names: something was not asked", n, len(tests))
	}
}

// TestExponent3 checks that keys with the exponent 3 verify. Old keys have it, and
// it is secure with PKCS #1 v1.5 padding that is checked strictly.
func TestExponent3(t *testing.T) {
	t.Parallel()
	key := rsaKey()
	for {
		phi := new(big.Int).Mul(new(big.Int).Sub(key.Primes[0], big.NewInt(1)), new(big.Int).Sub(key.Primes[1], big.NewInt(1)))
		if d := new(big.Int).ModInverse(big.NewInt(3), phi); d != nil {
			small := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: key.N, E: 3}, D: d, Primes: key.Primes}
			small.Precompute()
			digest := make([]byte, 32)
			sig, err := rsa.SignPKCS1v15(nil, small, crypto.SHA256, digest)
			if err != nil {
				t.Fatal(err)
			}
			k, err := ParseKey("p=" + spki(&small.PublicKey))
			if err != nil {
				t.Fatal(err)
			}
			if !k.VerifyDigest(crypto.SHA256, digest, sig) {
				t.Error("a sound signature does not verify")
			}
			sig[5] ^= 1
			if k.VerifyDigest(crypto.SHA256, digest, sig) {
				t.Error("a broken signature verifies")
			}
			return
		}
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil { // 3 must not divide phi
			t.Fatal(err)
		}
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"v=DKIM1; k=rsa; p=" + bare(1024, 3), edRecord(), "p=", "h=sha1:sha256;s=*;t=y:s;p=;n=x", "v=DKIM1\\; p=", "p=MAAA", ";", "v=DKIM1; p=MIGf\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, txt string) {
		k, err := ParseKey(txt)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "dkim: ") || len(err.Error()) > 400 {
				t.Errorf("error %q", err)
			}
			return
		}
		if k.Revoked != (k.Public == nil) || !k.Revoked && k.Bits < 2 {
			t.Errorf("key %+v", k)
		}
		k.VerifyDigest(5, make([]byte, 32), []byte("x")) // must not panic
	})
}

func BenchmarkParseKey(b *testing.B) {
	for _, k := range []struct{ name, txt string }{{"RSA2048", rsaRecord()}, {"Ed25519", edRecord()}} {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseKey(k.txt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
