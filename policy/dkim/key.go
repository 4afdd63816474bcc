package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/postvet/postvet/policy/foreign"
)

// maxKeyBytes bounds a key record. One with 8192 bits has about 1450 bytes.
const maxKeyBytes = 16 << 10

// Key is a key record (RFC 6376 section 3.6.1).
type Key struct {
	// Type is k=, "rsa" or "ed25519"; Bits is the size of the key.
	Type string
	Bits int
	// Public is an *rsa.PublicKey or an ed25519.PublicKey, nil if Revoked.
	Public crypto.PublicKey
	// Revoked is true if p= is empty.
	Revoked bool
	// Hashes is h=, nil for all; Services is s=, nil for all.
	Hashes, Services []string
	// Testing is true with t=y, NoSubdomains with t=s.
	Testing, NoSubdomains bool
	// Notes is n=.
	Notes string
	// Oddities are sentences about what breaks the grammar of the record and is
	// accepted all the same, for a person to read.
	Oddities []string
}

// ParseKey parses a key record from the joined strings of one TXT record. The error
// says what is wrong with the record. [Key.Serves] checks whether a valid key may
// serve a signature; ParseKey accepts RSA keys of any size. p= may hold the
// RSAPublicKey of RFC 6376 section 3.6.1 or a SubjectPublicKeyInfo, which almost
// all domains publish (RFC 6376 erratum 3017).
func ParseKey(txt string) (*Key, error) {
	if len(txt) > maxKeyBytes {
		return nil, fmt.Errorf("dkim: the record is longer than %d bytes", maxKeyBytes)
	}
	tags, err := parseTags(txt, true)
	if err != nil {
		return nil, err
	}
	if v, ok := tags.Get("v"); ok && v != "DKIM1" {
		return nil, fmt.Errorf("dkim: version %s is not DKIM1", foreign.Quote(v, maxCited))
	}
	k := &Key{Type: "rsa", Oddities: keyOddities(txt, tags)}
	if v, ok := tags.Get("k"); ok {
		k.Type = strings.ToLower(v)
	}
	if k.Type != "rsa" && k.Type != "ed25519" {
		return nil, fmt.Errorf("dkim: key type %s is not known", foreign.Quote(k.Type, maxCited))
	}
	if v, ok := tags.Get("h"); ok {
		k.Hashes = splitList(v)
	}
	if v, ok := tags.Get("s"); ok {
		k.Services = splitList(v)
	}
	if v, ok := tags.Get("t"); ok {
		for _, flag := range splitList(v) {
			k.Testing = k.Testing || strings.EqualFold(flag, "y")
			k.NoSubdomains = k.NoSubdomains || strings.EqualFold(flag, "s")
		}
	}
	k.Notes, _ = tags.Get("n")
	p, ok := tags.Get("p")
	if !ok {
		return nil, errors.New("dkim: p= is missing")
	}
	if p == "" {
		k.Revoked = true
		return k, nil
	}
	der, err := decodeBase64(p)
	if err != nil || len(der) == 0 {
		return nil, errors.New("dkim: p= is not base64")
	}
	if k.Type == "ed25519" {
		if len(der) != ed25519.PublicKeySize { // RFC 8463 section 4.2
			return nil, fmt.Errorf("dkim: an ed25519 key has 32 bytes, p= has %d", len(der))
		}
		k.Public, k.Bits = ed25519.PublicKey(der), 8*ed25519.PublicKeySize
		return k, nil
	}
	pub, err := parseRSA(der)
	if err != nil {
		return nil, err
	}
	k.Public, k.Bits = pub, pub.N.BitLen()
	return k, nil
}

// parseRSA parses both forms of an RSA key. An RSAPublicKey begins with an INTEGER,
// a SubjectPublicKeyInfo with a SEQUENCE.
func parseRSA(der []byte) (*rsa.PublicKey, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !in.Empty() {
		return nil, errors.New("dkim: p= is not a key")
	}
	n := new(big.Int)
	var e int64
	if seq.PeekASN1Tag(asn1.INTEGER) {
		if !seq.ReadASN1Integer(n) || !seq.ReadASN1Integer(&e) || !seq.Empty() {
			return nil, errors.New("dkim: p= is not an RSA key")
		}
	} else {
		pub, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, errors.New("dkim: p= is not a key")
		}
		r, ok := pub.(*rsa.PublicKey)
		if !ok {
			return nil, errors.New("dkim: p= holds a key of another type than k=")
		}
		n, e = r.N, int64(r.E)
	}
	// An even modulus, an even exponent and the exponent 1 are not RSA. A large
	// exponent makes verification slow, and no real key has one.
	if n.Sign() <= 0 || n.Bit(0) == 0 || e < 3 || e&1 == 0 || e > 1<<31-1 {
		return nil, errors.New("dkim: p= is not a valid RSA key")
	}
	return &rsa.PublicKey{N: n, E: int(e)}, nil
}

// Serves returns nil if the key may serve the signature, or else an [*Error] that
// says why not (RFC 6376 section 6.1.2). The options bound the size of the key.
func (k *Key) Serves(s *Signature, o Options) error {
	algorithm, hash, _ := strings.Cut(s.Algorithm, "-")
	switch {
	case k.Revoked:
		return permanent(FailureKeyRevoked, "key revoked")
	case !k.ForMail():
		return permanent(FailureKeyUnfit, "the key is not for mail: s=%s", foreign.Quote(strings.Join(k.Services, ":"), maxCited))
	case k.Type != algorithm:
		return permanent(FailureKeyUnfit, "the key is for %s, the signature is by %s", k.Type, algorithm)
	case !k.Allows(hash):
		return permanent(FailureKeyUnfit, "the key does not allow %s: h=%s", hash, foreign.Quote(strings.Join(k.Hashes, ":"), maxCited))
	case k.NoSubdomains && s.IdentityDomain != "" && s.IdentityDomain != s.Domain:
		return permanent(FailureKeyUnfit, "the key does not allow i= to be in a subdomain")
	}
	if k.Type == "rsa" && !o.historic {
		if least := o.minRSABits(); k.Bits < least { // RFC 8301 section 3.2
			return permanent(FailureKeyShort, "key of %d bits is below %d", k.Bits, least)
		}
	}
	if most := o.maxRSABits(); k.Type == "rsa" && k.Bits > most {
		return &Error{Status: Policy, Failure: FailureKeyLong, Reason: fmt.Sprintf("key of %d bits is above %d", k.Bits, most)}
	}
	return nil
}

// VerifyDigest reports whether value is a signature of the digest by the key.
func (k *Key) VerifyDigest(hash crypto.Hash, digest, value []byte) bool {
	switch pub := k.Public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, hash, digest, value) == nil
	case ed25519.PublicKey: // RFC 8463 section 3: PureEdDSA signs the digest
		return len(value) == ed25519.SignatureSize && ed25519.Verify(pub, digest, value)
	}
	return false
}

// ForMail reports whether s= lets the key serve mail.
func (k *Key) ForMail() bool {
	return k.Services == nil || contains(k.Services, "email") || contains(k.Services, "*")
}

// Allows reports whether h= lets the key serve signatures with a hash, such as sha256.
func (k *Key) Allows(hash string) bool { return k.Hashes == nil || contains(k.Hashes, hash) }

// Is reports whether the record publishes a key.
func (k *Key) Is(public crypto.PublicKey) bool {
	own, ok := k.Public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && own.Equal(public)
}

// contains reports whether a list has a word, in any case.
func contains(list []string, word string) bool {
	return slices.ContainsFunc(list, func(w string) bool { return strings.EqualFold(w, word) })
}
