package dkim

import (
	"cmp"
	"crypto"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Bounds of one signature field. Signers name some thirty fields; 2048-bit keys
// make a field of 1 KB.
const (
	maxSignatureBytes = 64 << 10
	maxSignedFields   = 1000
)

// Error says why a signature or a key does not count.
type Error struct {
	// Status is the result that it leads to, PermError, TempError or Policy.
	Status Status
	// Failure is the kind of trouble.
	Failure Failure
	// Reason is in plain words, without the name of this package.
	Reason string
}

func (e *Error) Error() string { return "dkim: " + e.Reason }

// permError is the error of a signature that breaks the rules it is written by.
func permError(format string, args ...any) *Error {
	return permanent(FailureMalformed, format, args...)
}

func permanent(f Failure, format string, args ...any) *Error {
	return &Error{Status: PermError, Failure: f, Reason: fmt.Sprintf(format, args...)}
}

// Signature is a DKIM-Signature, ARC-Message-Signature or ARC-Seal field, read
// and found to be in order.
type Signature struct {
	Field message.Field

	// Algorithm is a=; Hash is the hash function that it names.
	Algorithm string
	Hash      crypto.Hash
	// B is b= without white space, Value what it encodes.
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
	// BodyLength is l=, Time t=, Expires x= in Unix seconds; -1 if absent.
	BodyLength, Time, Expires int64
	// Tags are all tags.
	Tags Tags
}

// ParseSignature reads a DKIM-Signature field by RFC 6376 sections 3.5 and
// 6.1.1. It does not look at the clock. An error is an [*Error]; the signature
// returned with it holds what could be read, for reports.
func ParseSignature(f message.Field) (*Signature, error) {
	s := newSignature(f)
	if err := s.parseTags(); err != nil {
		return s, err
	}
	// The version comes first: nothing is known of how others are read.
	if v, ok := s.Tags.Get("v"); !ok {
		err := permError("v= is missing")
		s.parseSigner() // for the report
		return s, err
	} else if v != "1" {
		err := permError("version %s is not 1", foreign.Quote(v, maxCited))
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

// ParseMessageSignature reads an ARC-Message-Signature field, RFC 8617 section
// 4.1.2: a DKIM signature without v=, whose i= is the instance. What i= means
// is left to the caller.
func ParseMessageSignature(f message.Field) (*Signature, error) {
	s := newSignature(f)
	for _, step := range []func() error{
		s.parseTags, s.parseSigner, s.parseBodyTags, s.parseSignedFields, s.parseTimes, s.parseQuery,
	} {
		if err := step(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// ParseSeal reads the tags that an ARC-Seal field, RFC 8617 section 4.1.3, has
// in common with a signature: a, b, d, s and t. The header form is relaxed.
func ParseSeal(f message.Field) (*Signature, error) {
	s := newSignature(f)
	for _, step := range []func() error{s.parseTags, s.parseSigner, s.parseTime} {
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

func (s *Signature) parseTags() error {
	if len(s.Field.Raw) > maxSignatureBytes {
		return permError("the field is longer than %d bytes", maxSignatureBytes)
	}
	tags, err := ParseTags(s.Field.Value())
	if err != nil {
		return permError("%s", strings.TrimPrefix(err.Error(), "dkim: "))
	}
	s.Tags = tags
	return nil
}

// require returns the value of a tag that must be there and not be empty.
func (s *Signature) require(name string) (string, error) {
	v, ok := s.Tags.Get(name)
	if !ok {
		return "", permError("%s= is missing", name)
	}
	if v == "" {
		return "", permError("%s= is empty", name)
	}
	return v, nil
}

// parseSigner reads who signed and how: d=, s=, a=, b=. It reads what it can
// before it returns the first error.
func (s *Signature) parseSigner() error {
	var errs [4]error
	var v string
	if v, errs[0] = s.require("d"); errs[0] == nil {
		if d, ok := tagDomain(v); !ok || !strings.Contains(d, ".") {
			errs[0] = permError("d= is not a domain name")
		} else {
			s.Domain = d
		}
	}
	if v, errs[1] = s.require("s"); errs[1] == nil {
		var ok bool
		if s.Selector, ok = tagDomain(v); !ok {
			errs[1] = permError("s= is not a selector")
		}
	}
	if v, errs[2] = s.require("a"); errs[2] == nil {
		switch v {
		case "rsa-sha256", "ed25519-sha256":
			s.Algorithm, s.Hash = v, crypto.SHA256
		case "rsa-sha1":
			s.Algorithm, s.Hash = v, crypto.SHA1
		default:
			errs[2] = permanent(FailureAlgorithm, "algorithm %s is not known", foreign.Quote(v, maxCited))
		}
	}
	if v, errs[3] = s.require("b"); errs[3] == nil {
		var err error
		s.B = withoutSpace(v)
		if s.Value, err = decodeBase64(s.B); err != nil || len(s.Value) == 0 {
			errs[3] = permError("b= is not base64")
		}
	}
	return cmp.Or(errs[:]...)
}

// parseIdentity reads i=, whose domain must be d= or below it.
func (s *Signature) parseIdentity() error {
	s.Identity, s.IdentityDomain = "@"+s.Domain, s.Domain
	v, ok := s.Tags.Get("i")
	if !ok {
		return nil
	}
	id := decodeQuotedPrintable(withoutSpace(v))
	at := strings.LastIndexByte(id, '@')
	if at < 0 || strings.ContainsFunc(id, isControlOrBreak) {
		return permError("i= is not an identity")
	}
	d, ok := tagDomain(id[at+1:])
	if !ok {
		return permError("the domain of i= is not a domain name")
	}
	if !message.Below(d, s.Domain) {
		return permError("i= is not in the domain of d=")
	}
	s.Identity, s.IdentityDomain = id, d
	return nil
}

func isControlOrBreak(r rune) bool { return r < ' ' || r == 0x7f }

// parseBodyTags reads c=, bh= and l=.
func (s *Signature) parseBodyTags() error {
	if v, ok := s.Tags.Get("c"); ok {
		header, body, both := strings.Cut(v, "/")
		var okHeader, okBody bool
		s.HeaderForm, okHeader = parseForm(header)
		s.BodyForm, okBody = parseForm(body)
		if !both { // RFC 6376 section 3.5: the body's default is simple
			s.BodyForm, okBody = Simple, true
		}
		if !okHeader || !okBody {
			return permError("canonicalization %s is not known", foreign.Quote(v, maxCited))
		}
	}
	v, err := s.require("bh")
	if err != nil {
		return err
	}
	if s.BodyHash, err = decodeBase64(v); err != nil {
		return permError("bh= is not base64")
	}
	if len(s.BodyHash) != s.Hash.Size() {
		return permError("bh= has not the length of its hash")
	}
	if v, ok := s.Tags.Get("l"); ok {
		// RFC 6376 section 3.5: up to 76 digits; more than an int64 is more
		// than any body.
		if s.BodyLength, ok = parseDigits(v, 76); !ok {
			return permError("l= is not a number")
		}
	}
	return nil
}

func parseForm(s string) (Canonicalization, bool) {
	switch s {
	case "simple":
		return Simple, true
	case "relaxed":
		return Relaxed, true
	}
	return Simple, false
}

// parseSignedFields reads h=. Empty members sign nothing and are left out.
func (s *Signature) parseSignedFields() error {
	v, ok := s.Tags.Get("h")
	if !ok {
		return permError("h= is missing")
	}
	n := strings.Count(v, ":") + 1
	if n > maxSignedFields {
		return permError("h= has more than %d names", maxSignedFields)
	}
	const impossible = "h= has a name that no field can have"
	for i := range len(v) {
		if v[i] >= 0x7f { // before ToLower makes something else of it
			return permError(impossible)
		}
	}
	s.SignedFields = make([]string, 0, n)
	for name := range strings.SplitSeq(strings.ToLower(v), ":") {
		if name = strings.Trim(name, whiteSpace); name == "" {
			continue
		}
		for i := range len(name) {
			if name[i] <= ' ' {
				return permError(impossible)
			}
		}
		s.SignedFields = append(s.SignedFields, name)
	}
	return nil
}

// requireFrom: RFC 6376 section 5.4, From must be signed.
func (s *Signature) requireFrom() error {
	if !slices.Contains(s.SignedFields, "from") {
		return permError("h= does not sign From")
	}
	return nil
}

// parseTime reads t=.
func (s *Signature) parseTime() error {
	if v, ok := s.Tags.Get("t"); ok {
		if s.Time, ok = parseDigits(v, 12); !ok {
			return permError("t= is not a time")
		}
	}
	return nil
}

// parseTimes reads t= and x=.
func (s *Signature) parseTimes() error {
	if err := s.parseTime(); err != nil {
		return err
	}
	if v, ok := s.Tags.Get("x"); ok {
		if s.Expires, ok = parseDigits(v, 12); !ok {
			return permError("x= is not a time")
		}
		if s.Time >= 0 && s.Expires < s.Time {
			return permError("x= is before t=")
		}
	}
	return nil
}

// parseQuery: RFC 6376 section 3.5, q= must name a method that we know.
func (s *Signature) parseQuery() error {
	if v, ok := s.Tags.Get("q"); ok && !contains(splitList(v), "dns/txt") {
		return permError("q= does not name dns/txt")
	}
	return nil
}

func parseDigits(s string, digits int) (int64, bool) {
	if s == "" || len(s) > digits || strings.Trim(s, "0123456789") != "" {
		return -1, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return math.MaxInt64, true
	}
	return n, err == nil
}

// decodeQuotedPrintable undoes the dkim-quoted-printable of RFC 6376 section
// 2.11 in text without white space. An equals sign without two hexadecimal
// digits stands for itself, as signers write addresses without encoding them.
func decodeQuotedPrintable(s string) string {
	if !strings.Contains(s, "=") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
