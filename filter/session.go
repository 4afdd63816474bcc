package filter

import (
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
)

// session is one connection of an MTA: the SMTP session that it shows now, and the
// message under way. Its methods are called from one goroutine.
type session struct {
	srv  *Server
	conn *milter.Conn

	client  message.Client
	helo    string
	greeted bool // a HELO came

	policy  checkerConn // nil if the next message has to introduce the client
	handler *handler    // that policy belongs to
	told    bool        // policy knows of helo

	mail *mail // nil between messages
	// decision is about the message whose verdict is being sent.
	decision *Decision
}

var _ milter.Session = (*session)(nil)

// AnswersRcpt reports whether the rules may refuse before the message is sent.
func (s *session) AnswersRcpt() bool { return s.srv.handler.Load().early != nil }

// Connect begins an SMTP session.
func (s *session) Connect(c milter.Client) {
	s.client = message.Client{
		IP: c.Addr, Name: c.Name, Port: c.Port, Local: c.Local, Listener: c.Daemon, Socket: s.conn.Listener(),
	}
	s.introduce()
}

// Helo notes the client's name. A client may repeat itself as often as it likes;
// policy is told of changes only.
func (s *session) Helo(name string) {
	s.told = s.told && s.helo == name
	s.helo, s.greeted = name, true
	s.introduce()
}

// introduce tells the current handler's policy of this client, unless it knows,
// and of the client's name if that is new.
func (s *session) introduce() {
	h := s.srv.handler.Load()
	if s.policy == nil || s.handler != h {
		s.closePolicy()
		s.handler, s.told = h, false
		s.guard("connect", func() { s.policy = h.checker.Connect(s.conn.Context(), s.client) })
	}
	if s.policy != nil && s.greeted && !s.told {
		s.told = true
		s.guard("helo", func() { s.policy.Helo(s.helo) })
	}
}

func (s *session) closePolicy() {
	if s.policy != nil {
		s.guard("close", s.policy.Close)
		s.policy = nil
	}
}

// MailFrom begins a message.
func (s *session) MailFrom(from milter.Sender) {
	s.mail = &mail{from: from.Path, began: time.Now()}
	s.introduce()
	s.mail.handler = s.handler
	if s.policy == nil {
		return
	}
	s.guard("mail", func() {
		s.mail.policy = s.policy.Message(message.Sender{Path: from.Path, User: from.User, TLS: from.TLS})
	})
}

// RcptTo notes a recipient. A message that the rules refuse before it is sent is
// refused here, for each recipient, and not at MAIL: the lookups have had time,
// and the MTA's log names whom the message was for.
func (s *session) RcptTo(to milter.Recipient) milter.Reply {
	m := s.mail
	m.rcpts++
	if len(m.to) < s.srv.opt.MaxRecipients {
		m.to = append(m.to, to)
	}
	if m.working() {
		s.guard("rcpt", func() { m.policy.Recipient(to.Path) })
	}
	if !s.conn.AwaitsReply() {
		return milter.Reply{} // rules that came later refuse at the end
	}
	return s.refuseEarly(m)
}

// HeaderRoom returns how many octets of the next field policy has room for.
func (s *session) HeaderRoom() (n int) {
	if m := s.mail; m.working() {
		s.guard("header", func() { n = m.policy.HeaderRoom() })
	}
	return n
}

// Header hands a field to policy, also one that it has no room for.
func (s *session) Header(f milter.Field) {
	m := s.mail
	if !m.working() {
		return
	}
	field := message.NewField(f.Name, f.Value)
	if !f.Fits && policy.OurName(field) == "" {
		s.srv.count.dropped.Add(1)
	}
	s.guard("header", func() {
		if f.Truncated {
			m.policy.TruncatedField(field)
		} else {
			m.policy.Field(field)
		}
	})
}

// EndOfHeader tells policy that the header is complete.
func (s *session) EndOfHeader() {
	if m := s.mail; m.working() {
		s.guard("end of header", m.policy.EndOfHeader)
	}
}

// Body hands a piece of the body to policy. Nothing of it is kept.
func (s *session) Body(p []byte) {
	if m := s.mail; m.working() {
		s.guard("body", func() { _, _ = m.policy.Write(p) })
	}
}

// Abort ends a message that will get no verdict.
func (s *session) Abort() {
	m := s.mail
	s.mail = nil
	if m.refusal.Text == "" { // else that was its verdict
		s.srv.count.aborted.Add(1)
		if entry := s.srv.log.Check(zap.DebugLevel, "message given up by the MTA before its end"); entry != nil {
			entry.Write(text("queue", s.conn.QueueID()), zap.String("client", clientIP(s.client)), text("from", m.from))
		}
	}
	if m.policy != nil {
		s.guard("close", m.policy.Close)
	}
}

// Close ends the SMTP session.
func (s *session) Close() {
	s.closePolicy()
	s.client, s.helo, s.greeted = message.Client{}, "", false
}
