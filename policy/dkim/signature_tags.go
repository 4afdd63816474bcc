package dkim

import (
	"cmp"
	"crypto"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// require returns the value of a tag, or an error if it is missing or empty.
func (s *Signature) require(name string) (string, error) {
	v, ok := s.Tags.Get(name)
	if !ok {
		return "", malformed("%s= is missing", name)
	}
	if v == "" {
		return "", malformed("%s= is empty", name)
	}
	return v, nil
}

// parseSigner parses d=, s=, a= and b=. It parses all four, for reports, before it
// returns the first error.
func (s *Signature) parseSigner() error {
	var errs [4]error
	var v string
	if v, errs[0] = s.require("d"); errs[0] == nil {
		if d, ok := tagDomain(v); !ok || !strings.Contains(d, ".") {
			errs[0] = malformed("d= is not a domain name")
		} else {
			s.Domain = d
		}
	}
	if v, errs[1] = s.require("s"); errs[1] == nil {
		var ok bool
		if s.Selector, ok = tagDomain(v); !ok {
			errs[1] = malformed("s= is not a selector")
		}
	}
	if v, errs[2] = s.require("a"); errs[2] == nil {
		switch v = strings.ToLower(v); v {
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
			errs[3] = malformed("b= is not base64")
		}
	}
	return cmp.Or(errs[:]...)
}

// parseIdentity parses i=. RFC 6376 section 3.5: its domain must be d= or a
// subdomain of it.
func (s *Signature) parseIdentity() error {
	s.Identity, s.IdentityDomain = "@"+s.Domain, s.Domain
	v, ok := s.Tags.Get("i")
	if !ok {
		return nil
	}
	id := decodeQuotedPrintable(withoutSpace(v))
	at := strings.LastIndexByte(id, '@')
	if at < 0 || strings.ContainsFunc(id, isControlOrBreak) {
		return malformed("i= is not an identity")
	}
	d, ok := tagDomain(id[at+1:])
	if !ok {
		return malformed("the domain of i= is not a domain name")
	}
	if !message.Below(d, s.Domain) {
		return malformed("i= is not in the domain of d=")
	}
	s.Identity, s.IdentityDomain = id, d
	return nil
}

func isControlOrBreak(r rune) bool { return r < ' ' || r == 0x7f }

// parseBodyTags parses c=, bh= and l=.
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
			return malformed("canonicalization %s is not known", foreign.Quote(v, maxCited))
		}
	}
	v, err := s.require("bh")
	if err != nil {
		return err
	}
	if s.BodyHash, err = decodeBase64(v); err != nil {
		return malformed("bh= is not base64")
	}
	if len(s.BodyHash) != s.Hash.Size() {
		return malformed("bh= does not have the length of its hash")
	}
	if v, ok := s.Tags.Get("l"); ok {
		// RFC 6376 section 3.5 allows 76 digits. parseDigits caps the number at
		// the largest int64, which no body reaches.
		if s.BodyLength, ok = parseDigits(v, 76); !ok {
			return malformed("l= is not a number")
		}
	}
	return nil
}

func parseForm(s string) (Canonicalization, bool) {
	switch strings.ToLower(s) {
	case "simple":
		return Simple, true
	case "relaxed":
		return Relaxed, true
	}
	return Simple, false
}

// parseSignedFields parses h= and drops empty names, which sign nothing.
func (s *Signature) parseSignedFields() error {
	v, ok := s.Tags.Get("h")
	if !ok {
		return malformed("h= is missing")
	}
	n := strings.Count(v, ":") + 1
	if n > maxSignedFields {
		return malformed("h= has more than %d names", maxSignedFields)
	}
	const invalidName = "h= has an invalid field name"
	for i := range len(v) {
		if v[i] >= 0x7f { // checked before ToLower changes such bytes
			return malformed(invalidName)
		}
	}
	s.SignedFields = make([]string, 0, n)
	for name := range strings.SplitSeq(strings.ToLower(v), ":") {
		if name = strings.Trim(name, whiteSpace); name == "" {
			continue
		}
		for i := range len(name) {
			if name[i] <= ' ' {
				return malformed(invalidName)
			}
		}
		s.SignedFields = append(s.SignedFields, name)
	}
	return nil
}

// requireFrom returns an error if h= does not name From. RFC 6376 section 5.4: the
// From field must be signed.
func (s *Signature) requireFrom() error {
	if !slices.Contains(s.SignedFields, "from") {
		return malformed("h= does not sign From")
	}
	return nil
}

// parseTime parses t=.
func (s *Signature) parseTime() error {
	if v, ok := s.Tags.Get("t"); ok {
		if s.Time, ok = parseDigits(v, 12); !ok {
			return malformed("t= is not a time")
		}
	}
	return nil
}

// parseTimes parses t= and x=. RFC 6376 section 3.5: x= must be greater than t=.
func (s *Signature) parseTimes() error {
	if err := s.parseTime(); err != nil {
		return err
	}
	if v, ok := s.Tags.Get("x"); ok {
		if s.Expires, ok = parseDigits(v, 12); !ok {
			return malformed("x= is not a time")
		}
		if s.Time >= 0 && s.Expires <= s.Time {
			return malformed("x= is not after t=")
		}
	}
	return nil
}

// parseQuery returns an error if q= does not name a known method (RFC 6376 section
// 3.5).
func (s *Signature) parseQuery() error {
	if v, ok := s.Tags.Get("q"); ok && !contains(splitList(v), "dns/txt") {
		return malformed("q= does not name dns/txt")
	}
	return nil
}

// parseDigits parses a number of at most so many digits, and returns -1 and false
// if s is none. A number above the largest int64 becomes the largest.
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
