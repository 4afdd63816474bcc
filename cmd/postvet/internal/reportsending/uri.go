package reportsending

import (
	"net/url"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// The bounds of a list of addresses. A record may name thousands.
const (
	maxAddresses = 10
	maxURIs      = 100
	maxLocal     = 64 // RFC 5321 section 4.5.3.1.1
)

// ParseURIs returns the addresses that URIs of a record name, without duplicates, in their
// order and at most ten, and why others are left out. Only mailto is supported (RFC 9989
// section 4.7).
func ParseURIs(uris []string) (addresses, problems []string) {
	for i, uri := range uris {
		if i == maxURIs || len(addresses) == maxAddresses {
			problems = append(problems, "further addresses are left out")
			break
		}
		address, problem := parseURI(uri)
		switch {
		case problem != "":
			problems = append(problems, foreign.Quote(uri, 80)+" "+problem)
		case !slices.ContainsFunc(addresses, func(a string) bool { return strings.EqualFold(a, address) }):
			addresses = append(addresses, address)
		}
	}
	return addresses, problems
}

// parseURI returns the address of a URI, or what is wrong with it.
func parseURI(uri string) (address, problem string) {
	scheme, rest, _ := strings.Cut(uri, ":")
	if !strings.EqualFold(scheme, "mailto") {
		return "", "is no mailto URI"
	}
	rest, _, _ = strings.Cut(rest, "?") // header fields are not ours to write
	rest, err := url.PathUnescape(rest)
	if err != nil {
		return "", "is not a valid URI"
	}
	local, host, ok := strings.Cut(rest, "@")
	if !ok {
		return "", "names no address"
	}
	if !isLocalPart(local) {
		return "", "has a local part that cannot be used"
	}
	domain, ok := message.NormalizeDomain(host)
	top := domain[strings.LastIndexByte(domain, '.')+1:]
	if !ok || top == domain || strings.Trim(top, "0123456789") == "" { // RFC 3696 section 2
		return "", "names no domain"
	}
	return local + "@" + domain, ""
}

// isLocalPart reports whether a text is a local part that needs no quotes (RFC 5321 section
// 4.1.2, Dot-string), and names nothing but a mailbox: for user%host and host!user MTAs send
// to another host (RFC 1123 section 5.2.16), whose consent was not asked for, and others may
// be taken for an option, a file or a command.
func isLocalPart(s string) bool {
	if s == "" || len(s) > maxLocal || isRoute(s) || s[0] == '-' || s[0] == '/' || s[0] == '|' || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) < 0 {
			return false
		}
	}
	return true
}

// isRoute reports whether a local part names another host.
func isRoute(local string) bool {
	host, _, bang := strings.Cut(local, "!")
	return strings.Contains(local, "%") || bang && strings.Contains(host, ".")
}
