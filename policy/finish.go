package policy

import (
	"context"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Finish waits for the checks that are still under way, until ctx or
// Options.MessageTimeout ends at most, and returns what was found. It calls
// EndOfHeader if nobody did.
func (m *Message) Finish(ctx context.Context) *result.Results {
	m.EndOfHeader()
	c, o := m.conn, m.conn.checker.opt
	res := &result.Results{
		Client:        m.clientResult(),
		SPF:           []spf.Result{},
		DKIM:          []dkim.Result{},
		PartialBody:   o.PartialBody,
		ARC:           arc.Result{Status: arc.None, Sealers: []arc.Sealer{}},
		DMARC:         dmarc.Result{Status: dmarc.None},
		Arrived:       m.arrived,
		MailFrom:      m.sender.Path,
		User:          m.sender.User,
		Recipients:    append([]string{}, m.recipients...),
		SenderDomains: []result.SenderDomain{},

		MailFromUnknown:      m.sender.Unknown,
		RecipientsIncomplete: m.more,
		Size:                 m.size(),
		Header:               m.header,
		Exempt:               m.exempt,
		Oversize:             m.oversize,
		Claims:               append([]result.FieldRef{}, m.claims.fields...),
		ClaimsIncomplete:     m.claims.incomplete,
		Faults:               []string{},
		Trace:                []result.Event{},
	}
	if m.exempt == "" {
		ctx, cancel := context.WithTimeout(ctx, o.MessageTimeout)
		defer cancel()
		// The checks run under the message's context. They end when we stop waiting.
		defer context.AfterFunc(ctx, func() { m.cancel(errLate) })()
		m.gatherIPRev(ctx, res)
		if res.Exempt == "" {
			m.gatherSPF(ctx, res)
			m.gatherDKIM(ctx, res)
			m.gatherDMARC(ctx, res)
			m.senders.gather(ctx, m, res)
			// ARC comes last: a chain may be long, and is seldom needed.
			m.gatherARC(ctx, res)
			res.List = message.ListMarks(m.header)
		}
	}
	if m.warmUp != nil {
		if o.Trace && !o.Live { // it shows every lookup
			m.warmUp.wait(ctx)
		}
		select {
		case <-m.warmUp.done:
			m.fault("dmarc", m.warmUp.fault)
		default:
		}
	}
	res.Author = m.author
	m.attempt("sign", func() { res.Signing = m.sign(ctx, res) })
	if m.exempt == "" && res.DMARC.Status != dmarc.Pass {
		m.attempt("marks", func() { res.Marks = readMarks(m.header, m.sender.Path) })
		m.gatherEvidence(ctx, res)
	}
	res.DNS = costSince(c.dns.snapshot(), m.before)
	res.DNS.Degraded = degraded(o.Resolver)
	res.Faults = append(res.Faults, m.faults...)
	if o.Trace {
		c.dns.record(explain.Trace(res)...)
		res.Trace = c.dns.timeline()
	}
	return res
}
