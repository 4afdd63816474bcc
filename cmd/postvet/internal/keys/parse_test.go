package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return k
})

var edKey = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) })

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func block(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func TestParse(t *testing.T) {
	t.Parallel()
	one := func(s string) string { return strings.ReplaceAll(s, "\n", "") }
	modern, old := block("PRIVATE KEY", pkcs8(t, rsaKey())), block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()))
	ed := block("PRIVATE KEY", pkcs8(t, edKey()))
	b64 := base64.StdEncoding.EncodeToString
	tests := []struct {
		name, data string
		want       crypto.Signer
	}{
		{"PKCS #8", modern, rsaKey()},
		{"PKCS #1", old, rsaKey()},
		{"Ed25519 in PKCS #8", ed, edKey()},
		{"CRLF", strings.ReplaceAll(old, "\n", "\r\n"), rsaKey()},
		{"no final line end", strings.TrimSpace(old), rsaKey()},
		{"text and bag attributes in front", "Key of example.org\nBag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n" + modern, rsaKey()},
		{"a note inside", strings.Replace(modern, "-----\n", "-----\nNote: made by hand\n\n", 1), rsaKey()},
		{"in one line", one(modern), rsaKey()},
		{"in one line, with blanks", strings.ReplaceAll(old, "\n", " "), rsaKey()},
		{`with \n`, strings.ReplaceAll(old, "\n", `\n`), rsaKey()},
		{`with \r\n`, strings.ReplaceAll(ed, "\n", `\r\n`), edKey()},
		{"certificate before the key", block("CERTIFICATE", []byte("x")) + modern, rsaKey()},
		{"base64 of PKCS #8", b64(pkcs8(t, rsaKey())), rsaKey()},
		{"base64 of PKCS #1, folded", one(old)[31:95] + "\n" + strings.TrimSuffix(one(old)[95:], "-----END RSA PRIVATE KEY-----") + "\n", rsaKey()},
		{"DER", string(pkcs8(t, rsaKey())), rsaKey()},
		{"DER of PKCS #1", string(x509.MarshalPKCS1PrivateKey(rsaKey())), rsaKey()},
		{"seed in base64", b64(edKey().Seed()) + "\n", edKey()},
		{"seed and public key in base64", b64(edKey()), edKey()},
		{"without padding", strings.TrimRight(b64(edKey().Seed()), "=") + "\r\n", edKey()},
		{"PEM without padding", strings.ReplaceAll(modern, "=", ""), rsaKey()},
		{"seed", string(edKey().Seed()), edKey()},
		{"seed and public key", string(edKey()), edKey()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(tt.data))
			if err != nil {
				t.Fatal(err)
			}
			if !got.(interface{ Equal(crypto.PrivateKey) bool }).Equal(tt.want) {
				t.Error("another key")
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	old := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()))
	wrong := edKey()
	swapped := append(append([]byte{}, wrong[:32]...), bytes.Repeat([]byte{1}, 32)...)
	tests := []struct{ name, data, want string }{
		{"empty", "", "empty, not a private key"},
		{"white space", " \n", "empty, not a private key"},
		{"too long", strings.Repeat("A", maxKeyFile+1), "longer than 65536 bytes, which no key is"},
		{"words", "hello", "not a private key: expected PEM that begins with -----BEGIN PRIVATE KEY-----, as openssl genpkey writes it"},
		{"encrypted PKCS #8", block("ENCRYPTED PRIVATE KEY", []byte("x")), errEncrypted.Error()},
		{"encrypted PKCS #1", strings.Replace(old, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\n", 1), errEncrypted.Error()},
		{"public key", block("PUBLIC KEY", public), "PUBLIC KEY, not a private key: only the owner of the private key can sign"},
		{"public key in base64", base64.StdEncoding.EncodeToString(public), "a public key: only the owner of the private key can sign"},
		{"certificate", block("CERTIFICATE", []byte("x")), "CERTIFICATE, not a private key: only the owner of the private key can sign"},
		{"EC", block("EC PRIVATE KEY", ecDER), "a key of the kind EC PRIVATE KEY, which DKIM does not know: make an RSA or Ed25519 key"},
		{"EC in PKCS #8", block("PRIVATE KEY", pkcs8(t, ec)), "an EC key, which DKIM does not know: make an RSA or Ed25519 key"},
		{"X25519", block("PRIVATE KEY", pkcs8(t, x25519)), "a key of type *ecdh.PrivateKey, which DKIM does not know: make an RSA or Ed25519 key"},
		{"OpenSSH", block("OPENSSH PRIVATE KEY", []byte("x")), "a key of the kind OPENSSH PRIVATE KEY, which DKIM does not know: make an RSA or Ed25519 key"},
		{"cut off", old[:300], "cut off: -----END RSA PRIVATE KEY----- is missing"},
		{"damaged base64", strings.Replace(old, "\nMII", "\nM!!", 1), "damaged: between the lines of RSA PRIVATE KEY is no base64"},
		{"no key inside", block("PRIVATE KEY", []byte("hello")), "damaged: between the lines of PRIVATE KEY is no key"},
		{"seed with another public key", string(swapped), "not a private key: expected PEM that begins with -----BEGIN PRIVATE KEY-----, as openssl genpkey writes it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := Parse([]byte(tt.data))
			if key != nil || err == nil || err.Error() != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// secrets are pieces of a key's secret half that no output may hold.
func secrets(t testing.TB, key crypto.Signer) []string {
	t.Helper()
	der := pkcs8(t, key)
	list := []string{base64.StdEncoding.EncodeToString(der)[60:], fmt.Sprintf("%x", der[40:])}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		list = append(list, k.D.String(), k.Primes[0].String(), fmt.Sprintf("%x", k.D), fmt.Sprintf("%x", k.Primes[1]))
	case ed25519.PrivateKey:
		list = append(list, base64.StdEncoding.EncodeToString(k.Seed())[:40], fmt.Sprintf("%x", k.Seed()), fmt.Sprint([]byte(k.Seed())))
	}
	return list
}

func TestKeyShowsNoSecret(t *testing.T) {
	t.Parallel()
	for _, signer := range []crypto.Signer{rsaKey(), edKey()} {
		k, err := NewKey("example.org", "s1", "/x", signer)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", k)
			fmt.Fprintf(&out, verb+"\n", []*Key{k})
			fmt.Fprintf(&out, verb+"\n", struct{ K *Key }{k})
			fmt.Fprintf(&out, verb+"\n", *k)
			fmt.Fprintf(&out, verb+"\n", struct{ k Key }{*k})
		}
		text, err := json.Marshal(map[string]any{"key": k, "value": *k})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		for _, s := range secrets(t, signer) {
			if strings.Contains(strings.ToLower(out.String()), strings.ToLower(s)) {
				t.Errorf("a secret of %T is in\n%s", signer, out.String())
			}
		}
		if !strings.Contains(out.String(), "s1._domainkey.example.org (sha256 "+k.Fingerprint()[:16]+")") {
			t.Errorf("no fingerprint in\n%s", out.String())
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(block("PRIVATE KEY", pkcs8(f, edKey()))))
	f.Add([]byte(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()))))
	f.Add([]byte(base64.StdEncoding.EncodeToString(edKey().Seed())))
	f.Add([]byte(`-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----`))
	f.Add([]byte("-----BEGIN X-----"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := Parse(data)
		if (key == nil) == (err == nil) {
			t.Fatalf("key %v, error %v", key != nil, err)
		}
		if err != nil {
			if len(err.Error()) > 300 {
				t.Errorf("a long error: %v", err)
			}
			return
		}
		k, err := NewKey("example.org", "s", "", key)
		if err != nil || k.Bits() < 256 {
			t.Errorf("%v, %v", k, err)
		}
	})
}
