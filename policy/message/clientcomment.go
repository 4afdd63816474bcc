package message

import (
	"net/netip"
	"strings"
)

// clientComment is the information about the client in one comment of a
// Received field.
type clientComment struct {
	ip   netip.Addr
	helo string
	// attributes is true if the comment holds only Exim's attributes and no
	// address.
	attributes bool
	// doubtful is true if the comment holds an address in a form that no known
	// MTA writes.
	doubtful bool
}

// parseClientComment parses "rdns [ip]", "[ip]", "ip" and "ident@ip", each with
// optional text after it, and Exim's "port=n helo=HELO". It returns the zero
// value for other comments, such as "using TLSv1.3 ...".
func parseClientComment(text string) clientComment {
	if ip := bareIP(text); ip.IsValid() {
		return clientComment{ip: ip}
	}
	// qmail writes "ident@ip". The ident server's answer may hold "@" as well.
	if at := strings.LastIndexByte(text, '@'); at >= 0 && !strings.ContainsAny(text, " [](=") {
		return clientComment{ip: bareIP(text[at+1:])}
	}
	if a := parseAttributes(text); a.attributes || a.doubtful {
		return a
	}
	open := strings.IndexByte(text, '[')
	if open < 0 {
		return clientComment{}
	}
	name, rest, closed := strings.Cut(text[open:], "]")
	ip := literal(name + "]")
	if !closed || !ip.IsValid() {
		// Brackets without an address in them are no address, but they stand
		// where a known format has it, so the comment cannot be trusted.
		return clientComment{doubtful: true}
	}
	before := strings.TrimSpace(text[:open])
	if !clientName(before) || before != "" && text[open-1] != ' ' {
		return clientComment{doubtful: true}
	}
	helo, ok := afterAddress(rest, before == "")
	return clientComment{ip: ip, helo: helo, doubtful: !ok}
}

// clientName reports whether a text is one that an MTA writes before the
// address: the client's DNS name (OpenSMTPD writes "<unknown>" for none), and
// in old formats its user ("IDENT:joe@host").
func clientName(s string) bool {
	if s == "<unknown>" {
		return true
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && strings.IndexByte("._-:@", c) < 0 {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// afterAddress parses the text after the address: Exim's port and attributes if
// nothing preceded the address, else a remark of the MTA. It returns false if
// that text could hold another address.
func afterAddress(s string, attributes bool) (helo string, ok bool) {
	if port, found := strings.CutPrefix(s, ":"); found {
		port, s, _ = strings.Cut(port, " ")
		if !digits(port) {
			return "", false
		}
	}
	s = strings.TrimSpace(s)
	if attributes && strings.HasPrefix(s, "helo=") {
		helo, s, _ = strings.Cut(s[len("helo="):], " ")
		if helo == "" || strings.ContainsAny(helo, "()") {
			return "", false
		}
	}
	return helo, !strings.ContainsAny(s, "[]")
}

// parseAttributes parses Exim's comment for a client whose address stands
// outside the comment, with the attributes in Exim's order. A comment that only
// begins like that is doubtful: the client chooses the ident server's answer,
// which comes last.
func parseAttributes(text string) clientComment {
	a := clientComment{}
	rest := text
	take := func(key string) string {
		value, found := strings.CutPrefix(rest, key)
		if !found {
			return ""
		}
		value, rest, _ = strings.Cut(value, " ")
		a.attributes = true
		return value
	}
	port := take("port=")
	a.helo = take("helo=")
	take("ident=")
	if a.attributes && (rest != "" || port != "" && !digits(port) || strings.ContainsAny(a.helo, "()")) {
		return clientComment{doubtful: true}
	}
	return a
}

// heloComment parses "HELO name" and "EHLO name".
func heloComment(text string) (name string, ok bool) {
	key, name, found := strings.Cut(text, " ")
	if !found || !strings.EqualFold(key, "HELO") && !strings.EqualFold(key, "EHLO") || strings.ContainsAny(name, " ()") {
		return "", false
	}
	return name, true
}

// literal returns the address of "[192.0.2.1]" or "[IPv6:2001:db8::1]", and the
// zero Addr for anything else.
func literal(s string) netip.Addr {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return netip.Addr{}
	}
	return bareIP(s[1 : len(s)-1])
}

// bareIP parses an address, with or without the prefix "IPv6:". It returns the
// zero Addr for anything else, and for an address with a zone.
func bareIP(s string) netip.Addr {
	const prefix = "IPv6:"
	tagged := len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
	if tagged {
		s = s[len(prefix):]
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" || tagged && !ip.Is6() {
		return netip.Addr{}
	}
	return ip.Unmap()
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
