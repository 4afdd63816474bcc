package dnstest

import (
	"fmt"
	"strings"
)

// TXT returns the line of a zone for a TXT record with any octets, in strings of at most
// 200, which resolvers join. The name has no final dot.
func TXT(name, value string) string {
	var b strings.Builder
	b.WriteString(name + ". TXT")
	for first := true; first || value != ""; first = false {
		n := min(len(value), 200)
		b.WriteString(` "`)
		for _, c := range []byte(value[:n]) {
			switch {
			case c == '"' || c == '\\':
				b.WriteString(`\` + string(rune(c)))
			case c < ' ' || c > '~':
				fmt.Fprintf(&b, `\%03d`, c)
			default:
				b.WriteByte(c)
			}
		}
		b.WriteString(`"`)
		value = value[n:]
	}
	b.WriteString("\n")
	return b.String()
}
