package authority

import (
	"strings"

	"github.com/miekg/dns"
)

// maxString is the length of one string of a TXT record (RFC 1035 section 3.3).
const maxString = 255

// unescaped returns the joined strings of a record as they are. The library keeps them
// in the presentation form of RFC 1035 section 5.1, with backslashes.
func unescaped(rr *dns.TXT) string {
	var b strings.Builder
	for _, s := range rr.Txt {
		for i := 0; i < len(s); i++ {
			if s[i] != '\\' || i+1 == len(s) {
				b.WriteByte(s[i])
				continue
			}
			if d := s[i+1:]; len(d) >= 3 && digits(d[:3]) {
				b.WriteByte(byte(100*int(d[0]-'0') + 10*int(d[1]-'0') + int(d[2]-'0')))
				i += 3
				continue
			}
			i++
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func digits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// split returns a text as the strings of a TXT record, in presentation form.
func split(text string) []string {
	var list []string
	for text != "" {
		n := min(len(text), maxString)
		list = append(list, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text[:n]))
		text = text[n:]
	}
	return list
}
