package message

import (
	"cmp"
	"net/netip"
	"strings"
)

// Bounds on one Received field, in octets. SMTP allows no names over 255 octets
// (RFC 5321 section 4.5.3.1.2).
const (
	maxReceived      = 4096
	maxReceivedWord  = 255
	maxReceivedDepth = 4
)

// Received is what a Received field says about the client of the host that
// added it (RFC 5321 section 4.4).
type Received struct {
	// IP is the client's address; it is invalid if the field does not name it.
	IP netip.Addr
	// Helo is the client's argument of HELO or EHLO. Formats that omit it do so
	// because it equals the client's name; Helo is that name then.
	Helo string
	// Local is true if the message was submitted on that host itself.
	Local bool
	// Relayed is true if the host added two fields, of which this is the upper
	// one; the next field names the client.
	Relayed bool
	// Authenticated is true if the host says that the client had logged in, and
	// User is its name; "" if the host does not name it.
	Authenticated bool
	User          string
	// Problem explains why the field has none of these; "" if it has one.
	Problem string
}

// ParseReceived parses the "from" clause of a Received field in the formats of
// Postfix, Sendmail, Exim, Exchange and Office 365, Gmail, qmail, IronPort and
// CommuniGate:
//
//	from HELO (rdns [ip])   from HELO ([ip])   from HELO (rdns [ip] (may be forged))
//	from rdns ([ip] helo=HELO)   from [ip] (port=n helo=HELO)
//	from HELO (ip)   from rdns (HELO HELO) (ident@ip)   from [ip] (HELO HELO)
//
// An IPv6 address may have the prefix "IPv6:". The caller decides whether to
// believe the field: a sender may write any field below those of trusted hosts.
//
// The client chooses its HELO, its DNS names, the answer of its ident server
// and its certificate, so the parser is strict. The address must stand where
// the format has it, and nothing else in the clause may look like an address.
// Quotes, control characters, bytes beyond ASCII and unmatched comments are a
// Problem.
func ParseReceived(f Field) Received {
	c, problem := readFromClause(f.Value())
	switch {
	case c.qmailQueue():
		return c.invoked()
	case problem != "":
		return Received{Problem: problem}
	case c.local:
		return Received{Local: true}
	case c.source == "":
		return Received{Problem: "a Received field that does not name its client"}
	}
	return c.client()
}

// fromClause is a Received field up to "by".
type fromClause struct {
	from     bool     // the field begins with "from"
	source   string   // the word after "from"
	comments []string // without their parentheses
	more     bool     // the clause has further words
	local    bool     // the text after "by" names local submission
	protocol string   // the word after "with", in upper case
}

// readFromClause splits the clause into words and comments without interpreting
// them.
func readFromClause(value string) (c fromClause, problem string) {
	s := receivedScanner{s: value[:min(len(value), maxReceived)]}
	for first := true; ; first = false {
		word, comment, ok := s.next()
		switch {
		case !ok:
			return c, s.problem
		case comment:
			c.comments = append(c.comments, word)
		case first && strings.EqualFold(word, "from"):
			c.from = true
			// The next word is the source, even if it is "by".
			if s.skip(); s.i < len(s.s) && s.s[s.i] != '(' {
				if c.source, _, ok = s.next(); !ok {
					return c, s.problem
				}
			}
		case strings.EqualFold(word, "by"):
			// A HELO may hold a whole forged clause with its own "by". The true
			// "by" then comes second.
			for _, later := range strings.Fields(s.s[s.i:]) {
				if strings.EqualFold(later, "by") {
					return c, "a Received field with \"by\" twice"
				}
			}
			c.protocol = protocolAfter(s)
			c.local = c.locallySubmitted(&s)
			return c, ""
		default:
			c.more = true
		}
	}
}

// locallySubmitted reads the words after "by" and reports whether the message
// was submitted on the host itself. The formats are Postfix's "by HOST
// (Postfix, from userid N)" and, for its own notices, "by HOST (Postfix) id";
// Sendmail's "(from USER@localhost) by HOST (VERSION/Submit)" and "from
// localhost (localhost) by"; and Exim's "from USER by HOST with local". Only
// the words next to the host's name count: the client may have chosen later
// ones, such as a recipient.
func (c fromClause) locallySubmitted(s *receivedScanner) bool {
	if _, comment, ok := s.next(); !ok || comment {
		return false
	}
	if c.source == "localhost" && len(c.comments) == 1 && c.comments[0] == "localhost" {
		return !c.more
	}
	word, comment, ok := s.next()
	switch {
	case !ok || c.more:
		return false
	case comment && strings.HasPrefix(word, "Postfix, from userid "):
		return !c.from && len(c.comments) == 0
	case comment && word == "Postfix" && !c.from && len(c.comments) == 0:
		next, comment, ok := s.next()
		return ok && !comment && next == "id" // "with" means that it came by network
	case comment && strings.HasSuffix(word, "/Submit"):
		return !c.from && len(c.comments) == 1 && strings.HasPrefix(c.comments[0], "from ")
	case !comment && word == "with" && len(c.comments) == 0:
		how, comment, ok := s.next()
		return ok && !comment && how == "local"
	}
	return false
}

