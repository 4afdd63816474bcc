package spf

import (
	"net/netip"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// identity is the subject of a check, in the form for lookups and macros.
type identity struct {
	ip netip.Addr
	// domain is <domain> of check_host(); "" if the client gave none.
	domain string
	// local and senderDomain make up <sender>.
	local, senderDomain string
	helo                string
	// unusable are the macro letters whose value no domain name can hold.
	unusable string
}

// identify returns the identity of a query (RFC 7208 sections 2.4 and 4.3).
// problem says why there is no domain to check; it is "" if there is one.
func identify(q Query) (id identity, problem string) {
	id.ip = q.IP.Unmap().WithZone("") // RFC 7208 section 5: ::ffff:a.b.c.d is IPv4
	id.helo = q.Helo
	what, domain := "the domain of MAIL FROM", ""
	if q.Identity != HELO {
		id.local, domain = message.SplitPath(q.Sender)
	}
	if id.local == "" && domain == "" { // the null sender is postmaster@HELO
		what, domain = "the HELO name", q.Helo
	}
	if id.local == "" {
		id.local = "postmaster" // RFC 7208 section 4.3
	}
	// RFC 8616 section 4: terms with %{s} or %{l} match nothing if the local
	// part is not ASCII. An EHLO name must be ASCII (RFC 6531 section 3.7.1).
	// Neither may be longer than SMTP allows.
	if !ascii(id.local) || len(id.local) > maxLocal {
		id.unusable = "sl"
	}
	if !ascii(id.helo) || len(id.helo) > maxLocal {
		id.unusable += "h"
	}
	id.domain, problem = checkDomain(domain, what)
	id.senderDomain = id.domain
	if problem == "" && !id.ip.IsValid() {
		problem = "the client's address is not known"
	}
	return id, problem
}

// checkDomain does the initial processing of RFC 7208 section 4.3: only a
// domain name of two labels or more has a policy. what names the domain in the
// problem.
func checkDomain(s, what string) (domain, problem string) {
	switch {
	case s == "":
		return "", what + " is missing"
	case s[0] == '[':
		return "", what + " is an address literal"
	}
	domain, ok := message.NormalizeDomain(s)
	if !ok {
		return "", what + malformed(s)
	}
	if _, err := netip.ParseAddr(domain); err == nil {
		return "", what + " is an address"
	}
	if !strings.Contains(domain, ".") {
		return domain, what + " is a single label, no domain of the public DNS"
	}
	return domain, ""
}

// malformed returns why a name is no domain name, as the end of a sentence.
func malformed(s string) string {
	s = strings.TrimSuffix(s, ".")
	why := impossible(s)
	_, err := netip.ParseAddr(s)
	switch {
	case err == nil:
		return " is an address"
	case !ascii(s):
		return " is not a valid internationalized name"
	case strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return " holds a space or control character"
	case why == "":
		why = "it holds more than letters, digits, hyphens and underscores"
	}
	return " is not a domain name: " + why
}

// impossible returns why a name without a dot at its end cannot exist in the
// DNS (RFC 1035 section 2.3.4), or "" if it can.
func impossible(s string) string {
	if len(s) > maxNameOctets {
		return "longer than 253 octets"
	}
	label := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '.' {
			label++
			continue
		}
		if why := badLabel(label); why != "" {
			return why
		}
		label = 0
	}
	return badLabel(label)
}

// badLabel returns why a label of this size cannot exist, or "" if it can.
func badLabel(size int) string {
	if size == 0 {
		return "it has an empty label"
	}
	if size > 63 {
		return "it has a label longer than 63 octets"
	}
	return ""
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
