package policy

import (
	"cmp"
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// usualFields is the number of fields that most headers do not exceed.
const usualFields = 32

// Message is one message on its way in.
type Message struct {
	conn   *Conn
	sender message.Sender
	// arrived is when the message began.
	arrived time.Time
	exempt  string
	ctx     context.Context
	cancel  context.CancelCauseFunc
	before  result.DNSCost // the cost of the connection's earlier lookups

	checks     clientChecks
	origin     origin                     // if a relay connected, from EndOfHeader on
	warmUp     *pending[*dnscache.Answer] // the DMARC record of MAIL FROM's domain
	senders    senderChecks
	recipients []string
	more       bool // there were recipients beyond the limit

	header      message.Header
	headerBytes int
	bodyBytes   int64
	oversize    string // which limit was exceeded, "" for none
	claims      claims
	ended       bool // EndOfHeader was called

	author message.Author
	bodies dkim.Bodies
	dkim   *dkim.Verifier
	arc    *arc.Verifier
	// The lookups for dkim, arc and DMARC.
	dkimKeys, arcKeys *pending[dkim.Keys]
	dmarc             *pending[*dmarc.Author]
	organizations     map[string]*pending[dmarc.Organization] // by domain of an identifier

	// ours is true if the message can be one of our users, signing its signature.
	ours    bool
	signing *signing
	// handedOn is true if the message came from outside before, and a host of ours hands
	// it in again. Sealing is the ARC set of a message that is forwarded.
	handedOn bool
	sealing  *sealing

	faults []string
}

func newMessage(c *Conn, s message.Sender) *Message {
	m := &Message{conn: c, sender: s, exempt: c.exempt, arrived: c.checker.opt.Now()}
	m.ctx, m.cancel = context.WithCancelCause(c.ctx)
	if c.begun {
		m.before = c.dns.begin()
	}
	c.begun = true
	// A relay that logs in does so for itself, not for the author.
	if m.exempt == "" && s.User != "" && !c.relay && c.checker.opt.Exempt.Authenticated {
		m.exempt = result.ExemptAuthenticated
	}
	m.ours = m.mayBeOurs()
	if m.handedOn = m.handsOn(); m.handedOn {
		m.exempt = cmp.Or(m.exempt, result.ExemptForwarded)
	}
	if m.exempt != "" || s.Path == "" {
		return m
	}
	if !c.relay {
		m.checks.mail = c.startSPF(m.ctx, spf.Query{Identity: spf.MailFrom, IP: c.client.IP, Helo: c.helo, Sender: s.Path})
	}
	// The author's domain is most often that of MAIL FROM.
	if name := m.senderDomain(); name != "" {
		m.warmUp = evaluate(m.ctx, m.conn.dns, check[*dnscache.Answer]{
			name: result.CheckDMARC, limit: c.checker.opt.MessageTimeout,
			run: func(ctx context.Context, r Resolver) *dnscache.Answer {
				return r.Lookup(ctx, "_dmarc."+name, dnscache.TXT)
			},
			failed: func(string) *dnscache.Answer { return nil },
		})
		m.senders.startMailFrom(m, name)
	}
	return m
}

// Recipient notes a recipient's address without angle brackets.
func (m *Message) Recipient(addr string) {
	if len(m.recipients) >= m.conn.checker.opt.MaxRecipients {
		m.more = true
		return
	}
	m.recipients = append(m.recipients, addr)
}

// EndOfHeader ends the header and starts the lookups that it calls for.
func (m *Message) EndOfHeader() {
	if m.ended {
		return
	}
	m.ended = true
	if m.conn.relay {
		m.startClient()
	}
	m.startSealing()
	if m.oversize != "" || m.exempt != "" && !m.ours {
		return
	}
	o := m.conn.checker.opt
	m.attempt("author", func() { m.author = message.ParseAuthor(m.header) })
	m.attempt("sign", m.startSigning)
	if m.exempt != "" {
		return
	}
	m.startDMARC()
	m.senders.startAuthor(m)
	m.attempt("dkim", func() {
		first := o.DKIM
		first.Author = m.author.Domain
		m.dkim = dkim.NewVerifier(m.header, &m.bodies, first)
		m.dkimKeys = m.startKeys(result.CheckDKIM, m.dkim)
	})
	m.expectIdentifiers()
	m.attempt("arc", func() {
		m.arc = arc.NewVerifier(m.header, &m.bodies, o.DKIM)
		m.arcKeys = m.startKeys(result.CheckARC, m.arc)
	})
	if o.Trace && m.dkim != nil {
		m.attempt("dkim", func() { m.dkim.Probe(&m.bodies) })
	}
}

// Write takes the next bytes of the body, with CRLF line ends, cut anywhere. It never
// fails.
func (m *Message) Write(p []byte) (int, error) {
	if m.bodyBytes += int64(len(p)); m.bodyBytes > m.conn.checker.opt.MaxBodyBytes {
		m.exceed("the body is too large")
	}
	if (m.exempt == "" || m.signing.signs() || m.sealing.seals()) && m.oversize == "" {
		m.attempt("body", func() { _, _ = m.bodies.Write(p) })
	}
	return len(p), nil
}

// attempt runs a step and turns a panic into a fault.
func (m *Message) attempt(what string, step func()) {
	_, fault := guard(func() struct{} { step(); return struct{}{} })
	m.fault(what, fault)
}

// fault notes a failure of our own.
func (m *Message) fault(what, fault string) {
	const most = 20
	if fault != "" && len(m.faults) < most {
		m.faults = append(m.faults, what+": "+fault)
	}
}

// Close ends what is under way. It is idempotent and may follow Finish.
func (m *Message) Close() { m.cancel(nil) }
