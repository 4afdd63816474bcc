package dkim

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// maxTags bounds a tag list. RFC 6376 section 3.5 defines 14 tags for a signature.
const maxTags = 64

// maxCited bounds each text from a message or the DNS that a reason quotes.
const maxCited = 45

// Tags is a tag list (RFC 6376 section 3.2) in its written order.
type Tags []Tag

// Tag is one tag of a list.
type Tag struct {
	// Name is case-sensitive.
	Name string
	// Value has no white space at its ends, but keeps folds inside.
	Value string
	// Start and End are the place of the value and the white space around it in
	// the parsed text, from after the equals sign to the semicolon.
	Start, End int
}

// ParseTags parses a tag list and keeps unknown tags. Its errors are an empty list,
// a tag without an equals sign, an invalid or repeated name, an empty tag other
// than the last, a control character in a value, and more than 64 tags.
func ParseTags(text string) (Tags, error) { return parseTags(text, false) }

// parseTags parses a tag list. A lax one may have empty tags and names with hyphens;
// the package's documentation says why.
func parseTags(text string, lax bool) (Tags, error) {
	if strings.Trim(text, whiteSpace) == "" {
		return nil, errors.New("dkim: no tags")
	}
	tags := make(Tags, 0, 12)
	for pos := 0; pos < len(text); {
		end := len(text)
		if i := strings.IndexByte(text[pos:], ';'); i >= 0 {
			end = pos + i
		}
		spec := text[pos:end]
		eq := strings.IndexByte(spec, '=')
		if eq < 0 {
			if strings.Trim(spec, whiteSpace) != "" {
				return nil, fmt.Errorf("dkim: %s is not a tag: it has no equals sign", foreign.Quote(strings.Trim(spec, whiteSpace), maxCited))
			}
			if end < len(text) && lax {
				pos = end + 1
				continue
			}
			if end < len(text) {
				return nil, errors.New("dkim: an empty tag between semicolons")
			}
			break // RFC 6376 section 3.2: a semicolon may end the list
		}
		if len(tags) == maxTags {
			return nil, fmt.Errorf("dkim: more than %d tags", maxTags)
		}
		t := Tag{
			Name:  strings.Trim(spec[:eq], whiteSpace),
			Value: strings.Trim(spec[eq+1:], whiteSpace),
			Start: pos + eq + 1,
			End:   end,
		}
		if !isTagName(t.Name, lax) {
			return nil, fmt.Errorf("dkim: %s is not a tag name", foreign.Quote(t.Name, maxCited))
		}
		if _, dup := tags.Get(t.Name); dup {
			return nil, fmt.Errorf("dkim: tag %s= is repeated", foreign.Line(t.Name, maxCited))
		}
		if i := strings.IndexFunc(t.Value, isControl); i >= 0 {
			return nil, fmt.Errorf("dkim: a control character in tag %s=", foreign.Line(t.Name, maxCited))
		}
		tags = append(tags, t)
		pos = end + 1
	}
	if len(tags) == 0 {
		return nil, errors.New("dkim: no tags")
	}
	return tags, nil
}

// Get returns the value of a tag and whether the list has it.
func (t Tags) Get(name string) (string, bool) {
	for i := range t {
		if t[i].Name == name {
			return t[i].Value, true
		}
	}
	return "", false
}

// whiteSpace holds the characters that may surround names and values. These are the
// characters of FWS; a CR or LF may stand alone, as in key records whose text was
// folded in a zone file.
const whiteSpace = " \t\r\n"

func isTagName(s string, lax bool) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && (c != '-' || !lax) && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

func isControl(r rune) bool {
	return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7f
}

// withoutSpace removes all white space.
func withoutSpace(s string) string {
	if !strings.ContainsAny(s, whiteSpace) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, s)
}

// splitList splits a colon-separated value into its members without their
// surrounding white space.
func splitList(s string) []string {
	parts := strings.Split(s, ":")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], whiteSpace)
	}
	return parts
}

// decodeBase64 decodes base64 with white space anywhere. The grammar of RFC 6376
// section 2.10 makes the padding optional.
func decodeBase64(s string) ([]byte, error) {
	s = withoutSpace(s)
	for range 2 {
		s = strings.TrimSuffix(s, "=")
	}
	return base64.RawStdEncoding.DecodeString(s)
}

// decodeQuotedPrintable decodes dkim-quoted-printable (RFC 6376 section 2.11) in
// text without white space. An equals sign that two hexadecimal digits do not
// follow stays, because some signers do not encode addresses.
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
