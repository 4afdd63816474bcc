package dmarc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// ErrNotRecord is returned for a text that does not begin with the version tag
// of RFC 9989 section 4.7. Such a TXT record has another purpose.
var ErrNotRecord = errors.New("dmarc: not a DMARC record")

// Processing says how a record is applied (RFC 9989 section 4.10.1).
type Processing string

// The kinds of processing. A record with a missing or invalid policy counts as
// p=none if it has an address for reports, and is ignored otherwise.
const (
	ProcessAsPublished Processing = "as published"
	ProcessAsNone      Processing = "as p=none"
	ProcessNothing     Processing = "no processing"
)

// Alignment is an alignment mode: the value of adkim= or aspf= (RFC 9989
// section 4.7).
type Alignment string

// Relaxed compares Organizational Domains, Strict compares the domains
// themselves.
const (
	Relaxed Alignment = "r"
	Strict  Alignment = "s"
)

// PSD says whether the name of a record is a public suffix domain.
type PSD string

// The values of psd= (RFC 9989 section 4.7).
const (
	PSDYes     PSD = "y"
	PSDNo      PSD = "n"
	PSDUnknown PSD = "u"
)

// Record is a DMARC Policy Record (RFC 9989 section 4.7). It is immutable.
type Record struct {
	// Text is the record as it was published.
	Text string `json:"text"`
	// Processing says whether the policies below are those of the record.
	Processing Processing `json:"processing"`
	// P, SP and NP are the policies for the domain itself, for its subdomains,
	// and for subdomains that do not exist. The defaults (np= falls back to
	// sp=, sp= to p=) and section 4.10.1 are applied, but not t=. They are ""
	// if Processing is ProcessNothing.
	P  Policy `json:"p"`
	SP Policy `json:"sp"`
	NP Policy `json:"np"`
	// Published are the values of p=, sp= and np= as they were written. A tag
	// that is absent has no entry.
	Published map[string]string `json:"published"`

	ADKIM Alignment `json:"adkim"`
	ASPF  Alignment `json:"aspf"`
	// FO is fo=, the options for failure reports. It has no meaning without
	// ruf=.
	FO  string `json:"fo"`
	PSD PSD    `json:"psd"`
	// Testing is t=y: a policy is applied one step milder.
	Testing bool `json:"t"`
	// RUA and RUF are the valid report URIs without a size suffix. Receivers
	// must support only mailto:.
	RUA []string `json:"rua"`
	RUF []string `json:"ruf"`
	// Problems explain what the owner of the record should repair.
	Problems []string `json:"problems"`
}

// maxProblems bounds Record.Problems; a record may hold thousands of bad tags.
const maxProblems = 20

// maxCited bounds a foreign text cited in a reason or a problem.
const maxCited = 103

// InForce returns the policy to apply for one of the record's policies: with
// t=y it is one step milder (RFC 9989 section 4.7).
func (r *Record) InForce(p Policy) Policy {
	if !r.Testing {
		return p
	}
	switch p {
	case PolicyReject:
		return PolicyQuarantine
	case PolicyQuarantine:
		return PolicyNone
	}
	return p
}

// URIs returns where a record wants reports of a kind; none without a record. Failure
// reports are not for a public suffix (RFC 9991 section 2).
func (r *Record) URIs(failure bool) []string {
	switch {
	case r == nil:
		return nil
	case !failure:
		return r.RUA
	case r.PSD == PSDYes:
		return nil
	}
	return r.RUF
}