// qmailQueue reports whether qmail-queue wrote the field. Such a field has no
// "by": "(qmail 123 invoked from network)".
func (c fromClause) qmailQueue() bool {
	return !c.from && c.source == "" && !c.more && len(c.comments) == 1 && strings.HasPrefix(c.comments[0], "qmail ")
}

// invoked interprets the comment of a field from qmail-queue.
func (c fromClause) invoked() Received {
	_, how, _ := strings.Cut(c.comments[0], " invoked ")
	switch {
	case how == "from network":
		return Received{Relayed: true} // the next field is qmail-smtpd's
	case how == "for bounce" || strings.HasPrefix(how, "by "):
		return Received{Local: true}
	}
	return Received{Problem: "a Received field that does not name its client"}
}

// client returns the client by the one comment that holds its address.
func (c fromClause) client() Received {
	var r Received
	found, helo, attributes := 0, "", false
	for i, text := range c.comments {
		if name, ok := heloComment(text); ok {
			// The HELO comment stands next to the source. A later one may be
			// forged.
			if i > 0 {
				return Received{Problem: "a HELO out of place in the Received field"}
			}
			helo = name
			continue
		}
		a := parseClientComment(text)
		switch {
		case a.doubtful || a.attributes && i > 0:
			return Received{Problem: "an unknown format of the client's address in the Received field"}
		case a.attributes:
			attributes, helo = true, a.helo
		case a.ip.IsValid():
			found++
			r.IP = a.ip
			helo = cmp.Or(helo, a.helo)
		}
	}
	switch {
	case found > 1 || found == 1 && attributes:
		return Received{Problem: "two addresses in the Received field"}
	case c.more:
		return Received{Problem: "words of an unknown format in the Received field"}
	case found == 1:
		r.Helo = cmp.Or(helo, c.source)
		r.Authenticated, r.User = c.login()
		return r
	}
	// Exim and CommuniGate put the address first and the rest in a comment. A
	// literal without a comment may as well be the HELO that an MTA wrote
	// without the address.
	if ip := literal(c.source); ip.IsValid() && (attributes || helo != "") {
		r.IP, r.Helo = ip, cmp.Or(helo, c.source)
		r.Authenticated, r.User = c.login()
		return r
	}
	return Received{Problem: "no address of a client in the Received field"}
}

const noBy = "a Received field without \"by\""

// receivedScanner splits a Received field into words and comments.
type receivedScanner struct {
	s       string
	i       int
	problem string
}

// skip reads past white space.
func (s *receivedScanner) skip() {
	for s.i < len(s.s) && strings.IndexByte(" \t\r\n", s.s[s.i]) >= 0 {
		s.i++
	}
}

// fail records the problem and returns no word.
func (s *receivedScanner) fail(why string) (string, bool, bool) {
	s.problem = why
	return "", false, false
}

// next returns the next word, or the next comment without its parentheses.
func (s *receivedScanner) next() (text string, comment, ok bool) {
	s.skip()
	if s.i >= len(s.s) {
		return s.fail(noBy)
	}
	start, depth := s.i, 0
	for ; s.i < len(s.s); s.i++ {
		switch c := s.s[s.i]; {
		case c == '\\' || c == '"' && depth == 0 || c >= 0x7f || c < ' ' && c != '\t' && c != '\r' && c != '\n':
			return s.fail("characters in the Received field that no host or address has")
		case c == '(':
			if depth == 0 && s.i > start {
				return s.fail("parentheses inside a word of the Received field")
			}
			if depth++; depth > maxReceivedDepth {
				return s.fail("comments nested too deeply in the Received field")
			}
		case c == ')':
			if depth--; depth < 0 {
				return s.fail("parentheses in the Received field that do not match")
			}
			if depth == 0 {
				s.i++
				return unfold(s.s[start+1 : s.i-1]), true, true
			}
		case depth == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			return s.word(start)
		case depth == 0 && c == ';':
			return s.fail(noBy)
		}
	}
	if depth > 0 {
		return s.fail("parentheses in the Received field that do not match")
	}
	return s.word(start)
}

// word returns the word from start to the current octet.
func (s *receivedScanner) word(start int) (string, bool, bool) {
	if s.i-start > maxReceivedWord {
		return s.fail("a name in the Received field that is too long")
	}
	return s.s[start:s.i], false, true
}

// unfold replaces each run of white space by one blank.
func unfold(s string) string { return strings.Join(strings.Fields(s), " ") }
