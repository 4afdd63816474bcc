package message

import (
	"net/netip"
	"strings"
)

// clientComment is what the comment of a Received field says about the client.
type clientComment struct {
	ip   netip.Addr
	helo string
	// attributes tells that it is all attributes of Exim's, and no address.
	attributes bool
	// doubtful tells that it holds an address, but not as any format has it.
	doubtful bool
}

// parseClientComment reads "rdns [ip]", "[ip]", "ip", "ident@ip", each with what
// may follow, or "port=n helo=HELO". Other comments ("using TLSv1.3 ...") give
// nothing.
func parseClientComment(text string) clientComment {
	if ip := bareIP(text); ip.IsValid() {
		return clientComment{ip: ip}
	}
	// qmail's: the ident server's answer may hold "@" as well.
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
		// Brackets around something else are no address, but near the place of
		// one they are a reason not to go on.
		return clientComment{doubtful: true}
	}
	before := strings.TrimSpace(text[:open])
	if !clientName(before) || before != "" && text[open-1] != ' ' {
		return clientComment{doubtful: true}
	}
	helo, ok := afterAddress(rest, before == "")
	return clientComment{ip: ip, helo: helo, doubtful: !ok}
}

// clientName reports whether a text is what an MTA puts before the address: the
// client's name in the DNS ("<unknown>" is OpenSMTPD's for none), and of old its
// user ("IDENT:joe@host").
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

// afterAddress reads what follows the address: Exim's port and attributes if
// nothing came before it, a note of the MTA otherwise. Another address there
// makes it a doubtful one.
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

// parseAttributes reads Exim's comment beside an address that is not in it, in
// the order in which Exim writes them. What only begins like that is doubtful:
// the ident server's answer is the client's to choose, and comes last.
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

// heloComment reads "HELO name".
func heloComment(text string) (name string, ok bool) {
	key, name, found := strings.Cut(text, " ")
	if !found || !strings.EqualFold(key, "HELO") && !strings.EqualFold(key, "EHLO") || strings.ContainsAny(name, " ()") {
		return "", false
	}
	return name, true
}

// literal returns the address of "[192.0.2.1]" or "[IPv6:2001:db8::1]", the
// invalid one for anything else.
func literal(s string) netip.Addr {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return netip.Addr{}
	}
	return bareIP(s[1 : len(s)-1])
}

// bareIP reads an address, which may have the prefix "IPv6:" but no zone.
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
