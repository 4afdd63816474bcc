package message

import "strings"

// ReceivedBy returns the host that says in a Received field that it added it, in lower-case
// A-labels (RFC 5321 section 4.4, the "by" clause); "" if the field does not name one. The
// host chose the name.
func ReceivedBy(f Field) string {
	value := f.Value()
	s := receivedScanner{s: value[:min(len(value), maxReceived)]}
	for {
		word, comment, ok := s.next()
		switch {
		case !ok:
			return ""
		case comment || !strings.EqualFold(word, "by"):
			continue
		}
		s.skip()
		host := s.s[s.i:]
		if end := strings.IndexAny(host, " \t\r\n;("); end >= 0 {
			host = host[:end]
		}
		name, _ := NormalizeDomain(host)
		return name
	}
}
