package policy

import (
	"context"
	"time"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// EarlyTimeout is how long a client waits at its first recipient at most. Sendmail
// waits 10 s by default. Later results count at the end of the message.
const EarlyTimeout = 7 * time.Second

// Early returns what is known of the client before the message is sent: reverse
// DNS and SPF, for which it waits at most [EarlyTimeout]. Other methods have no
// status. Early returns nil if the message is exempt, if a relay brings it, or if
// the answers are late.
func (m *Message) Early(ctx context.Context) *result.Results {
	envelope := m.checks.mail
	if m.sender.Path == "" {
		envelope = m.conn.heloSPF
	}
	if m.exempt != "" || m.conn.relay || envelope == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, EarlyTimeout)
	defer cancel()
	for _, done := range []chan struct{}{m.conn.iprev.done, envelope.done} {
		select {
		case <-done:
		case <-ctx.Done():
			return nil
		}
	}
	if m.conn.iprev.fault != "" || envelope.fault != "" {
		return nil // Finish reports it
	}
	o, exempt := m.conn.checker.opt, m.exemptions()
	res := &result.Results{
		Client:      m.clientResult(),
		IPRev:       m.conn.iprev.value,
		SPF:         []spf.Result{envelope.value},
		PartialBody: o.PartialBody,
		DKIM:        []dkim.Result{},
		ARC:         arc.Result{Sealers: []arc.Sealer{}},
		Arrived:     m.arrived,
		MailFrom:    m.sender.Path,

		MailFromUnknown: m.sender.Unknown,
		User:            m.sender.User,
		Recipients:      append([]string{}, m.recipients...),
		Faults:          []string{},
		Trace:           m.conn.dns.timeline(),
	}
	res.Client.PTR = res.IPRev.Name
	if exempt.name(res.IPRev.Name) {
		return nil
	}
	res.ExemptUndecided = exempt.hasNames() && res.IPRev.Status == iprev.TempError
	res.DNS = costSince(m.conn.dns.snapshot(), m.before)
	res.DNS.Degraded = degraded(o.Resolver)
	if o.Trace {
		res.Trace = append(res.Trace, m.conn.dns.dated(explain.TraceEarly(res))...)
	}
	return res
}
