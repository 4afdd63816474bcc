package repair

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"regexp"
	"strings"
)

// privateKey is why there is no proposal for a record with a private key.
const privateKey = "the record holds the private key: everybody can sign with it; make a new one, publish its public half, and remove this record"

// armor is what surrounds a key in a file (RFC 7468).
var armor = regexp.MustCompile(`-{2,}\s*(?:BEGIN|END)[A-Z ]*-{2,}`)

// base64Of returns a value without white space, in the alphabet of DKIM.
func base64Of(s string) string {
	s = strings.Join(strings.Fields(s), "")
	if !strings.ContainsAny(s, "+/") {
		s = strings.NewReplacer("-", "+", "_", "/").Replace(s) // RFC 4648 section 5
	}
	return s
}

// publicKey returns the type of a key and p= as it should be, and what is odd about
// it, "" if nothing is.
func publicKey(kind, p string) (k, key, oddity string) {
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(p, "="))
	if err != nil {
		return kind, p, ""
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return kind, p, privateKey
	}
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return kind, p, privateKey
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		k, key, _ = publicKey(kind, base64.StdEncoding.EncodeToString(cert.RawSubjectPublicKeyInfo))
		return k, key, "p= holds a certificate instead of its key"
	}
	if len(der) == ed25519.PublicKeySize && kind != "ed25519" {
		return "ed25519", p, "the key is of ed25519, which k= does not say"
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return kind, p, ""
	}
	switch public := public.(type) {
	case ed25519.PublicKey: // RFC 8463 section 4.2
		return "ed25519", base64.StdEncoding.EncodeToString(public), "the key of ed25519 stands in a wrapping that DKIM does not have"
	case *rsa.PublicKey:
		if kind != "rsa" {
			return "rsa", p, "the key is of RSA, which k= does not say"
		}
	}
	return kind, p, ""
}
