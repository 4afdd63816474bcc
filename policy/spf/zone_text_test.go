package spf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/dnscache"
)

// text returns the zone as master-file text for a real server.
func (z *zone) text() string {
	var b strings.Builder
	types := []dnscache.Type{dnscache.TXT, dnscache.A, dnscache.AAAA, dnscache.MX, dnscache.PTR}
	for name, n := range z.names {
		owner := masterName(name)
		if n.isCNAME {
			fmt.Fprintf(&b, "%s CNAME %s\n", owner, masterName(n.cname))
		}
		for _, t := range types {
			a := n.answers[t]
			outcome := n.fault
			if a != nil {
				outcome = a.Outcome
			}
			switch outcome {
			case dnscache.ServFail:
				fmt.Fprintf(&b, "$FAULT %s %s SERVFAIL\n", owner, t)
			case dnscache.Timeout:
				fmt.Fprintf(&b, "$FAULT %s %s TIMEOUT\n", owner, t)
			}
			if a == nil {
				continue
			}
			for _, s := range a.TXT {
				fmt.Fprintf(&b, "%s TXT", owner)
				for chunk := range slices.Chunk([]byte(s), 255) {
					fmt.Fprintf(&b, " %s", masterText(chunk))
				}
				if s == "" {
					b.WriteString(` ""`)
				}
				b.WriteByte('\n')
			}
			for _, ip := range a.Addrs {
				fmt.Fprintf(&b, "%s %s %s\n", owner, t, ip)
			}
			for _, x := range a.MX {
				fmt.Fprintf(&b, "%s MX %d %s\n", owner, x.Preference, masterName(x.Host))
			}
			for _, p := range a.Names {
				fmt.Fprintf(&b, "%s PTR %s\n", owner, masterName(p))
			}
		}
	}
	return b.String()
}

// masterName returns a name of raw octets in master-file form (RFC 1035 section
// 5.1).
func masterName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		case strings.IndexByte(`"'@;()\$`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return strings.TrimSuffix(b.String(), ".") + "."
}

func masterText(s []byte) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
