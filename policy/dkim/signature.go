package dkim

import (
	"crypto"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxSignatureBytes and maxSignedFields bound one signature field. A usual field
// has 1 KB with a 2048-bit key, and names up to thirty fields.
const (
	maxSignatureBytes = 64 << 10
	maxSignedFields   = 1000
)

// Signature is a parsed DKIM-Signature, ARC-Message-Signature or ARC-Seal field.
type Signature struct {
	Field message.Field

	// Algorithm is a=; Hash is the hash function that it names.
	Algorithm string
	Hash      crypto.Hash
	// B is b= without white space, Value its decoded octets.
	B     string
	Value []byte
	// BodyHash is bh=.
	BodyHash []byte
	// HeaderForm and BodyForm are c=.
	HeaderForm, BodyForm Canonicalization
	// Domain and Selector are d= and s= in lower-case A-labels.
	Domain, Selector string
	// Identity is i= without white space, decoded, or "@" and the domain;
	// IdentityDomain is its domain in lower-case A-labels.
	Identity, IdentityDomain string
	// SignedFields are the names of h= in lower case.
	SignedFields []string
	// BodyLength is l=. Time and Expires are t= and x= in Unix seconds. Each is
	// -1 if absent.
	BodyLength, Time, Expires int64
	// Tags are all tags of the field.
	Tags Tags
}

// ParseSignature parses a DKIM-Signature field (RFC 6376 sections 3.5 and 6.1.1).
// It does not compare t= and x= with the clock. The error is an [*Error]. The
// signature returned with an error holds the tags parsed so far, for reports.
func ParseSignature(f message.Field) (*Signature, error) {
	s := newSignature(f)
	if err := s.parseTags(true); err != nil {
		return s, err
	}
	// Check the version first, since another version may give tags another meaning.
	if v, ok := s.Tags.Get("v"); !ok {
		err := malformed("v= is missing")
		s.parseSigner() // for the report
		return s, err
	} else if v != "1" {
		err := malformed("version %s is not 1", foreign.Quote(v, maxCited))
		s.parseSigner()
		return s, err
	}
	for _, step := range []func() error{
		s.parseSigner, s.parseIdentity, s.parseBodyTags, s.parseSignedFields, s.requireFrom, s.parseTimes, s.parseQuery,
	} {
		if err := step(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// ParseMessageSignature parses an ARC-Message-Signature field (RFC 8617 section
// 4.1.2). It differs from a DKIM signature in having no v=, and an instance in i=,
// which the caller parses.
func ParseMessageSignature(f message.Field) (*Signature, error) {
	s := newSignature(f)
	for _, step := range []func() error{
		s.parseStrictTags, s.parseSigner, s.parseBodyTags, s.parseSignedFields, s.requireFrom, s.parseTimes, s.parseQuery,
	} {
		if err := step(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// ParseSeal parses the tags of an ARC-Seal field (RFC 8617 section 4.1.3) that a
// DKIM signature has too: a=, b=, d=, s= and t=. The header form of a seal is
// always relaxed.
func ParseSeal(f message.Field) (*Signature, error) {
	s := newSignature(f)
	for _, step := range []func() error{s.parseStrictTags, s.parseSigner, s.parseTime} {
		if err := step(); err != nil {
			return s, err
		}
	}
	s.HeaderForm = Relaxed
	return s, nil
}

func newSignature(f message.Field) *Signature {
	return &Signature{Field: f, BodyLength: -1, Time: -1, Expires: -1}
}

func (s *Signature) parseStrictTags() error { return s.parseTags(false) }

func (s *Signature) parseTags(lax bool) error {
	if len(s.Field.Raw) > maxSignatureBytes {
		return malformed("the field is longer than %d bytes", maxSignatureBytes)
	}
	tags, err := parseTags(s.Field.Value(), lax)
	if err != nil {
		return malformed("%s", strings.TrimPrefix(err.Error(), "dkim: "))
	}
	s.Tags = tags
	return nil
}
