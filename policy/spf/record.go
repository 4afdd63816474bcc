package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// ErrNotSPF is returned by ParseRecord for a text that is no SPF record (RFC
// 7208 section 4.5).
var ErrNotSPF = errors.New("spf: the text does not begin with the version v=spf1")

// Record is an SPF record with valid syntax (RFC 7208 section 4.6.1). It is
// immutable.
type Record struct {
	// Text is the record as it was published.
	Text string
	// Terms are the mechanisms and modifiers in the order written.
	Terms []Term

	redirect, explanation *Term
}

// Redirect returns the redirect modifier, or nil if there is none.
func (r *Record) Redirect() *Term { return r.redirect }

// Explanation returns the exp modifier, or nil if there is none.
func (r *Record) Explanation() *Term { return r.explanation }

// Term is one mechanism or modifier. Either Mechanism or Modifier is set.
type Term struct {
	// Text is the term as it was written.
	Text string
	// Position is the number of the term in the record, from 1.
	Position int
	// Qualifier is "+", "-", "~" or "?"; "" for a modifier.
	Qualifier string
	// Mechanism is the mechanism's name in lower case.
	Mechanism string
	// Modifier is the modifier's name in lower case: redirect, exp or an
	// unknown one.
	Modifier string
	// Domain is the domain-spec or the modifier's value as it was written, with
	// its macros; "" if the term has none.
	Domain string
	// Network is the network that ip4 or ip6 matches.
	Network netip.Prefix
	// Prefix4 and Prefix6 are the cidr-lengths of a and mx; 32 and 128 if none
	// are written.
	Prefix4, Prefix6 int

	spec macro
}

// Status returns the result of a match of the mechanism (RFC 7208 section
// 4.6.2); "" for a modifier.
func (t *Term) Status() Status {
	switch t.Qualifier {
	case "+":
		return Pass
	case "-":
		return Fail
	case "~":
		return SoftFail
	case "?":
		return Neutral
	}
	return ""
}

// Counts reports whether RFC 7208 section 4.6.4 counts the term towards the
// limit of ten.
func (t *Term) Counts() bool {
	switch t.Mechanism {
	case "include", "a", "mx", "ptr", "exists":
		return true
	}
	return t.Modifier == "redirect"
}

// Macros reports whether the domain-spec has macros, so that its target depends
// on the message. It is false for unknown modifiers.
func (t *Term) Macros() bool { return !t.spec.static }

// name returns the target of the domain-spec. value returns the value of a
// macro letter.
func (t *Term) name(value func(letter byte) string) string {
	if t.spec.static {
		return targetName(t.Domain)
	}
	return t.spec.name(value)
}

// SyntaxError is an error in a record.
type SyntaxError struct {
	// Position is the number of the term, from 1, without the version.
	Position int
	// Term is the term as it was written. It may hold any bytes.
	Term string
	// Problem explains what is wrong.
	Problem string
}

// Error returns the term and the problem. Unusual bytes of the term are
// escaped, and its length is bounded.
func (e *SyntaxError) Error() string {
	return "spf: " + e.detail()
}

// detail returns the error without the package name.
func (e *SyntaxError) detail() string {
	return fmt.Sprintf("term %d (%s): %s", e.Position, foreign.Word(e.Term, maxCited), e.Problem)
}

// isRecord reports whether a text begins with the version of an SPF record,
// followed by a space or nothing (RFC 7208 section 4.5).
func isRecord(txt string) bool {
	const version = "v=spf1"
	return len(txt) >= len(version) && strings.EqualFold(txt[:len(version)], version) &&
		(len(txt) == len(version) || txt[len(version)] == ' ')
}

