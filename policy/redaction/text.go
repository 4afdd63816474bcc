package redaction

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// maxText bounds a text.
const maxText = 1024

// Text returns a text in which the local part of each address is replaced, and each URL
// of the web is harmless (RFC 9991 section 7.3). It is printable ASCII on one line.
func (k Key) Text(s string) string {
	s = foreign.Line(wideAts.Replace(foreign.Cut(s, maxText)), maxText)
	behind := ""
	for { // from the end, as a quoted local part may hold another address
		at, size := lastAt(s)
		if at < 0 {
			return harmless(s + behind)
		}
		begin := localBegin(s[:at])
		behind = k.Local(s[begin:at]) + "@" + s[at+size:] + behind
		s = s[:begin]
	}
}

// ats is how a text has "@": as itself, in a URI, in quoted-printable, in HTML.
var ats = []string{"@", "%40", "=40", "&#64;", "&commat;"}

// wideAts replaces the other forms of "@" that Unicode has.
var wideAts = strings.NewReplacer("\uff20", "@", "\ufe6b", "@")

// lastAt returns the place and the size of the last "@", -1 for none.
func lastAt(s string) (at, size int) {
	at = -1
	for _, one := range ats {
		if i := strings.LastIndex(s, one); i > at {
			at, size = i, len(one)
		}
	}
	return at, size
}

// localBegin returns where the local part begins that ends a text.
func localBegin(s string) int {
	i := len(s)
	if i > 1 && s[i-1] == '"' {
		for j := i - 2; j >= 0; j-- {
			if s[j] == '"' && (j == 0 || s[j-1] != '\\') {
				return j
			}
		}
	}
	for i > 0 && strings.IndexByte(" <>()[]{},;:\"", s[i-1]) < 0 {
		i--
	}
	return i
}

// harmless breaks the URLs of a text.
func harmless(s string) string {
	b := []byte(s)
	for i := 0; i+4 <= len(b); i++ {
		if strings.EqualFold(string(b[i:i+4]), "http") {
			b[i+1], b[i+2] = 'x', 'x'
		}
	}
	return string(b)
}

// holdsAddress reports whether the left side of a Message-ID has an address in it, as
// itself or as in the senders that mailing lists make ("ann=example.org").
func holdsAddress(left string) bool {
	if at, _ := lastAt(left); at >= 0 || strings.Contains(left, "\"") {
		return true
	}
	for rest := left; ; {
		_, after, ok := strings.Cut(rest, "=")
		if !ok {
			return false
		}
		if dot := strings.IndexByte(after, '.'); dot > 0 && dot+1 < len(after) {
			return true
		}
		rest = after
	}
}
