package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/message"
)

// SignOptions say what a signature says. Domain, Selector and Key are required.
type SignOptions struct {
	// Domain and Selector are d= and s=, in A-labels or U-labels.
	Domain, Selector string
	// Identity is i=, whose domain must be Domain or below it; none if empty.
	Identity string
	// Key is an RSA or Ed25519 key. Verifiers reject RSA keys below 1024 bits, and
	// signers should use 2048 (RFC 8301 section 3.2).
	Key crypto.Signer
	// HeaderForm and BodyForm are c=. The zero value is simple.
	HeaderForm, BodyForm Canonicalization
	// Fields says which header fields are signed; default [DefaultFields].
	Fields []FieldRule
	// Time is t=, with a resolution of one second. Expires is x=; none if zero.
	Time, Expires time.Time
}

// Signer makes one signature of a message (RFC 6376 section 5). Create it at the end
// of the header, write the body to the Bodies, close them, and call Sign. Signers of
// one message can share the index and the Bodies; then the body is hashed once for
// each canonicalization. A Signer is not safe for concurrent use.
type Signer struct {
	field     string // the name of the field that it makes
	header    *HeaderIndex
	body      *BodyHash
	key       crypto.Signer
	algorithm string
	hashed    crypto.Hash // what the key is told: none for Ed25519, which signs the digest as it is

	form Canonicalization // of the header

	before []string // the tags in front of h=
	names  []string // h=
}

// NewSigner checks the options, chooses the signed fields of the header, and
// registers the body hash with bodies. The error says which option is wrong.
func NewSigner(header *HeaderIndex, bodies *Bodies, o SignOptions) (*Signer, error) {
	return newSigner("DKIM-Signature", "v=1", header, bodies, o)
}

// newSigner returns a signer that makes a field with a name and a first tag.
func newSigner(field, tag string, header *HeaderIndex, bodies *Bodies, o SignOptions) (*Signer, error) {
	s := &Signer{field: field, header: header, key: o.Key, form: o.HeaderForm}
	domain, selector, err := o.names()
	if err != nil {
		return nil, err
	}
	if s.algorithm, s.hashed, err = algorithmOf(o.Key); err != nil {
		return nil, err
	}
	if s.names, err = SignedNames(header.header, orDefault(o.Fields)); err != nil {
		return nil, err
	}
	s.before = []string{
		tag, "a=" + s.algorithm, "c=" + o.HeaderForm.String() + "/" + o.BodyForm.String(), "d=" + domain, "s=" + selector,
	}
	if o.Identity != "" {
		id, err := signedIdentity(o.Identity, domain)
		if err != nil {
			return nil, err
		}
		s.before = append(s.before, "i="+id)
	}
	s.before = append(s.before, "t="+strconv.FormatInt(o.Time.Unix(), 10))
	if !o.Expires.IsZero() {
		if o.Expires.Unix() <= o.Time.Unix() { // RFC 6376 section 3.5
			return nil, errors.New("dkim: signing: the expiry is not after the time")
		}
		s.before = append(s.before, "x="+strconv.FormatInt(o.Expires.Unix(), 10))
	}
	if s.body = bodies.Hash(o.BodyForm, crypto.SHA256, -1); s.body == nil {
		return nil, fmt.Errorf("dkim: signing: more than %d different body hashes", maxBodyHashes)
	}
	return s, nil
}

// names returns d= and s=, and checks the time.
func (o *SignOptions) names() (domain, selector string, err error) {
	domain, ok := tagDomain(o.Domain)
	if !ok || !strings.Contains(domain, ".") {
		return "", "", fmt.Errorf("dkim: signing: domain %q is not a domain name", o.Domain)
	}
	if selector, ok = tagDomain(o.Selector); !ok {
		return "", "", fmt.Errorf("dkim: signing: selector %q is not a domain name", o.Selector)
	}
	if o.Time.Unix() <= 0 {
		return "", "", errors.New("dkim: signing: the time is missing")
	}
	return domain, selector, nil
}

func orDefault(rules []FieldRule) []FieldRule {
	if rules == nil {
		return DefaultFields()
	}
	return rules
}

