package policy

import (
	"cmp"
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Exempt says which messages are not checked. The zero value exempts nobody.
type Exempt struct {
	// Addresses and Names are clients that are trusted, such as 127.0.0.0/8 or
	// mx.example.org. Addresses in Names, and names in Addresses, count too. A name
	// counts if iprev verified it, which is known when the message ends. Fields in
	// our name are removed from mail of clients that are trusted by name.
	Addresses, Names *addrlist.List
	// Authenticated exempts clients that logged in.
	Authenticated bool
	// Local exempts messages submitted on this machine without SMTP.
	Local bool
}

// at returns the exemptions that hold at a time.
func (e Exempt) at(t time.Time) Exempt {
	e.Addresses, e.Names = e.Addresses.At(t), e.Names.At(t)
	return e
}

// exemptions returns the exemptions that hold for the message.
func (m *Message) exemptions() Exempt { return m.conn.checker.opt.Exempt.at(m.arrived) }

// client returns why a client is exempt before its name is known; "" if it is not.
func (e Exempt) client(c message.Client) string {
	if c.Local && e.Local {
		return result.ExemptLocal
	}
	if e.Addresses.Address(c.IP) || e.Names.Address(c.IP) {
		return result.ExemptAddress
	}
	return ""
}

// name reports whether a client with a verified name is trusted.
func (e Exempt) name(verified string) bool {
	return e.Addresses.Name(verified) || e.Names.Name(verified)
}

func (e Exempt) hasNames() bool { return e.Addresses.HasNames() || e.Names.HasNames() }

// Checker evaluates messages. It is safe for concurrent use.
type Checker struct {
	opt Options
	// slots bound the signatures that are made at a time; nil for no bound.
	slots chan struct{}
}

// NewChecker returns a checker with the defaults filled in.
func NewChecker(o Options) *Checker {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MessageTimeout = cmp.Or(max(o.MessageTimeout, 0), 20*time.Second)
	o.MaxHeaderBytes = cmp.Or(max(o.MaxHeaderBytes, 0), 1<<20)
	o.MaxFields = cmp.Or(max(o.MaxFields, 0), 2000)
	o.MaxBodyBytes = cmp.Or(max(o.MaxBodyBytes, 0), 1<<30)
	o.MaxRecipients = cmp.Or(max(o.MaxRecipients, 0), 1000)
	o.PartialBody = cmp.Or(o.PartialBody, dkim.Policy)
	o.DKIM.Now = o.Now
	o.DKIM.Diagnose = o.Trace
	o.DMARC.Explain = o.Trace
	c := &Checker{opt: o}
	if o.Signing != nil && o.Signing.MaxParallel > 0 {
		c.slots = make(chan struct{}, o.Signing.MaxParallel)
	}
	return c
}

// Connect begins a connection and starts reverse DNS. All that it starts ends with
// ctx or Close. A relay in Options.Relays is never exempt. The client behind it is
// only known at the end of a header, when its SPF and reverse DNS start.
func (c *Checker) Connect(ctx context.Context, client message.Client) *Conn {
	client.IP = client.IP.Unmap().WithZone("")
	now := c.opt.Now()
	conn := &Conn{checker: c, client: client, exempt: c.opt.Exempt.at(now).client(client)}
	// One message at a time: the lookups of messages take turns.
	conn.ctx, conn.cancel = context.WithCancel(dnscache.Group(ctx))
	conn.dns = newMeter(c.opt.Resolver, c.opt.Now, c.opt.Trace)
	switch {
	case !client.Local && c.opt.Relays.At(now).Address(client.IP):
		conn.relay, conn.exempt = true, ""
	case conn.exempt == "":
		conn.iprev = conn.startIPRev(conn.ctx, client.IP)
	}
	return conn
}

// Conn is one SMTP connection. Its methods are called from one goroutine.
type Conn struct {
	checker *Checker
	client  message.Client
	relay   bool // the client is a trusted relay
	exempt  string
	ctx     context.Context
	cancel  context.CancelFunc
	dns     *meter

	helo    string
	heloSPF *pending[spf.Result] // of checked, see startHelo
	checked string
	iprev   *pending[iprev.Result]
	current *Message
	begun   bool // a message has begun
}

// Helo notes the client's name and starts SPF of the HELO identity. It may be called
// again, as after STARTTLS. The last name counts.
func (c *Conn) Helo(name string) {
	c.helo = name
	if c.heloSPF == nil {
		c.startHelo()
	}
}

// startHelo starts SPF of the HELO identity unless it has started. A client may say
// EHLO as often as it likes, so names after the first are checked at MAIL.
func (c *Conn) startHelo() {
	if c.exempt != "" || c.relay || c.heloSPF != nil && c.checked == c.helo {
		return
	}
	name := c.helo
	c.checked = name
	c.heloSPF = c.startSPF(c.ctx, spf.Query{Identity: spf.HELO, IP: c.client.IP, Helo: name})
}

// Message begins a message and starts SPF of MAIL FROM. It closes a message before
// it that was not finished.
func (c *Conn) Message(s message.Sender) *Message {
	if c.current != nil {
		c.current.Close()
	}
	c.startHelo()
	m := newMessage(c, s)
	c.current = m
	return m
}

// Close ends all that is under way. It is idempotent.
func (c *Conn) Close() {
	if c.current != nil {
		c.current.Close()
	}
	c.cancel()
}
