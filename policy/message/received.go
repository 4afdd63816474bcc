package message

import (
	"cmp"
	"net/netip"
	"strings"
)

// Bounds on what is read of one Received field, in octets. Names beyond 255
// octets are nothing that SMTP lets pass (RFC 5321 section 4.5.3.1.2).
const (
	maxReceived      = 4096
	maxReceivedWord  = 255
	maxReceivedDepth = 4
)

// Received is what a Received field says about the client of the host that wrote
// it (RFC 5321 section 4.4).
type Received struct {
	// IP is the client's address; invalid if the field does not name it.
	IP netip.Addr
	// Helo is the name that the client gave in HELO or EHLO. Where a format
	// leaves it out because it equals the client's name, that name stands here.
	Helo string
	// Local tells that the message was made or handed in on that host itself.
	Local bool
	// Relayed tells that the field is one of two that the host wrote, and the
	// one below names the client.
	Relayed bool
	// Problem says why neither is known, "" if something is.
	Problem string
}

// ParseReceived reads the "from" clause of a Received field as Postfix,
// Sendmail, Exim, Exchange and Office 365, Gmail, qmail, IronPort and CommuniGate
// write it:
//
//	from HELO (rdns [ip])   from HELO ([ip])   from HELO (rdns [ip] (may be forged))
//	from rdns ([ip] helo=HELO)   from [ip] (port=n helo=HELO)
//	from HELO (ip)   from rdns (HELO HELO) (ident@ip)   from [ip] (HELO HELO)
//
// An IPv6 address may have the prefix "IPv6:". Whether the field can be believed
// is the caller's to know: a sender may write any below those of trusted hosts.
//
// HELO, the client's names, the answer of its ident server and its certificate
// are the client's own words, so the reading is strict. The address must be
// where the format has it, and there must be no other that could be taken for
// it; what else looks strange (quotes, controls, bytes beyond ASCII, comments
// that do not match) makes the whole clause a Problem.
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

// fromClause is the beginning of a Received field, up to "by".
type fromClause struct {
	from     bool     // it begins with "from"
	source   string   // the word after that
	comments []string // without their parentheses, in order
	more     bool     // there are further words before "by"
	local    bool     // after "by" it says that no network was involved
}

// readFromClause takes the clause apart without looking at what the words mean.
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
			// The next word is the source whatever it is, even "by".
			if s.skip(); s.i < len(s.s) && s.s[s.i] != '(' {
				if c.source, _, ok = s.next(); !ok {
					return c, s.problem
				}
			}
		case strings.EqualFold(word, "by"):
			// A HELO with all that it takes to end the clause leaves the true "by".
			for _, later := range strings.Fields(s.s[s.i:]) {
				if strings.EqualFold(later, "by") {
					return c, "a Received field with \"by\" twice"
				}
			}
			c.local = c.handedIn(&s)
			return c, ""
		default:
			c.more = true
		}
	}
}

// handedIn reads on after "by" and reports whether the message was made or handed
// in on the host itself: Postfix's "by HOST (Postfix, from userid N)" and, for
// its own notices, "by HOST (Postfix) id"; Sendmail's "(from USER@localhost) by
// HOST (VERSION/Submit)" and "from localhost (localhost) by"; Exim's "from USER
// by HOST with local". Only the words next to the host's name count: what comes
// later may be the client's, such as a recipient.
func (c fromClause) handedIn(s *receivedScanner) bool {
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
		return ok && !comment && next == "id" // "with" is a network's
	case comment && strings.HasSuffix(word, "/Submit"):
		return !c.from && len(c.comments) == 1 && strings.HasPrefix(c.comments[0], "from ")
	case !comment && word == "with" && len(c.comments) == 0:
		how, comment, ok := s.next()
		return ok && !comment && how == "local"
	}
	return false
}

// qmailQueue reports whether it is the field that qmail-queue writes, which
// has no "by": "(qmail 123 invoked from network)".
func (c fromClause) qmailQueue() bool {
	return !c.from && c.source == "" && !c.more && len(c.comments) == 1 && strings.HasPrefix(c.comments[0], "qmail ")
}

func (c fromClause) invoked() Received {
	_, how, _ := strings.Cut(c.comments[0], " invoked ")
	switch {
	case how == "from network":
		return Received{Relayed: true} // and qmail-smtpd's field is the next one
	case how == "for bounce" || strings.HasPrefix(how, "by "):
		return Received{Local: true}
	}
	return Received{Problem: "a Received field that does not name its client"}
}

// client finds the one comment that holds the address.
func (c fromClause) client() Received {
	var r Received
	found, helo, attributes := 0, "", false
	for i, text := range c.comments {
		if name, ok := heloComment(text); ok {
			// It stands next to the source; a later one is somebody's invention.
			if i > 0 {
				return Received{Problem: "a HELO out of place in the Received field"}
			}
			helo = name
			continue
		}
		a := parseClientComment(text)
		switch {
		case a.doubtful || a.attributes && i > 0:
			return Received{Problem: "something that no known format has where the Received field should have its client's address"}
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
		return Received{Problem: "words that no known format has in the Received field"}
	case found == 1:
		r.Helo = cmp.Or(helo, c.source)
		return r
	}
	// Exim and CommuniGate put the address first and the rest in a comment. A
	// literal alone may as well be a HELO, by an MTA that shows no address.
	if ip := literal(c.source); ip.IsValid() && (attributes || helo != "") {
		return Received{IP: ip, Helo: cmp.Or(helo, c.source)}
	}
	return Received{Problem: "no address of a client in the Received field"}
}

const noBy = "a Received field without \"by\""

// receivedScanner reads words and comments.
type receivedScanner struct {
	s       string
	i       int
	problem string
}

func (s *receivedScanner) skip() {
	for s.i < len(s.s) && strings.IndexByte(" \t\r\n", s.s[s.i]) >= 0 {
		s.i++
	}
}

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

func (s *receivedScanner) word(start int) (string, bool, bool) {
	if s.i-start > maxReceivedWord {
		return s.fail("a name in the Received field that is too long")
	}
	return s.s[start:s.i], false, true
}

// unfold makes one blank of each run of white space.
func unfold(s string) string { return strings.Join(strings.Fields(s), " ") }