// ParseRecord parses a record. RFC 7208 section 4.6 requires the whole syntax
// to be valid before any term is evaluated. The error is ErrNotSPF or a
// *SyntaxError about the first invalid term.
func ParseRecord(txt string) (*Record, error) {
	if !isRecord(txt) {
		return nil, ErrNotSPF
	}
	r := &Record{Text: txt}
	rest := txt[len("v=spf1"):]
	r.Terms = make([]Term, 0, strings.Count(rest, " "))
	redirect, explanation := -1, -1
	for rest != "" {
		var text string
		text, rest, _ = strings.Cut(rest, " ")
		if text == "" { // terms are separated by one or more spaces
			continue
		}
		t := Term{Text: text, Position: len(r.Terms) + 1}
		problem := t.parse()
		// RFC 7208 section 6: redirect and exp may occur once each.
		switch {
		case problem != "":
		case t.Modifier == "redirect" && redirect >= 0, t.Modifier == "exp" && explanation >= 0:
			problem = t.Modifier + "= occurs twice in the record"
		case t.Modifier == "redirect":
			redirect = len(r.Terms)
		case t.Modifier == "exp":
			explanation = len(r.Terms)
		}
		if problem != "" {
			return nil, &SyntaxError{Position: t.Position, Term: text, Problem: problem}
		}
		r.Terms = append(r.Terms, t)
	}
	if redirect >= 0 {
		r.redirect = &r.Terms[redirect]
	}
	if explanation >= 0 {
		r.explanation = &r.Terms[explanation]
	}
	return r, nil
}

// parse parses the text of the term and returns the problem, or "" if it is
// valid.
func (t *Term) parse() string {
	t.spec.static = true
	if name, value, ok := cutModifier(t.Text); ok {
		t.Modifier = dnscache.LowerASCII(name)
		return t.parseModifier(value)
	}
	rest := t.Text
	t.Qualifier = "+"
	if strings.IndexByte("+-?~", rest[0]) >= 0 {
		t.Qualifier, rest = rest[:1], rest[1:]
	}
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	t.Mechanism, rest = dnscache.LowerASCII(rest[:end]), rest[end:]
	switch t.Mechanism {
	case "all":
		if rest != "" {
			return "all takes neither a domain nor a length"
		}
		return ""
	case "include", "exists":
		if rest == "" || rest[0] != ':' {
			return t.Mechanism + " needs a colon and a domain"
		}
		return t.parseDomain(rest[1:])
	case "ptr":
		if rest == "" {
			return ""
		}
		if rest[0] != ':' {
			return "ptr takes no length"
		}
		return t.parseDomain(rest[1:])
	case "a", "mx":
		return t.parseHosts(rest)
	case "ip4":
		return t.parseNetwork(rest, 32, "an IPv4 address")
	case "ip6":
		return t.parseNetwork(rest, 128, "an IPv6 address")
	}
	return unknownMechanism(t.Mechanism)
}

// unknownMechanism returns the problem of an unknown mechanism, with what was
// probably meant.
func unknownMechanism(name string) string {
	word, _, _ := strings.Cut(name, "=")
	switch word {
	case "redirect", "exp":
		return word + " is a modifier: it is written " + word + "=, without a qualifier"
	case "ip", "ipv4", "ipv6":
		return "there is no such mechanism; addresses are written ip4: or ip6:"
	case "":
		return "the name of a mechanism is missing"
	}
	return "there is no such mechanism"
}

// cutModifier splits a term at the "=" after a modifier's name. A ":" or "/"
// before it makes the term a mechanism (RFC 7208 section 4.6.1).
func cutModifier(s string) (name, value string, ok bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isAlpha(c):
		case i > 0 && (isDigit(c) || c == '-' || c == '_' || c == '.'):
		case i > 0 && c == '=':
			return s[:i], s[i+1:], true
		default:
			return "", "", false
		}
	}
	return "", "", false
}

