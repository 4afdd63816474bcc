package dnscache

import "strings"

// presentation returns a name of raw octets and dots in the form in which miekg/dns returns
// names off the wire, so that equal names are equal strings. It has a final dot, a backslash
// before characters that are special in zone files, and \DDD for octets that are not
// printable.
func presentation(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || special(byte(r)) }) {
		return name + "."
	}
	b := make([]byte, 0, len(name)+16)
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.' || c >= ' ' && c <= '~' && !special(c):
		case c < ' ' || c > '~':
			b = append(b, '\\', '0'+c/100, '0'+c/10%10)
			c = '0' + c%10
		default:
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(append(b, '.'))
}

func special(c byte) bool { return strings.IndexByte(` '@;()"\`, c) >= 0 }

// LowerASCII returns s with ASCII letters in lower case and all other octets
// unchanged, as the DNS compares names (RFC 4343).
func LowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// answerName returns a name off the wire in the form of Answer.
func answerName(name string) string { return strings.TrimSuffix(LowerASCII(name), ".") }

// subdomain reports whether name is parent or below it (RFC 1034 section 3.1). Both are in
// the form of presentation and in lower case.
func subdomain(name, parent string) bool {
	if parent == "." {
		return true
	}
	if !strings.HasSuffix(name, parent) {
		return false
	}
	at := len(name) - len(parent)
	if at == 0 {
		return true
	}
	// The dot before parent separates labels only if it is not escaped.
	escapes := 0
	for i := at - 2; i >= 0 && name[i] == '\\'; i-- {
		escapes++
	}
	return name[at-1] == '.' && escapes%2 == 0
}

// wireLength returns the octets that a name takes on the wire. The name is in the form of
// presentation.
func wireLength(name string) int {
	n := 1
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' {
			i++
			if i < len(name) && '0' <= name[i] && name[i] <= '9' {
				i += 2
			}
		}
		n++
	}
	return n
}

// unescape returns the octets of a character-string that miekg/dns presents
// with \DDD and \X (RFC 1035 section 5.1).
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			c = s[i]
			if i+2 < len(s) && digit(s[i]) && digit(s[i+1]) && digit(s[i+2]) {
				c = (s[i]-'0')*100 + (s[i+1]-'0')*10 + s[i+2] - '0'
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
