package filter

import (
	"context"
	"net"
	"net/netip"
	"net/textproto"
	"time"

	"github.com/postvet/postvet/policy/result"

	"github.com/emersion/go-milter"
	"go.uber.org/zap"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
)

// judge is a Handler as the session uses it.
type judge struct {
	checker checker
	decide  func(*result.Results) result.Verdict
	shadow  func(*result.Results) result.Verdict // nil for none
	// unheld and shadowUnheld are the same for an MTA that cannot quarantine.
	unheld, shadowUnheld func(*result.Results) result.Verdict
	// early decides before the message is sent; nil if the rules never do.
	early func(*result.Results) (result.Verdict, bool)
}

// checker, conversation and transaction are what the session needs of package
// policy.
type checker interface {
	Connect(ctx context.Context, c message.Client) conversation
}

type conversation interface {
	Helo(name string)
	Message(s message.Sender) transaction
	Close()
}

type transaction interface {
	Recipient(addr string)
	Early(ctx context.Context) *result.Results
	HeaderRoom() int
	Field(f message.Field)
	TruncatedField(f message.Field)
	EndOfHeader()
	Write(p []byte) (int, error)
	Finish(ctx context.Context) *result.Results
	Close()
}

type policyChecker struct{ c *policy.Checker }

func (p policyChecker) Connect(ctx context.Context, c message.Client) conversation {
	return policyConn{p.c.Connect(ctx, c)}
}

type policyConn struct{ *policy.Conn }

func (p policyConn) Message(s message.Sender) transaction { return p.Conn.Message(s) }

// session is one milter connection: the SMTP sessions that an MTA shows on it,
// one after the other, and their messages. It is go-milter's backend; its
// methods are called from one goroutine.
type session struct {
	ctx    context.Context // ends with the connection
	srv    *Server
	wire   *wire
	macros macros
	socket string // of ours, that the MTA connected to

	client  message.Client
	helo    string
	greeted bool         // a HELO came
	told    bool         // conv knows of helo
	judge   *judge       // whom conv belongs to
	conv    conversation // nil if the next message has to introduce the client
	mail    *mail        // nil between messages
	// decision is the verdict that is being sent.
	decision *Decision
}

var _ milter.Milter = (*session)(nil)

func newSession(ctx context.Context, srv *Server, w *wire) *session {
	return &session{ctx: ctx, srv: srv, wire: w}
}

// guard calls f, and turns a panic into the failure of the message: it is
// logged and counted, and its verdict will be a temporary failure.
func (s *session) guard(during string, f func()) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		s.srv.count.panics.Add(1)
		s.srv.log.Error("panic",
			text("queue", s.macros.queueID), zap.String("client", clientIP(s.client)),
			zap.String("during", during), zapPanic(v), zap.Stack("stack"))
		if s.mail != nil {
			s.mail.fault = "internal error during " + during
		}
		// What panicked once is not asked again: the next message starts over.
		s.broken()
	}()
	f()
}

// broken gives up the conversation after a panic in it.
func (s *session) broken() {
	conv := s.conv
	s.conv = nil
	defer func() { _ = recover() }()
	if conv != nil {
		conv.Close()
	}
}

// introduce opens a conversation about this client with the current handler,
// unless there is one, and tells it the client's name if that is news.
func (s *session) introduce() {
	j := s.srv.handler.Load()
	if s.conv == nil || s.judge != j {
		s.dropConversation()
		s.judge, s.told = j, false
		s.guard("connect", func() { s.conv = j.checker.Connect(s.ctx, s.client) })
	}
	if s.conv != nil && s.greeted && !s.told {
		s.told = true
		s.guard("helo", func() { s.conv.Helo(s.helo) })
	}
}

func (s *session) dropConversation() {
	if s.conv != nil {
		s.guard("close", s.conv.Close)
		s.conv = nil
	}
}

// Connect begins an SMTP session.
func (s *session) Connect(host, family string, port uint16, addr net.IP, _ *milter.Modifier) (milter.Response, error) {
	s.giveUp()
	s.dropConversation()
	s.srv.count.sessions.Add(1)
	s.helo, s.greeted = "", false
	s.client = s.newClient(host, family, port, addr)
	s.introduce()
	return s.next()
}

func (s *session) newClient(host, family string, port uint16, addr net.IP) message.Client {
	ip, _ := netip.AddrFromSlice(addr)
	ip = ip.Unmap()
	if !ip.IsValid() {
		ip = parseAddr(s.macros.clientAddr)
	}
	c := message.Client{IP: ip, Name: host, Port: port, Listener: s.macros.daemonName, Socket: s.socket}
	switch family {
	case "tcp4", "tcp6":
		// Postfix's pickup, and so sendmail(1), has port 0 on loopback.
		c.Local = port == 0 && ip.IsLoopback()
	default:
		// sendmail -bs has no address. Postfix knows none either of a client
		// that left at once or that XCLIENT hides, and calls it "unknown": that
		// one is not of this machine.
		c.Local = !ip.IsValid() && host != "unknown" || ip.IsLoopback()
	}
	return c
}

