package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/sign"
)

// Sealing says how forwarded messages are sealed (RFC 8617).
type Sealing struct {
	// Options say which messages are forwarded.
	Options sign.SealOptions
	// Domain is d= of our seals, in lower-case A-labels, Selector that of the key; "" for
	// the first key of the domain that the DNS shows.
	Domain, Selector string
	// Keys has the private keys.
	Keys SigningKeys
}

// sealing is the ARC set that one message is to get.
type sealing struct {
	result result.Sealing
	header message.Header // as received; nil unless the message is to be sealed
	signer *arc.Signer
	keys   []sealingKey
	err    error // of the source of keys
}

// sealingKey is a key that may seal, and its record.
type sealingKey struct {
	SigningKey
	record *pending[*dnscache.Answer]
}

// handsOn reports whether the client hands in what came from outside before. It is then
// not checked again, and fields of ours that the message has stay.
func (m *Message) handsOn() bool {
	s := m.conn.checker.opt.Sealing
	return s != nil && !m.conn.relay && s.Options.At(m.arrived).HandsOn(m.conn.client, m.sender)
}

// seals reports whether the message is to be sealed.
func (s *sealing) seals() bool { return s != nil && s.signer != nil }

// startSealing decides whether the message is sealed as far as that is known at the end of
// the header, and starts the lookups of the records of the keys. Whatever goes wrong, the
// message is only not sealed.
func (m *Message) startSealing() {
	o := m.conn.checker.opt.Sealing
	if o == nil {
		return
	}
	m.sealing = &sealing{result: result.Sealing{HandedOn: m.handedOn}}
	s := m.sealing
	_, fault := guard(func() struct{} { m.prepareSeal(o); return struct{}{} })
	if fault != "" {
		s.signer = nil
		s.not(sign.Fault, fault)
	}
}

func (m *Message) prepareSeal(o *Sealing) {
	s := m.sealing
	switch {
	case !m.handedOn && !o.Options.At(m.arrived).Forwards(m.recipients):
		s.not(sign.NotForwarded, "no recipient is one whose mail is sent on, and the client is none that hands on mail")
		return
	case m.oversize != "":
		s.not(sign.Oversize, m.oversize)
		return
	case !m.handedOn && m.exempt != "":
		s.not(sign.NoResults, "the message is not checked: "+m.exempt)
		return
	}
	ctx, cancel := context.WithTimeout(m.ctx, m.conn.checker.opt.MessageTimeout)
	defer cancel()
	found, err := o.Keys.SigningKeys(ctx, message.Mailbox{Domain: o.Domain})
	s.err = err
	for _, k := range tried(found) {
		// Verifiers of chains know no Ed25519.
		if k.Domain == o.Domain && !k.second() && (o.Selector == "" || k.Selector == o.Selector) {
			s.keys = append(s.keys, sealingKey{k, m.lookupRecord(k)})
		}
	}
	if len(s.keys) == 0 {
		s.not(sign.NoKey, strings.TrimPrefix(o.Selector+"._domainkey.", "._domainkey.")+o.Domain+" has no RSA key")
		if s.err != nil {
			s.not(sign.KeyUnreadable, onOneLine(s.err))
		}
		return
	}
	if s.signer, err = arc.NewSigner(&m.bodies); err != nil {
		s.not(sign.Oversize, err.Error())
		return
	}
	s.header = slices.Clone(m.header) // that of a message we sign will change
}

// not notes why the message is not sealed.
func (s *sealing) not(r sign.Reason, detail string) {
	s.result = result.Sealing{Reason: r, Detail: strings.TrimPrefix(detail, "arc: "), HandedOn: s.result.HandedOn}
}

// sealPatience is how long the records of keys are waited for after the message was
// decided about. They were looked up while it arrived.
const sealPatience = 2 * time.Second

// Seal adds an ARC set to the verdict about a message that is forwarded, and notes in the
// results whether it did. It follows Finish and the decision. A failure leaves the message
// as it is, without a set.
func (m *Message) Seal(ctx context.Context, res *result.Results, v *result.Verdict) {
	s := m.sealing
	if s == nil {
		return
	}
	if s.seals() {
		set, fault := guard(func() *arc.NewSet { return m.seal(ctx, res, v) })
		if fault != "" {
			s.not(sign.Fault, fault)
			res.Faults = append(res.Faults, "seal: "+fault)
		} else if set != nil {
			v.Seal = set.Fields
		}
	}
	res.Sealing = &s.result
}

// seal returns the set, or nil after it noted why there is none.
func (m *Message) seal(ctx context.Context, res *result.Results, v *result.Verdict) *arc.NewSet {
	s, o := m.sealing, m.conn.checker.opt
	switch {
	case m.oversize != "":
		s.not(sign.Oversize, m.oversize)
		return nil
	case !v.Action.Delivers():
		s.not(sign.NotDelivered, "the message is not delivered: "+string(v.Action))
		return nil
	}
	so := arc.SealOptions{Domain: o.Sealing.Domain, Time: o.Now(), Results: v.AuthenticationResults, Chain: res.ARC.Status}
	if m.handedOn {
		var err error
		if so.Results, so.Chain, err = arc.AtArrival(s.header, o.AuthservID); err != nil {
			s.not(reasonOf(err), err.Error())
			return nil
		}
	} else if so.Results == "" {
		s.not(sign.NoResults, "the message is not checked: "+res.Exempt)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sealPatience)
	defer cancel()
	m.bodies.Close()
	header := delivered(s.header, v)
	var details []string
	reason := sign.KeyUnreadable
	for _, k := range s.keys {
		a, fault := k.record.wait(ctx)
		why, detail := k.Judge(a, o.Sealing.Keys)
		if fault != "" {
			why, detail = sign.Fault, fault
		}
		if why == "" {
			so.Selector, so.Key = k.Selector, k.Signer
			set, err := m.sealWith(ctx, header, so)
			if err == nil {
				s.result.Domain, s.result.Selector, s.result.Instance, s.result.Chain = so.Domain, so.Selector, set.Instance, set.Chain
				return set
			}
			if why = reasonOf(err); why != sign.KeyUnreadable {
				s.not(why, err.Error())
				return nil
			}
			detail = err.Error()
		}
		reason = why
		details = append(details, detail)
	}
	if s.err != nil {
		details = append(details, onOneLine(s.err))
	}
	s.not(reason, strings.Join(details, "; "))
	return nil
}

// sealWith makes the set when there is room for its two signatures.
func (m *Message) sealWith(ctx context.Context, h message.Header, o arc.SealOptions) (*arc.NewSet, error) {
	free, ok := m.conn.checker.slot(ctx)
	if !ok {
		return nil, errors.New(tooMany)
	}
	defer free()
	return m.sealing.signer.Seal(h, o)
}

// reasonOf returns the reason for an error of a seal.
func reasonOf(err error) sign.Reason {
	for _, known := range []struct {
		err    error
		reason sign.Reason
	}{
		{arc.ErrFailed, sign.ChainFailed},
		{arc.ErrUndecided, sign.ChainUndecided},
		{arc.ErrChanged, sign.ChainChanged},
		{arc.ErrFull, sign.ChainFull},
		{arc.ErrAuthor, sign.AuthorAmbiguous},
		{arc.ErrResults, sign.ResultsUnreadable},
		{arc.ErrNoResults, sign.NoResults},
		{dkim.ErrTooManyFields, sign.Oversize},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return sign.KeyUnreadable
}
