package policy_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// attackSignature signs as an attacker does: any bytes in d= and s=, any h=. It
// is an envelope's line
//
//	signature d=attacker.example s=sel h=from:to key=sel._domainkey.attacker.example l=10
//
// where h, key, l and tags, further tags, may be missing; key is where the DNS has the key if not at
// <s>._domainkey.<d>. A "seal" line adds an ARC set that is whole, i=1, whose
// results say what follows "results=", to the end of the line. Signatures and
// sets go on top of the message, the last one uppermost.
type attackSignature struct {
	domain, selector, name, fields, results string
	tags                                    string // further ones, such as "x=1700000000"
	length                                  int    // l=, -1 for none
}

func parseSignature(t *testing.T, text string) attackSignature {
	t.Helper()
	s := attackSignature{fields: "from:to:subject", length: -1}
	text, s.results, _ = strings.Cut(text, "results=")
	for _, word := range strings.Split(strings.TrimSpace(text), " ") {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "d":
			s.domain = value
		case "s":
			s.selector = value
		case "key":
			s.name = value
		case "h":
			s.fields = value
		case "tags":
			s.tags = " " + value + ";"
		case "l":
			s.length, _ = strconv.Atoi(value)
		default:
			t.Fatalf("signature: unknown %q", key)
		}
	}
	if s.name == "" {
		s.name = s.selector + "._domainkey." + s.domain
	}
	return s
}

func (s attackSignature) key() ed25519.PrivateKey { return key(s.domain, s.selector) }

// keyRecord is the text of the key's record.
func (s attackSignature) keyRecord() string {
	return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(s.key().Public().(ed25519.PublicKey))
}

// zoneName writes a name for a zone, bytes that mean something there escaped.
func zoneName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c > ' ' && c < 0x7f && !strings.ContainsRune(`"();@\$`, rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "\\%03d", c)
		}
	}
	return b.String()
}

// sign returns the DKIM-Signature field for a message.
func (s attackSignature) sign(msg []byte) string {
	return s.field("DKIM-Signature", "v=1; ", msg)
}

func (s attackSignature) field(name, start string, msg []byte) string {
	header, body, _ := strings.Cut(string(msg), "\r\n\r\n")
	body = strings.TrimRight(body, "\r\n") + "\r\n" // c=.../simple
	length := ""
	if s.length >= 0 {
		body, length = body[:s.length], fmt.Sprintf(" l=%d;", s.length)
	}
	bodyHash := sha256.Sum256([]byte(body))
	field := fmt.Sprintf("%s: %sa=ed25519-sha256; c=relaxed/simple; d=%s; s=%s;%s%s h=%s; bh=%s; b=",
		name, start, s.domain, s.selector, length, s.tags, s.fields, base64.StdEncoding.EncodeToString(bodyHash[:]))
	var input strings.Builder
	lines := splitFields(header)
	for _, want := range strings.Split(s.fields, ":") {
		for i := len(lines) - 1; i >= 0; i-- { // RFC 6376 section 5.4.2: bottom up
			if n, _, _ := strings.Cut(lines[i], ":"); strings.EqualFold(strings.TrimSpace(n), want) {
				input.WriteString(relax(lines[i]) + "\r\n")
				lines[i] = ""
				break
			}
		}
	}
	input.WriteString(relax(field))
	return field + s.b(input.String()) + "\r\n"
}

// b is the signature of a hash input (RFC 8463 section 3).
func (s attackSignature) b(input string) string {
	hash := sha256.Sum256([]byte(input))
	return base64.StdEncoding.EncodeToString(ed25519.Sign(s.key(), hash[:]))
}

// seal returns an ARC set (RFC 8617 section 4.1), first in its chain.
func (s attackSignature) seal(msg []byte) string {
	results := "ARC-Authentication-Results: i=1; " + s.results
	sig := strings.TrimSuffix(s.field("ARC-Message-Signature", "i=1; ", msg), "\r\n")
	seal := fmt.Sprintf("ARC-Seal: i=1; a=ed25519-sha256; cv=none; d=%s; s=%s; b=", s.domain, s.selector)
	seal += s.b(relax(results) + "\r\n" + relax(sig) + "\r\n" + relax(seal))
	return seal + "\r\n" + sig + "\r\n" + results + "\r\n"
}

var (
	lineStart  = regexp.MustCompile(`\r\n([^ \t])`)
	whiteSpace = regexp.MustCompile(`[ \t]+`)
)

// splitFields cuts a header at the line ends that are no folds.
func splitFields(header string) []string {
	return strings.Split(lineStart.ReplaceAllString(header, "\r\n\n$1"), "\r\n\n")
}

// relax is the header form of RFC 6376 section 3.4.2, without a line end.
func relax(field string) string {
	name, value, _ := strings.Cut(strings.ReplaceAll(field, "\r\n", ""), ":")
	return strings.ToLower(strings.TrimRight(name, " \t")) + ":" + strings.Trim(whiteSpace.ReplaceAllString(value, " "), " \t")
}
