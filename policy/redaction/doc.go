// Package redaction makes a header fit to be told to others (RFC 6590): what a failure
// report (RFC 9991) says of a message that belongs to neither its sender nor its receiver.
//
// A [Key] replaces each local part of an address by a keyed hash, the same one for the
// same local part, so that a reader sees what belongs together and not whose it is.
// [Key.Header] returns the fields that are of use to a reader who looks for the cause of a
// failure. It knows the form of each field that it lets through, and writes it anew from
// its parts; fields that it does not know are left out, as anything may stand in them.
//
// Input is bounded, and output is printable ASCII in folded lines.
package redaction

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Key replaces local parts. It is safe for concurrent use.
type Key struct{ secret []byte }

// NewKey returns a key made of a secret for one reader. Two readers cannot compare what
// they were told.
func NewKey(secret []byte, reader string) Key {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("redaction of " + strings.ToLower(reader)))
	return Key{mac.Sum(nil)}
}

// hashed is how many octets of a hash are kept: enough that no two of a site's users
// share it.
const hashed = 10

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Local returns what stands for a local part; "" for an empty one. Case does not matter,
// and quotes around it do not either.
func (k Key) Local(local string) string {
	if n := len(local); n > 1 && local[0] == '"' && local[n-1] == '"' {
		local = local[1 : n-1]
	}
	if local == "" {
		return ""
	}
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(strings.ToLower(local)))
	return letters.EncodeToString(mac.Sum(nil)[:hashed])
}

// Path returns a reverse-path or forward-path with its local part replaced.
func (k Key) Path(path string) string {
	local, domain := message.SplitPath(path)
	return k.address(local, domain)
}

// address returns an address with its local part replaced. The domain is shown if it is
// one.
func (k Key) address(local, domain string) string {
	if domain == "" {
		return k.Local(local)
	}
	if name, ok := message.NormalizeDomain(domain); ok {
		domain = name
	} else if domain = foreign.Line(domain, maxDomain); !isToken(domain) {
		domain = "invalid"
	}
	return k.Local(local) + "@" + domain
}

// maxDomain bounds a domain.
const maxDomain = 255

// isToken reports whether a text is a word of printable ASCII without signs of the
// syntax of fields.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("()<>,;\\\"@", r) }) < 0
}
