package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/postvet/postvet/policy/dkim"
)

// Key is a private key and where its public half is to be published. It prints and
// marshals as its fingerprint, whatever the verb.
type Key struct {
	// Domain and Selector are d= and s= in lower-case A-labels.
	Domain, Selector string
	// Set is as in [policy.SigningKey].
	Set int
	// Path is the file that the key was read from, and Changed its time of change.
	Path    string
	Changed time.Time

	// signer returns the private key. A function prints as an address, also where
	// Format is out of reach: in a field that is not exported.
	signer      func() crypto.Signer
	public      []byte // SubjectPublicKeyInfo, or the 32 octets of Ed25519
	fingerprint string
	kind        string
	bits        int
	size        int64     // of the file
	from, until time.Time // when it signs, zero for no bound
}

// NewKey returns a key for a domain and selector. The signer is of [Parse].
func NewKey(domain, selector, path string, signer crypto.Signer) (*Key, error) {
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	sum := sha256.Sum256(spki)
	k := &Key{Domain: domain, Selector: selector, Path: path, signer: func() crypto.Signer { return signer }, public: spki, fingerprint: hex.EncodeToString(sum[:])}
	if pub, ok := signer.Public().(*rsa.PublicKey); ok {
		k.kind, k.bits = "rsa", pub.N.BitLen()
	} else {
		k.kind, k.bits = "ed25519", 256
		k.public = spki[len(spki)-32:] // RFC 8463 section 4.2
	}
	return k, nil
}

// Signer returns the private key.
func (k Key) Signer() crypto.Signer { return k.signer() }

// PEM returns the private key as a file has it, to reveal it.
func (k Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.signer())
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Fingerprint returns the SHA-256 of the SubjectPublicKeyInfo in hexadecimal. It says
// which key this is and nothing about its secret.
func (k Key) Fingerprint() string { return k.fingerprint }

// Type returns k= of the key's record, "rsa" or "ed25519"; Bits its size.
func (k Key) Type() string { return k.kind }

// Bits returns the size of the key.
func (k Key) Bits() int { return k.bits }

// Public returns p= of the key's record.
func (k Key) Public() string { return base64.StdEncoding.EncodeToString(k.public) }

// Record returns the text of the key's TXT record (RFC 6376 section 3.6.1).
func (k Key) Record() string { return "v=DKIM1; k=" + k.kind + "; p=" + k.Public() }

// Name returns the name of the key's record.
func (k Key) Name() string { return dkim.KeyName(k.Selector, k.Domain) }

// String returns the record's name and the start of the fingerprint.
func (k Key) String() string { return k.Name() + " (sha256 " + k.fingerprint[:16] + ")" }

// Format writes String for every verb, so that no verb shows the secret.
func (k Key) Format(s fmt.State, _ rune) { fmt.Fprint(s, k.String()) }

// MarshalJSON returns String in quotes.
func (k Key) MarshalJSON() ([]byte, error) { return json.Marshal(k.String()) }
