package authority

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/miekg/dns"
)

// Key signs updates (TSIG, RFC 8945). It prints as its name, whatever the verb.
type Key struct {
	Name      string
	algorithm string
	// secret returns the secret in base64. A function prints as an address.
	secret func() string
}

var (
	// comments fits quoted strings too, which are kept: base64 may have "//" in it.
	comments  = regexp.MustCompile(`(?s)"[^"]*"|/\*.*?\*/|(?:\A|\s)(?://|#)[^\n]*`)
	statement = regexp.MustCompile(`(?s)^\s*key\s+("[^"{}]*"|[^\s"{}]+)\s*\{(.*?)\}\s*;?\s*$`)
	clause    = regexp.MustCompile(`(?s)^\s*(algorithm|secret)\s+("[^"]*"|\S+)\s*$`)
)

// algorithms are those that have a place today. MD5 and SHA-1 have none (RFC 8945
// section 6).
var algorithms = map[string]string{
	"hmac-sha224": dns.HmacSHA224, "hmac-sha256": dns.HmacSHA256, "hmac-sha384": dns.HmacSHA384, "hmac-sha512": dns.HmacSHA512,
}

// ParseKey reads a key in the form of named.conf, as tsig-keygen writes it. The error
// holds nothing of the text.
func ParseKey(text string) (*Key, error) {
	const form = `expected a key as tsig-keygen writes it: key "NAME" { algorithm hmac-sha256; secret "..."; };`
	m := statement.FindStringSubmatch(comments.ReplaceAllStringFunc(text, func(s string) string {
		if s[0] == '"' {
			return s
		}
		return " "
	}))
	if m == nil {
		return nil, errors.New("not a TSIG key; " + form)
	}
	values := map[string]string{}
	for part := range strings.SplitSeq(m[2], ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		c := clause.FindStringSubmatch(part)
		if c == nil {
			return nil, errors.New("not a TSIG key; " + form)
		}
		values[c[1]] = strings.Trim(c[2], `"`)
	}
	name := strings.Trim(m[1], `"`)
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		return nil, errors.New("the name of the TSIG key is not a domain name")
	}
	algorithm, ok := algorithms[strings.TrimSuffix(strings.ToLower(values["algorithm"]), ".")]
	if !ok {
		return nil, errors.New("the algorithm of the TSIG key is not one of hmac-sha224, hmac-sha256, hmac-sha384 and hmac-sha512")
	}
	secret := values["secret"]
	if raw, err := base64.StdEncoding.DecodeString(secret); err != nil || len(raw) == 0 {
		return nil, errors.New("the secret of the TSIG key is not base64")
	}
	return &Key{Name: plain(name), algorithm: algorithm, secret: func() string { return secret }}, nil
}

// String returns the name.
func (k *Key) String() string { return k.Name }

// Format writes the name for every verb.
func (k *Key) Format(s fmt.State, _ rune) { fmt.Fprint(s, k.Name) }