// algorithmOf returns a= for a key, and the hash function that its Sign is told.
func algorithmOf(key crypto.Signer) (string, crypto.Hash, error) {
	if key == nil {
		return "", 0, errors.New("dkim: signing: the key is missing")
	}
	switch pub := key.Public().(type) {
	case *rsa.PublicKey:
		if bits := pub.N.BitLen(); bits < 1024 { // RFC 8301 section 3.2
			return "", 0, fmt.Errorf("dkim: signing: the key has %d bits, verifiers accept none below 1024", bits)
		}
		return "rsa-sha256", crypto.SHA256, nil
	case ed25519.PublicKey: // RFC 8463 section 3: PureEdDSA signs the digest
		return "ed25519-sha256", 0, nil
	default:
		return "", 0, fmt.Errorf("dkim: signing: a key of type %T cannot sign; RSA and Ed25519 can", pub)
	}
}

// signedIdentity returns i= as it is written: in A-labels, with all but plain
// characters of the local part encoded (RFC 6376 section 2.11).
func signedIdentity(id, domain string) (string, error) {
	at := strings.LastIndexByte(id, '@')
	below, ok := tagDomain(id[at+1:])
	if at < 0 || !ok || !message.Below(below, domain) {
		return "", fmt.Errorf("dkim: signing: identity %q is not in the domain %s", id, domain)
	}
	var b strings.Builder
	for _, c := range []byte(id[:at]) {
		if c > ' ' && c < 0x7f && c != ';' && c != '=' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String() + "@" + below, nil
}

// Sign returns the field. The Bodies must be closed before. The error is the key's.
func (s *Signer) Sign() (message.Field, error) {
	if s.body.Sum() == nil {
		return message.Field{}, errors.New("dkim: signing: the body is incomplete")
	}
	var w fieldWriter
	w.add(s.field + ":")
	for _, tag := range s.before {
		w.token(" ", tag+";")
	}
	for i, name := range s.names {
		end := ":"
		if i+1 == len(s.names) {
			end = ";"
		}
		if i == 0 {
			w.token(" ", "h="+name+end)
		} else {
			w.token("", name+end)
		}
	}
	w.token(" ", "bh="+base64.StdEncoding.EncodeToString(s.body.Sum())+";")
	w.token(" ", "b=")
	digest := s.header.digestOf(crypto.SHA256, s.names, s.form, -1, func(dst []byte) []byte {
		if s.form == Simple {
			return append(dst, w.text.String()...)
		}
		return appendRelaxed(dst, w.text.String())
	})
	return w.signed(s.field, s.key, digest, s.hashed)
}

// maxColumn is where lines of our fields are folded. RFC 5322 section 2.1.1: lines
// should have at most 78 characters.
const maxColumn = 76

// fieldWriter writes a field in folded lines. It folds only where white space means
// nothing (RFC 6376 section 3.2), never within a name or a tag.
type fieldWriter struct {
	text   strings.Builder
	column int
}

// token writes a token in this line behind the separator, or in the next line.
func (w *fieldWriter) token(separator, token string) {
	if w.column+len(separator)+len(token) >= maxColumn {
		w.text.WriteString("\r\n\t")
		w.column, separator = 8, ""
	}
	w.add(separator)
	w.add(token)
}

// signed returns the field with the signature of a digest behind "b=", which the writer
// has written. The error is the key's.
func (w *fieldWriter) signed(name string, key crypto.Signer, digest []byte, hashed crypto.Hash) (message.Field, error) {
	value, err := key.Sign(rand.Reader, digest, hashed)
	if err != nil {
		return message.Field{}, fmt.Errorf("dkim: signing: %w", err)
	}
	w.base64(value)
	w.text.WriteString("\r\n")
	return message.Field{Name: name, Raw: w.text.String()}, nil
}

// add writes more of the token.
func (w *fieldWriter) add(s string) {
	w.text.WriteString(s)
	w.column += len(s)
}

// base64 writes a value, folded where lines are full.
func (w *fieldWriter) base64(value []byte) {
	for text := base64.StdEncoding.EncodeToString(value); text != ""; {
		n := min(len(text), max(maxColumn-w.column, 0))
		w.add(text[:n])
		if text = text[n:]; text != "" {
			w.text.WriteString("\r\n\t")
			w.column = 8
		}
	}
}
