package message

import "strings"

// SplitPath splits a reverse-path (RFC 5321 section 4.1.2), with or without its
// angle brackets, at the last "@" outside quotes. SMTP paths have no comments.
// A source route ("@a,@b:user@c", RFC 5321 appendix C) is ignored. The local
// part keeps its quotes and the domain its case; [NormalizeDomain] checks the
// domain. A path without a domain is all local part, and the null path gives
// "", "".
func SplitPath(path string) (local, domain string) {
	if strings.HasPrefix(path, "<") && strings.HasSuffix(path, ">") {
		path = path[1 : len(path)-1]
	}
	if strings.HasPrefix(path, "@") {
		if i := routeEnd(path); i >= 0 {
			path = path[i+1:]
		}
	}
	at, quoted := -1, false
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++ // a quoted-pair; malformed outside quotes, but read the same way
		case '"':
			quoted = !quoted
		case '@':
			if !quoted {
				at = i
			}
		}
	}
	if at < 0 {
		return path, ""
	}
	return path[:at], path[at+1:]
}

// routeEnd returns the index of the colon that ends a source route, or -1.
// Colons in an address literal do not end it.
func routeEnd(path string) int {
	literal := false
	for i := range len(path) {
		switch path[i] {
		case '[':
			literal = true
		case ']':
			literal = false
		case '"':
			return -1
		case ':':
			if !literal {
				return i
			}
		}
	}
	return -1
}