// ParseRecord parses the text of a TXT record, its strings joined. The error is
// ErrNotRecord for a TXT record with another purpose. Whatever is wrong behind the
// version tag is ignored or gives way to a default, as RFC 9989 section 4.8 requires,
// and listed in Record.Problems. Of a repeated tag the first counts; a repeated p=,
// sp= or np= is an invalid policy (section 4.10.1).
func ParseRecord(txt string) (*Record, error) {
	rest, ok := cutVersion(txt)
	if !ok {
		return nil, ErrNotRecord
	}
	r := &Record{
		Text: txt, Published: map[string]string{},
		ADKIM: Relaxed, ASPF: Relaxed, FO: "0", PSD: PSDUnknown,
	}
	repeated, lineEnd := "", strings.TrimRight(txt, "\r\n") != txt
	seen := map[string]bool{"v": true}
	for part := range strings.SplitSeq(rest, ";") {
		lineEnd = lineEnd || trimSpace(part) != trimWSP(part)
		part = trimSpace(part)
		if part == "" {
			continue
		}
		name, value, found := strings.Cut(part, "=")
		lineEnd = lineEnd || trimSpace(name) != trimWSP(name) || trimSpace(value) != trimWSP(value)
		name, value = trimSpace(name), trimSpace(value)
		if !found || !isTagName(name) {
			r.problem("%q is not of the form tag=value", foreign.Line(part, maxCited))
			continue
		}
		// Tag names are case-sensitive (RFC 6376 section 3.2), except for the
		// "v" of the version, which is a literal of the ABNF.
		if seen[name] {
			r.problem("%s= occurs more than once", foreign.Line(name, maxCited))
			if name == "p" || name == "sp" || name == "np" {
				repeated = name
			}
			continue
		}
		seen[name] = true
		r.set(name, value)
	}
	if lineEnd {
		r.problem("line ends beside its tags and values are ignored, although RFC 9989 section 4.8 does not allow them")
	}
	r.setPolicies(repeated == "")
	return r, nil
}

// cutVersion removes the version tag from the beginning of a record. Its name
// may be in either case, but its value must be exactly "DMARC1" (RFC 9989
// section 4.8).
func cutVersion(txt string) (rest string, ok bool) {
	if txt == "" || txt[0] != 'v' && txt[0] != 'V' {
		return "", false
	}
	s := strings.TrimLeft(txt[1:], " \t")
	if s, ok = strings.CutPrefix(s, "="); !ok {
		return "", false
	}
	if s, ok = strings.CutPrefix(strings.TrimLeft(s, " \t"), "DMARC1"); !ok {
		return "", false
	}
	s = trimSpace(s)
	if s != "" && s[0] != ';' {
		return "", false
	}
	return s, true
}

// set sets the value of a tag. Literal values are case-insensitive, as in all
// ABNF (RFC 5234 section 2.3).
func (r *Record) set(name, value string) {
	low := strings.ToLower(value)
	switch name {
	case "p", "sp", "np":
		r.Published[name] = value
	case "adkim", "aspf":
		mode := Alignment(low)
		if mode != Relaxed && mode != Strict {
			r.problem("%s=%s is neither r nor s; relaxed alignment applies", name, foreign.Line(value, maxCited))
			return
		}
		if name == "adkim" {
			r.ADKIM = mode
		} else {
			r.ASPF = mode
		}
	case "fo":
		if !isFO(low) {
			r.problem("fo=%s is not a list of 0 or 1, d and s, each once; it counts as fo=0", foreign.Line(value, maxCited))
			return
		}
		r.FO = low
	case "psd":
		if low != "y" && low != "n" && low != "u" {
			r.problem("psd=%s is none of y, n and u; it counts as psd=u", foreign.Line(value, maxCited))
			return
		}
		r.PSD = PSD(low)
	case "t":
		if low != "y" && low != "n" {
			r.problem("t=%s is neither y nor n; it counts as t=n", foreign.Line(value, maxCited))
			return
		}
		r.Testing = low == "y"
	case "rua":
		r.RUA = r.uris(name, value)
	case "ruf":
		r.RUF = r.uris(name, value)
	case "pct", "rf", "ri":
		r.problem("%s= is historic and has no effect (RFC 9989 section 9.3)", name)
	default:
		if l := strings.ToLower(name); l != name && isKnownTag(l) {
			r.problem("%s= is ignored: tag names are lower case", foreign.Line(name, maxCited))
		} else {
			r.problem("%s= is not a tag of DMARC and has no effect", foreign.Line(name, maxCited))
		}
	}
}

// isFO reports whether s is a value of fo=: 0 or 1, d and s, each at most once, in any
// order (RFC 9989 section 4.8).
func isFO(s string) bool {
	seen := ""
	for option := range strings.SplitSeq(s, ":") {
		kind := option
		if option == "0" {
			kind = "1" // they exclude each other
		}
		if kind != "1" && kind != "d" && kind != "s" || strings.Contains(seen, kind) {
			return false
		}
		seen += kind
	}
	return true
}