// Helo notes the client's name; after STARTTLS it comes again. It ends a
// message that is under way (RFC 5321 section 4.1.4). A client may repeat
// itself as often as it likes; policy is told of changes only.
func (s *session) Helo(name string, _ *milter.Modifier) (milter.Response, error) {
	s.giveUp()
	s.told = s.told && s.helo == name
	s.helo, s.greeted = name, true
	s.introduce()
	return s.next()
}

// MailFrom begins a message. Sendmail tells nothing between two messages, so
// all of the last one is forgotten here.
func (s *session) MailFrom(from string, _ *milter.Modifier) (milter.Response, error) {
	s.giveUp()
	s.macros.mailFrom()
	s.mail = &mail{from: from, user: s.macros.who(), began: time.Now()}
	s.introduce()
	s.mail.judge = s.judge
	if s.conv == nil {
		return milter.RespContinue, nil
	}
	s.guard("mail", func() {
		s.mail.tx = s.conv.Message(message.Sender{Path: from, User: s.mail.user, TLS: s.macros.tls})
	})
	return milter.RespContinue, nil
}

// RcptTo notes a recipient. A message that the rules refuse before it is sent is
// refused here, for each recipient, and not at MAIL: the look-ups have had time,
// and the MTA's log names whom the message was for.
func (s *session) RcptTo(to string, _ *milter.Modifier) (milter.Response, error) {
	m := s.mail
	if m == nil {
		return s.next()
	}
	m.rcpts++
	if r := (recipient{to, s.macros.recipient()}); len(m.to) < s.srv.opt.MaxRecipients {
		m.to = append(m.to, r)
	}
	if m.working() {
		s.guard("rcpt", func() { m.tx.Recipient(to) })
	}
	if !s.wire.owed {
		return nil, nil // rules that came later refuse at the end
	}
	return final(s.refuseEarly(m)), nil
}

// Header takes a field.
func (s *session) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	s.field(name, value, true, false)
	return s.next()
}

// field hands a field from the wire to policy, which may have no room for it;
// truncated tells that its value goes on.
func (s *session) field(name, value string, room, truncated bool) {
	m := s.mail
	if m == nil || !m.working() {
		return
	}
	if !s.wire.agreed.exactHeader() {
		value = restoreBlank(value)
	}
	f := message.NewField(name, value)
	if !room && policy.OurName(f) == "" {
		s.srv.count.dropped.Add(1)
	}
	s.guard("header", func() {
		if truncated {
			m.tx.TruncatedField(f)
		} else {
			m.tx.Field(f)
		}
	})
}

// headerRoom returns how many octets of the next field policy has room for.
func (s *session) headerRoom() (n int) {
	if m := s.mail; m != nil && m.working() {
		s.guard("header", func() { n = m.tx.HeaderRoom() })
	}
	return n
}

// Headers ends the header. The fields that go-milter collected are not used.
func (s *session) Headers(textproto.MIMEHeader, *milter.Modifier) (milter.Response, error) {
	if m := s.mail; m != nil && m.working() {
		s.guard("end of header", m.tx.EndOfHeader)
	}
	return s.next()
}

// BodyChunk takes a piece of the body from the wire. It keeps nothing of it.
func (s *session) BodyChunk(p []byte, _ *milter.Modifier) (milter.Response, error) {
	if m := s.mail; m != nil && m.working() {
		s.guard("body", func() { m.tx.Write(p) })
	}
	return s.next()
}

// next lets the MTA go on, if it waits for that.
func (s *session) next() (milter.Response, error) {
	if !s.wire.owed {
		return nil, nil
	}
	return milter.RespContinue, nil
}

// Abort gives up the message, if there is one. Postfix says it after every
// message, Sendmail only after RSET.
func (s *session) Abort(*milter.Modifier) error {
	s.giveUp()
	s.macros.beginMail()
	s.wire.setInside(false)
	return nil
}

// giveUp ends a message that will get no verdict.
func (s *session) giveUp() {
	m := s.mail
	if m == nil {
		return
	}
	s.mail = nil
	if m.refusal.text == "" { // else that was its verdict
		s.srv.count.aborted.Add(1)
		if entry := s.srv.log.Check(zap.DebugLevel, "message given up by the MTA before its end"); entry != nil {
			entry.Write(text("queue", s.macros.queueID), zap.String("client", clientIP(s.client)), text("from", m.from))
		}
	}
	if m.tx != nil {
		s.guard("close", m.tx.Close)
	}
}

// underWay is the queue id of the message that the session is in, "" if none.
func (s *session) underWay() string {
	if s.mail == nil && s.decision == nil {
		return ""
	}
	return s.macros.queueID
}

// renew forgets the SMTP session; the MTA shows another one next.
func (s *session) renew() {
	s.end()
	s.client, s.helo, s.greeted, s.macros = message.Client{}, "", false, macros{}
}

// end releases all that the session holds.
func (s *session) end() {
	s.giveUp()
	s.dropConversation()
}
