package arc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// maxInstances bounds the sets of a chain (RFC 8617 section 4.2.1).
const maxInstances = 50

// The fields of a set (RFC 8617 section 4.1), in the order in which a seal
// covers them.
const (
	results = iota
	messageSignature
	seal
)

var fieldNames = [3]string{"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"}

// set is one ARC set. It has all three fields unless the chain is broken.
type set struct {
	instance int
	field    [3]message.Field
	at       [3]int // positions in the header
	has      [3]bool

	seal *dkim.Signature
	// message are the candidates for the ARC-Message-Signature: one, or two if it
	// has no c=.
	message []candidate
	// messageErr is the error of an invalid ARC-Message-Signature.
	messageErr error
}

// candidate is an ARC-Message-Signature in one canonicalization that its sealer may
// have used.
type candidate struct {
	*dkim.Signature
	body *dkim.BodyHash
}

var errTooMany = fmt.Errorf("more than %d ARC sets", maxInstances)

// collect returns the ARC sets of a header by instance, ascending. The error says
// what breaks the chain; the sets then hold the valid fields, for reports. Without
// ARC fields both are nil.
func collect(h message.Header) ([]*set, error) {
	var found [maxInstances + 1]*set
	var broken error
	highest, fields := 0, 0
	for i := range h {
		kind := kindOf(h[i])
		if kind < 0 {
			continue
		}
		if fields++; fields > len(fieldNames)*maxInstances {
			return nil, errTooMany
		}
		n, err := instanceOf(kind, h[i])
		if err != nil {
			if broken == nil {
				broken = fmt.Errorf("%s: %w", fieldNames[kind], err)
			}
			continue
		}
		if found[n] == nil {
			found[n] = &set{instance: n}
			highest = max(highest, n)
		}
		if s := found[n]; s.has[kind] {
			if broken == nil {
				broken = fmt.Errorf("%s %d is repeated", fieldNames[kind], n)
			}
		} else {
			s.has[kind], s.field[kind], s.at[kind] = true, h[i], i
		}
	}
	var sets []*set
	for n := 1; n <= highest; n++ {
		s := found[n]
		if s == nil {
			if broken == nil {
				broken = fmt.Errorf("ARC set %d of %d is missing", n, highest)
			}
			continue
		}
		for kind, has := range s.has {
			if !has && broken == nil {
				broken = fmt.Errorf("%s %d is missing", fieldNames[kind], n)
			}
		}
		sets = append(sets, s)
	}
	return sets, broken
}

// kindOf returns the index of a field in fieldNames, -1 if it is not an ARC field.
func kindOf(f message.Field) int {
	if len(f.Name) < 4 || f.Name[3] != '-' { // rules out most fields quickly
		return -1
	}
	for kind, name := range fieldNames {
		if f.Is(name) {
			return kind
		}
	}
	return -1
}

// instanceOf returns i= of a field, 1 to 50.
func instanceOf(kind int, f message.Field) (int, error) {
	if kind == results {
		return resultsInstance(f.Value())
	}
	tags, err := dkim.ParseTags(f.Value())
	if err != nil {
		return 0, unprefixed(err)
	}
	v, ok := tags.Get("i")
	if !ok {
		return 0, errors.New("i= is missing")
	}
	return parseInstance(v)
}

// parseInstance parses an instance number (RFC 8617 section 4.2.1).
func parseInstance(v string) (int, error) {
	n := 0
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' || i == 2 {
			return 0, errors.New("i= is not an instance")
		}
		n = 10*n + int(v[i]-'0')
	}
	if n < 1 || n > maxInstances {
		return 0, fmt.Errorf("i= is not an instance from 1 to %d", maxInstances)
	}
	return n, nil
}

// resultsInstance returns the instance of an ARC-Authentication-Results field, which
// precedes the results (RFC 8617 section 4.1.1):
//
//	[CFWS] "i" [CFWS] "=" [CFWS] 1*2DIGIT [CFWS] ";"
func resultsInstance(v string) (int, error) {
	rest, ok := strings.CutPrefix(skipCFWS(v), "i")
	if ok {
		rest, ok = strings.CutPrefix(skipCFWS(rest), "=")
	}
	if !ok {
		return 0, errors.New("it does not begin with i=")
	}
	rest = skipCFWS(rest)
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	n, err := parseInstance(rest[:digits])
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(skipCFWS(rest[digits:]), ";") {
		return 0, errors.New("no semicolon after i=")
	}
	return n, nil
}

// skipCFWS returns s without leading folding white space and comments (RFC 5322
// section 3.2.2). It keeps a comment that does not end.
func skipCFWS(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if !strings.HasPrefix(s, "(") {
			return s
		}
		end := commentEnd(s)
		if end < 0 {
			return s
		}
		s = s[end:]
	}
}

// commentEnd returns the index after the comment at the start of s, -1 if the
// comment does not end.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// unprefixed returns an error without the name of package dkim, for reasons.
func unprefixed(err error) error {
	return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "dkim: "))
}
