package policy

import (
	"context"
	"net/netip"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// clientChecks are SPF and reverse DNS of one client for one message. Those of a
// client that connected itself start then. Those of a client behind a relay start at
// the end of the header.
type clientChecks struct {
	iprev      *pending[iprev.Result]
	helo, mail *pending[spf.Result]
}

func (c *Conn) startIPRev(ctx context.Context, ip netip.Addr) *pending[iprev.Result] {
	return evaluate(ctx, c.dns, check[iprev.Result]{
		name: result.CheckIPRev, limit: c.checker.opt.MessageTimeout,
		run:    func(ctx context.Context, r Resolver) iprev.Result { return iprev.Check(ctx, r, ip) },
		failed: func(reason string) iprev.Result { return iprev.Result{Status: iprev.TempError, Reason: reason} },
	})
}

func (c *Conn) startSPF(ctx context.Context, q spf.Query) *pending[spf.Result] {
	o := &c.checker.opt
	return evaluate(ctx, c.dns, check[spf.Result]{
		name: result.CheckOf(q.Identity), limit: o.MessageTimeout,
		run: func(ctx context.Context, r Resolver) spf.Result {
			return spf.Check(ctx, r, q, spf.Options{Receiver: o.AuthservID, Timeout: o.SPFTimeout, Now: o.Now, Explain: o.Trace})
		},
		failed: func(reason string) spf.Result {
			return spf.Result{Identity: q.Identity, Status: spf.TempError, Reason: reason}
		},
	})
}

// startClient starts the checks of the client behind the relay that connected. If
// the client is not known, their results say why, and none is a pass.
func (m *Message) startClient() {
	m.origin = origin{hops: 1, problem: faultReason}
	if m.oversize != "" {
		m.origin.problem = m.oversize
	} else {
		m.attempt("relay", func() {
			m.origin = lookThrough(m.conn.checker.opt.Relays.At(m.arrived), m.conn.client.IP, m.header)
		})
	}
	o := m.origin
	if o.problem == "" {
		m.checks.iprev = m.conn.startIPRev(m.ctx, o.ip)
		m.checks.helo = m.conn.startSPF(m.ctx, spf.Query{Identity: spf.HELO, IP: o.ip, Helo: o.helo})
		if m.sender.Path != "" {
			m.checks.mail = m.conn.startSPF(m.ctx, spf.Query{Identity: spf.MailFrom, IP: o.ip, Helo: o.helo, Sender: m.sender.Path})
		}
		return
	}
	reason := explain.HiddenClient(o.problem)
	m.checks.iprev = already(iprev.Result{Status: iprev.PermError, Reason: reason})
	m.checks.helo = already(spf.Result{Identity: spf.HELO, Status: spf.None, Reason: reason})
	if m.sender.Path != "" {
		m.checks.mail = already(spf.Result{Identity: spf.MailFrom, Domain: m.senderDomain(), Status: spf.None, Reason: reason})
	}
}

// clientResult returns the client that is evaluated, and the relay before it.
func (m *Message) clientResult() result.ClientResult {
	c := m.conn
	r := result.ClientResult{Helo: c.helo, Listener: c.client.Listener, Socket: c.client.Socket, TLS: m.sender.TLS}
	if c.client.IP.IsValid() {
		r.IP = c.client.IP.String()
	}
	if !c.relay {
		return r
	}
	o := m.origin
	r.Relay, r.RelayHelo, r.IP, r.Helo = r.IP, r.Helo, "", o.helo
	r.Hops, r.Hidden, r.Inside = o.hops, o.problem, o.inside
	if o.ip.IsValid() {
		r.IP = o.ip.String()
	}
	return r
}

// gatherIPRev fills in reverse DNS, and whether the client is exempt by its name.
// The claims found so far stay, since a name is not as good as an address. No client
// behind a relay is exempt.
func (m *Message) gatherIPRev(ctx context.Context, res *result.Results) {
	if !m.conn.relay {
		m.checks.iprev = m.conn.iprev
	}
	var fault string
	res.IPRev, fault = m.checks.iprev.wait(ctx)
	m.fault("iprev", fault)
	res.Client.PTR = res.IPRev.Name
	if m.conn.relay {
		return
	}
	exempt := m.exemptions()
	if exempt.name(res.IPRev.Name) {
		res.Exempt = result.ExemptName
	}
	res.ExemptUndecided = exempt.hasNames() && res.IPRev.Status == iprev.TempError
}

func (m *Message) gatherSPF(ctx context.Context, res *result.Results) {
	if !m.conn.relay {
		m.checks.helo = m.conn.heloSPF
	}
	for _, p := range []*pending[spf.Result]{m.checks.helo, m.checks.mail} {
		if p == nil {
			continue
		}
		r, fault := p.wait(ctx)
		m.fault("spf", fault)
		res.SPF = append(res.SPF, r)
	}
}

// envelopeIdentifier returns the identifier that SPF has for DMARC. If a relay hides
// its client, SPF could not be evaluated, which is no evidence against anybody. Like
// a DNS failure it leaves open what might have been aligned (RFC 9989 section 5.3.6).
// For the null sender the HELO name is hidden too, so the identifier may have been
// the author's domain.
func (m *Message) envelopeIdentifier(res *result.Results) dmarc.Identifier {
	r, ok := res.EnvelopeSPF()
	if !ok {
		return dmarc.Identifier{}
	}
	id := dmarc.Identifier{Domain: r.Domain, Status: string(r.Status)}
	if res.Client.Hidden != "" {
		id.Status, id.Why = string(spf.TempError), "as "+explain.HiddenClient(res.Client.Hidden)
		if res.MailFrom == "" {
			id.Domain = m.author.Domain
		}
	}
	return id
}