// parseModifier parses a modifier's value and returns the problem, or "".
func (t *Term) parseModifier(value string) string {
	switch t.Modifier {
	case "redirect", "exp":
		return t.parseDomain(value)
	}
	// RFC 7208 section 6: an unknown modifier is ignored, but its value must be
	// a macro-string. The grammar allows all macro letters in it; only the
	// definition of the modifier gives them a meaning.
	t.Domain = value
	_, problem := parseMacro(value, forText)
	return problem
}

// parseDomain parses a domain-spec (RFC 7208 section 7.1) and returns the
// problem, or "".
func (t *Term) parseDomain(s string) string {
	if s == "" {
		return "the domain is missing"
	}
	t.Domain = s
	var problem string
	if t.spec, problem = parseMacro(s, forName); problem != "" {
		return problem
	}
	// domain-end: the domain-spec ends in a macro, or in a dot and a toplabel.
	tail := t.spec.tail()
	if t.spec.static {
		t.spec.parts = nil // Domain has the text; cached records should be small
	}
	if tail == "" {
		return ""
	}
	tail = strings.TrimSuffix(tail, ".")
	dot := strings.LastIndexByte(tail, '.')
	top := tail[dot+1:]
	if _, err := netip.ParseAddr(strings.TrimSuffix(s, ".")); err == nil {
		return "an address stands where a domain is expected; addresses are written ip4: or ip6:"
	}
	if dot < 0 && top != "" {
		return "the domain needs at least one dot"
	}
	if top == "" {
		return "the domain ends in a dot behind another dot or a macro"
	}
	if !isToplabel(top) {
		return "the domain ends in " + foreign.Word(top, maxCited) + ", which cannot be a top-level domain"
	}
	return ""
}

// isToplabel reports whether s consists of letters, digits and inner hyphens,
// not only of digits (RFC 7208 section 7.1).
func isToplabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	numeric := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c):
		case isAlpha(c), c == '-':
			numeric = false
		default:
			return false
		}
	}
	return !numeric
}

// parseHosts parses the text after the names a and mx: [ ":" domain-spec ] [
// dual-cidr-length ]. It returns the problem, or "".
func (t *Term) parseHosts(s string) string {
	t.Prefix4, t.Prefix6 = 32, 128
	// The domain-spec may also have slashes, so the lengths are taken from the
	// end. A domain-spec cannot end in one.
	var ok bool
	if i := strings.LastIndex(s, "//"); i >= 0 && allDigits(s[i+2:]) {
		if t.Prefix6, ok = prefixLength(s[i+2:], 128); !ok {
			return "the IPv6 length is not a number from 0 to 128"
		}
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '/'); i >= 0 && allDigits(s[i+1:]) {
		if t.Prefix4, ok = prefixLength(s[i+1:], 32); !ok {
			return "the IPv4 length is not a number from 0 to 32; an IPv6 length is written //64"
		}
		s = s[:i]
	}
	switch {
	case s == "":
		return ""
	case s[0] == '/':
		return "the length is malformed: /24 is for IPv4, //64 for IPv6, /24//64 for both"
	}
	return t.parseDomain(s[1:])
}

// parseNetwork parses the text after the names ip4 and ip6: ":" address [ "/"
// length ]. It returns the problem, or "".
func (t *Term) parseNetwork(s string, bits int, what string) string {
	if s == "" || s[0] != ':' {
		return t.Mechanism + " needs a colon and " + what
	}
	text, length, sized := strings.Cut(s[1:], "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" || addr.BitLen() != bits {
		return foreign.Word(text, maxCited) + " is not " + what
	}
	n := bits
	if sized {
		var ok bool
		if n, ok = prefixLength(length, bits); !ok {
			return fmt.Sprintf("the length is not a number from 0 to %d", bits)
		}
	}
	t.Network = netip.PrefixFrom(addr, n)
	return ""
}

// prefixLength parses a cidr-length. Leading zeros are not allowed (RFC 7208
// section 5.6).
func prefixLength(s string, limit int) (int, bool) {
	if !allDigits(s) || len(s) > 3 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= limit
}
