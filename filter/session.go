package filter

import (
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// session is one connection of an MTA, with its present SMTP session and message. Its
// methods are called from one goroutine.
type session struct {
	srv  *Server
	conn *milter.Conn

	client  message.Client
	helo    string
	greeted bool // HELO was received

	policy     checkerConn // nil if the next message must open it
	handler    *handler    // the handler of policy
	heloPassed bool        // helo was passed to policy
	trace      bool        // policy was to keep a trace
	traced     bool        // and does, as there are not too many

	mail *mail // nil between messages
	// decision is that of the message whose verdict is being sent.
	decision *Decision
}

var _ milter.Session = (*session)(nil)

// AnswersRcpt reports whether the rules may refuse before the message is sent.
func (s *session) AnswersRcpt() bool { return s.srv.handler.Load().early != nil }

// Connect begins an SMTP session.
func (s *session) Connect(c milter.Client) {
	s.client = message.Client{
		IP: c.Addr, Name: c.Name, Port: c.Port, Local: c.Local, Listener: c.Daemon, Socket: s.conn.Listener(), MTA: c.MTA,
	}
	s.openPolicy()
}

// Helo records the client's name. A client may repeat it often, so only changes are
// passed to policy.
func (s *session) Helo(name string) {
	s.heloPassed = s.heloPassed && s.helo == name
	s.helo, s.greeted = name, true
	s.openPolicy()
}

// openPolicy opens a policy connection of the current handler for the client, unless
// there is one, and passes the client's name to it if that is new.
func (s *session) openPolicy() {
	h := s.srv.handler.Load()
	trace := h.traced != nil && s.srv.opt.Trace(s.client)
	if s.policy == nil || s.handler != h || s.trace != trace {
		s.closePolicy()
		s.handler, s.heloPassed, s.trace = h, false, trace
		checker := h.checker
		if trace && s.beginTrace() {
			checker = h.traced
		}
		s.guard("connect", func() { s.policy = checker.Connect(s.conn.Context(), s.client) })
	}
	if s.policy != nil && s.greeted && !s.heloPassed {
		s.heloPassed = true
		s.guard("helo", func() { s.policy.Helo(s.helo) })
	}
}

// beginTrace reports whether one more connection may be traced, and counts it until
// closePolicy.
func (s *session) beginTrace() bool {
	if n := s.srv.traced.Add(1); n > int64(s.srv.opt.MaxTraced) {
		s.srv.traced.Add(-1)
		return false
	}
	s.traced = true
	return true
}

// closePolicy closes the policy connection, if there is one.
func (s *session) closePolicy() {
	if s.traced {
		s.traced = false
		s.srv.traced.Add(-1)
	}
	if s.policy != nil {
		s.guard("close", s.policy.Close)
		s.policy = nil
	}
}

// MailFrom begins a message.
func (s *session) MailFrom(from milter.Sender) {
	s.mail = &mail{from: from.Path, began: time.Now()}
	s.openPolicy()
	s.mail.handler, s.mail.generation, s.mail.traced = s.handler, s.handler.generation, s.traced
	if s.policy == nil {
		return
	}
	s.guard("mail", func() {
		s.mail.policy = s.policy.Message(message.Sender{Path: from.Path, User: from.User, TLS: from.TLS})
	})
}

// RcptTo records a recipient. A message that the rules refuse before it is sent is
// refused here for each recipient. At MAIL the lookups would still be under way, and
// the MTA's log would not name the recipients.
func (s *session) RcptTo(to milter.Recipient) milter.Reply {
	m := s.mail
	m.rcpts++
	if len(m.to) < s.srv.opt.MaxRecipients {
		m.to = append(m.to, to)
	}
	s.beginCopy(m, to)
	if m.working() {
		s.guard("rcpt", func() { m.policy.Recipient(to.Path) })
	}
	if !s.conn.AwaitsReply() {
		return milter.Reply{} // after a reload, new rules refuse at the end
	}
	return s.refuseEarly(m)
}

// HeaderRoom returns how many octets of the next field policy accepts.
func (s *session) HeaderRoom() (n int) {
	if m := s.mail; m.working() {
		s.guard("header", func() { n = m.policy.HeaderRoom() })
	}
	return n
}

// Header passes a field to policy, also one that is too large.
func (s *session) Header(f milter.Field) {
	m := s.mail
	if m.id == "" && len(f.Name) == len("Message-ID") && strings.EqualFold(f.Name, "Message-ID") {
		m.id = foreign.Cut(strings.TrimSpace(f.Value), maxLogged)
	}
	s.copyField(m, f)
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

// EndOfHeader passes the end of the header to policy.
func (s *session) EndOfHeader() {
	s.copyBody(s.mail, endOfHeader)
	if m := s.mail; m.working() {
		s.guard("end of header", m.policy.EndOfHeader)
	}
}

// Body passes a part of the body to policy. Nothing of it is kept, but by a copy.
func (s *session) Body(p []byte) {
	s.copyBody(s.mail, p)
	if m := s.mail; m.working() {
		s.guard("body", func() { _, _ = m.policy.Write(p) })
	}
}

// Abort ends a message that will get no verdict.
func (s *session) Abort() {
	m := s.mail
	s.mail = nil
	s.dropCopy(m)
	if m.refusal.Text == "" { // otherwise the refusal was its verdict
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
	s.dropCopies()
	s.closePolicy()
	s.client, s.helo, s.greeted = message.Client{}, "", false
}
