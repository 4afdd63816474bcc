package policy

import (
	"context"
	"time"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/spf"
)

// EarlyTimeout bounds what a client waits for at its first recipient; Sendmail
// waits 10 s by default. What is not known by then is judged at the end.
const EarlyTimeout = 7 * time.Second

// Early returns what is known of the client before the message is sent: reverse
// DNS and SPF, for which it waits at most seven seconds. What was not evaluated
// has no status. It is nil if nothing is to be said yet: the message is exempt, a
// relay brings it, or the answers are late.
func (m *Message) Early(ctx context.Context) *Results {
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
		return nil // told when the message ends
	}
	o := m.conn.checker.opt
	res := &Results{
		Client:      m.clientResult(),
		IPRev:       m.conn.iprev.value,
		SPF:         []spf.Result{envelope.value},
		PartialBody: o.PartialBody,
		DKIM:        []dkim.Result{},
		ARC:         arc.Result{Sealers: []arc.Sealer{}},
		MailFrom:    m.sender.Path,
		User:        m.sender.User,
		Recipients:  append([]string{}, m.recipients...),
		Faults:      []string{},
		Trace:       m.conn.dns.timeline(),
	}
	res.Client.PTR = res.IPRev.Name
	if o.Exempt.name(res.IPRev.Name) {
		return nil
	}
	res.ExemptUndecided = o.Exempt.hasNames() && res.IPRev.Status == iprev.TempError
	res.DNS = m.conn.dns.snapshot().since(m.before)
	res.DNS.Degraded = degraded(o.Resolver)
	return res
}

// RefusesEarly reports whether [Rules.Early] may ever refuse.
func (r Rules) RefusesEarly() bool { return r.Local.SPFEarly && r.Mode != Monitor }

// Early decides, by what [Message.Early] found, whether the message is refused
// before it is sent: Local's words on SPF. It does not wait for a signature of the
// same domain, which may excuse the client, and knows nothing of the
// administrator's rules, the author and the seals. Forwarders trusted by address
// or name are let through, and so is whoever DNS trouble keeps from showing that
// he is one, and what may turn out to be monitored only.
func (r Rules) Early(res *Results) (Verdict, bool) {
	if res == nil || !r.RefusesEarly() || res.ExemptUndecided || r.Trust.hidden(res) != "" || res.DNS.Degraded && res.DNS.Failed > 0 {
		return Verdict{}, false
	}
	if _, trusted := r.Trust.forwarder(res); trusted || r.mayMonitor(res) {
		return Verdict{}, false
	}
	v := r.onSPF(res)
	if v.Action != Reject && v.Action != TempFail {
		return Verdict{}, false
	}
	v.Intended, v.Text = v.Action, oneLine(v.Text)
	v.Overrides, v.Refused = []Override{}, []Override{}
	v = r.explained(res, v)
	v.Why = append(v.Why, "So it is refused at RCPT, before it is sent, whatever may be in it.")
	return v, true
}

// Replay decides about a message that is played from a file: as it would have been
// at RCPT, by what [Message.Early] found, nil if it was not asked, and else by its
// results.
func (r Rules) Replay(early, res *Results) Verdict {
	if v, refused := r.Early(early); refused {
		return v
	}
	return r.Decide(res)
}
