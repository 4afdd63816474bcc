package message

import (
	"slices"
	"strings"
)

// withLogin are the protocols after "with" of clients that have logged in: those of
// RFC 3848 and RFC 6531 section 3.7.3, and what Exim before 4.60 wrote.
var withLogin = []string{
	"ESMTPA", "ESMTPSA", "LMTPA", "LMTPSA", "UTF8SMTPA", "UTF8SMTPSA", "UTF8LMTPA", "UTF8LMTPSA", "ASMTP",
}

// login reports whether the client had logged in, and the name of its user. Postfix
// writes "(Authenticated sender: USER)" behind the client's address, and Sendmail
// "(authenticated bits=0)".
func (c fromClause) login() (authenticated bool, user string) {
	for i, text := range c.comments {
		if i == 0 {
			continue // the client's name and address
		}
		if name, ok := strings.CutPrefix(text, "Authenticated sender: "); ok {
			return true, name
		}
		if text == "authenticated" || strings.HasPrefix(text, "authenticated ") {
			authenticated = true
		}
	}
	return authenticated || slices.Contains(withLogin, c.protocol), ""
}

// ReceivedProtocol returns the protocol that a Received field names, such as ESMTPSA,
// in upper case; "" if it names none where MTAs write it.
func ReceivedProtocol(f Field) string {
	c, _ := readFromClause(f.Value())
	return c.protocol
}

// protocolAfter returns the word after "with" in upper case; "" if there is none. s
// stands behind "by". Only the host's name and comments may come in between: later
// words may be the client's, such as a recipient.
func protocolAfter(s receivedScanner) string {
	if _, comment, ok := s.next(); !ok || comment {
		return ""
	}
	for {
		word, comment, ok := s.next()
		switch {
		case !ok:
			return ""
		case comment:
			continue
		case !strings.EqualFold(word, "with"):
			return ""
		}
		s.skip()
		rest := s.s[s.i:]
		if end := strings.IndexAny(rest, " \t\r\n;()"); end >= 0 {
			rest = rest[:end]
		}
		return strings.ToUpper(rest[:min(len(rest), maxReceivedWord)])
	}
}