// setPolicies sets the policies from p=, sp= and np= (RFC 9989 section 4.10.1).
// valid is false if one of them is repeated.
func (r *Record) setPolicies(valid bool) {
	read := func(tag string, fallback Policy) Policy {
		v, ok := r.Published[tag]
		if !ok {
			return fallback
		}
		p := Policy(strings.ToLower(v))
		if p != PolicyNone && p != PolicyQuarantine && p != PolicyReject {
			r.problem("%s=%s is none of none, quarantine and reject", tag, foreign.Line(v, maxCited))
			valid = false
		}
		return p
	}
	r.P = read("p", "")
	r.SP = read("sp", r.P)
	r.NP = read("np", r.SP)
	if r.P == "" {
		r.problem("p= is missing")
		valid = false
	}
	switch {
	case valid:
		r.Processing = ProcessAsPublished
	case len(r.RUA) > 0:
		r.Processing = ProcessAsNone
		r.P, r.SP, r.NP = PolicyNone, PolicyNone, PolicyNone
	default:
		r.Processing = ProcessNothing
		r.P, r.SP, r.NP = "", "", ""
	}
}

// uris parses a comma-separated list of URIs (RFC 9989 section 4.8).
func (r *Record) uris(tag, value string) []string {
	var list []string
	for u := range strings.SplitSeq(value, ",") {
		u = trimWSP(u)
		u = cutSize(u)
		if !isURI(u) {
			r.problem("%s= holds %q, which is not a URI such as mailto:dmarc@example.org", tag, foreign.Line(u, maxCited))
			continue
		}
		if s, _, _ := strings.Cut(u, ":"); !strings.EqualFold(s, "mailto") {
			r.problem("%s= holds %q; receivers need not support anything but mailto:", tag, foreign.Line(u, maxCited))
		}
		list = append(list, u)
	}
	return list
}

// cutSize removes a size limit after a URI, such as "!10m", which RFC 7489
// allowed.
func cutSize(u string) string {
	at := strings.LastIndexByte(u, '!')
	if at < 0 {
		return u
	}
	n := trimWSP(u[at+1:])
	if n != "" && strings.IndexByte("kmgtKMGT", n[len(n)-1]) >= 0 {
		n = trimWSP(n[:len(n)-1])
	}
	if n == "" || strings.Trim(n, "0123456789") != "" {
		return u
	}
	return trimWSP(u[:at])
}

// isURI reports whether s has a scheme, text after it, and only characters of
// RFC 3986 section 2. An exclamation mark must be encoded (RFC 9989 section 4.8).
func isURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || rest == "" || !isAlpha(scheme[0]) {
		return false
	}
	for i := range len(scheme) {
		if c := scheme[i]; !isAlpha(c) && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	for i := range len(rest) {
		c := rest[i]
		if c <= ' ' || c > '~' || strings.IndexByte("!\"<>\\^`{|}", c) >= 0 {
			return false
		}
		if c == '%' && (i+2 >= len(rest) || !isHex(rest[i+1]) || !isHex(rest[i+2])) {
			return false
		}
	}
	return true
}

// problem adds a problem.
func (r *Record) problem(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// isTagName reports whether s is a tag name. It allows the letters of RFC 9989
// section 4.8 and, after the first, the digits and underscores of RFC 6376
// section 3.2.
func isTagName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlpha(c) && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

func isKnownTag(s string) bool {
	switch s {
	case "v", "p", "sp", "np", "adkim", "aspf", "fo", "psd", "t", "rua", "ruf":
		return true
	}
	return false
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func trimWSP(s string) string { return strings.Trim(s, " \t") }

// trimSpace also removes line ends, which are no white space by RFC 9989 section 4.8.
// Zone editors leave them behind a value, where they can mean nothing else; a policy
// must not be void for that. Package dkim reads its keys in the same way.
func trimSpace(s string) string { return strings.Trim(s, " \t\r\n") }
