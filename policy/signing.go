package policy

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/sign"
)

// Signing says how messages of our users are signed.
type Signing struct {
	// Options say which messages are those of our users, and who may sign as whom.
	Options sign.Options
	// Keys has the private keys.
	Keys SigningKeys
	// Fields are the header fields to sign; default [dkim.DefaultFields].
	Fields []dkim.FieldRule
	// Recipients have other fields for messages that go to some domains alone.
	Recipients []RecipientFields
	// Lifetime is the time until a signature expires; 0 for never.
	Lifetime time.Duration
	// AddMissing adds Date and Message-ID where they are missing, before the message is
	// signed: a server that adds them later breaks the signature (RFC 6409 section 8).
	AddMissing bool
	// Choose returns what the administrator's rules say about the signature of a message,
	// given its envelope, header and size; nil without such rules. Reserved are selectors
	// whose keys sign only by such a choice.
	Choose   func(*result.Results) result.SigningChoice
	Reserved []string
	// DryRun signs nothing. It says of each message whether a signer before us did alike.
	DryRun bool
	// MaxParallel bounds how many signatures are made at a time, so that bursts of
	// outgoing mail leave the processor to mail that comes in; 0 for no bound.
	MaxParallel int
}

// signing is the signature of one message of our users.
type signing struct {
	result result.Signing
	at     time.Time
	keys   []candidate
	asked  map[message.Mailbox]askedKeys // what the source of keys said, by address
	err    error                         // of the source of keys
	own    *dkim.Verifier                // of signatures by our keys; nil if there are none
	refs   dkim.Keys                     // the keys of own
}

// askedKeys are the keys of a domain. The decision and the signature ask for the same
// domains, and the message must not see two states of them.
type askedKeys struct {
	keys []SigningKey
	err  error
}

// candidate is a key that may sign.
type candidate struct {
	key    SigningKey
	signer *dkim.Signer
	record *pending[*dnscache.Answer]
}

// mayBeOurs reports whether the message can be one of our users, so that its header
// must be kept.
func (m *Message) mayBeOurs() bool {
	s := m.conn.checker.opt.Signing
	return s != nil && !m.conn.relay && s.Options.At(m.arrived).Origin(m.conn.client, m.sender) != ""
}

// startSigning decides whether the message is signed, and starts the lookups of the
// records of its keys. A message that is signed is not verified.
func (m *Message) startSigning() {
	o := m.conn.checker.opt
	if o.Signing == nil || m.conn.relay {
		return
	}
	s := &signing{at: o.Now(), asked: map[message.Mailbox]askedKeys{}}
	m.signing = s
	msg := sign.Message{Client: m.conn.client, Sender: m.sender, Author: m.author}
	if m.ours { // otherwise the first question is answered with no
		msg.Received, msg.Unproven = m.received(), m.unproven()
	}
	d := sign.Decide(msg, o.Signing.Options.At(m.arrived), func(address message.Mailbox) string { return m.keysOf(address).domain(address) })
	s.result = result.Signing{Decision: d}
	if d.Domain == "" {
		return
	}
	if !o.Signing.DryRun {
		m.exempt = cmp.Or(m.exempt, result.ExemptOriginating)
	}
	own := s.keysFor(m.author.Address())
	s.err = own.err
	found := tried(own.keys)
	m.verifyOwn(found)
	if !o.Signing.DryRun {
		m.prepareHeader()
	}
	index := dkim.NewHeaderIndex(m.header)
	for _, k := range found {
		if c, err := m.candidate(k, index); err != nil {
			s.err = err
		} else {
			s.keys = append(s.keys, c)
		}
	}
}

// candidate prepares a signature by a key, and starts the lookup of the key's record.
func (m *Message) candidate(k SigningKey, index *dkim.HeaderIndex) (candidate, error) {
	o, s := m.conn.checker.opt, m.signing
	opt := dkim.SignOptions{
		Domain: k.Domain, Selector: k.Selector, Key: k.Signer, HeaderForm: dkim.Relaxed, BodyForm: dkim.Relaxed,
		Fields: m.signedFields(), Time: s.at,
	}
	if o.Signing.Lifetime > 0 {
		opt.Expires = s.at.Add(o.Signing.Lifetime)
	}
	signer, err := dkim.NewSigner(index, &m.bodies, opt)
	if err != nil {
		return candidate{}, err
	}
	return candidate{key: k, signer: signer, record: m.lookupRecord(k)}, nil
}

// signs reports whether the message is to be signed.
func (s *signing) signs() bool { return s != nil && s.result.Domain != "" }

// keysOf returns what the source of keys says of an address. It asks once.
func (m *Message) keysOf(address message.Mailbox) askedKeys {
	s, o := m.signing, m.conn.checker.opt
	a, known := s.asked[address]
	if !known {
		ctx, cancel := context.WithTimeout(m.ctx, o.MessageTimeout)
		defer cancel()
		if a.keys, a.err = o.Signing.Keys.SigningKeys(ctx, address); a.err != nil {
			s.err = a.err
		}
		s.asked[address] = a
	}
	return a
}

// domain returns the domain that signs for an address. A key of a domain that is no
// parent signs for each domain apart: otherwise its users could write as one another.
func (a askedKeys) domain(address message.Mailbox) string {
	switch {
	case len(a.keys) == 0:
		return ""
	case strings.HasSuffix("."+address.Domain, "."+a.keys[0].Domain):
		return a.keys[0].Domain
	}
	return address.Domain
}

// keysFor returns the keys that the decision found for the author.
func (s *signing) keysFor(address message.Mailbox) askedKeys {
	for address.Domain != "" && len(s.asked[address].keys) == 0 {
		_, parent, _ := strings.Cut(address.Domain, ".")
		address = message.Mailbox{Domain: parent}
	}
	return s.asked[address]
}

// unanswered returns why the source of keys has none for an address that was asked for;
// nil if it has said what there is. fault is true unless there are keys that must not
// sign.
func (s *signing) unanswered() (fault bool, err error) {
	var errs []error
	for _, a := range s.asked {
		if len(a.keys) == 0 && a.err != nil {
			errs = append(errs, a.err)
			fault = fault || !isUnusable(a.err)
		}
	}
	return fault, errors.Join(errs...)
}

// isUnusable reports whether an error says that keys must not sign, and none that they
// cannot be read.
func isUnusable(err error) bool {
	var unusable *UnusableKeys
	return errors.As(err, &unusable)
}

// received returns the message's Received fields.
func (m *Message) received() []message.Received {
	var list []message.Received
	for _, f := range m.header {
		if f.Is("Received") && len(list) <= maxHops {
			list = append(list, message.ParseReceived(f))
		}
	}
	return list
}

// sign signs the message, or says why not; in a dry run it only compares.
func (m *Message) sign(ctx context.Context, all *result.Results) *result.Signing {
	res := m.trySign(ctx, all)
	if res != nil && m.conn.checker.opt.Signing.DryRun {
		m.compare(res)
	}
	return res
}

// trySign signs with the first RSA key of each set that the DNS shows, and then beside them with
// Ed25519 keys. A key whose record cannot be looked up signs if it was published before: a
// DNS failure changes nothing.
func (m *Message) trySign(ctx context.Context, all *result.Results) *result.Signing {
	s := m.signing
	if s == nil {
		return nil
	}
	res := &s.result
	if res.Domain == "" {
		if fault, err := s.unanswered(); err != nil && (res.Reason == sign.NoKey || res.Reason == sign.LoginMismatch) {
			res.Reason, res.Detail, res.KeyFault = sign.KeyUnreadable, onOneLine(err), fault
		}
		return res
	}
	if m.oversize != "" {
		return s.unsigned(sign.Oversize, m.oversize)
	}
	if m.choose(all); res.Domain == "" {
		return res
	}
	if len(s.keys) == 0 && errors.Is(s.err, dkim.ErrTooManyFields) {
		return s.unsigned(sign.Oversize, strings.TrimPrefix(s.err.Error(), "dkim: "))
	}
	m.bodies.Close()
	if !m.conn.checker.opt.Signing.DryRun && m.signedAlready() {
		return s.unsigned(sign.AlreadySigned, "a signature by a key of "+res.Domain+" verifies")
	}
	rsa := func(k SigningKey) bool { return !k.second() }
	domains, reason, details := m.signWithEach(ctx, rsa)
	if len(domains) == 0 {
		if s.err != nil {
			details = slices.Insert(details, 0, onOneLine(s.err))
		}
		for _, c := range s.keys {
			if c.key.second() {
				details = append(details, "the Ed25519 key "+dkim.KeyName(c.key.Selector, c.key.Domain)+" never signs alone")
			}
		}
		s.unsigned(reason, strings.Join(details, "; "))
		res.KeyFault = reason == sign.KeyUnreadable && !isUnusable(s.err)
		return res
	}
	beside := func(k SigningKey) bool { return k.second() && slices.Contains(domains, k.Domain) }
	if second, _, why := m.signWithEach(ctx, beside); len(second) == 0 {
		res.Without = strings.Join(why, "; ")
	}
	return res
}

// signWithEach signs with the first key of each set that may sign, of those that belong. It
// returns the domains that signed. It also returns why others did not: the reason of the
// last one and a sentence for each.
func (m *Message) signWithEach(ctx context.Context, belongs func(SigningKey) bool) (domains []string, reason sign.Reason, details []string) {
	reason = sign.KeyUnreadable
	signed := map[int]bool{}
	for _, c := range m.signing.keys {
		if signed[c.key.Set] || !belongs(c.key) {
			continue
		}
		a, fault := c.record.wait(ctx)
		m.fault("sign", fault)
		why, detail := c.key.Judge(a, m.conn.checker.opt.Signing.Keys)
		if why == "" {
			if why, detail = m.signWith(ctx, c); why == "" {
				signed[c.key.Set] = true
				domains = append(domains, c.key.Domain)
				continue
			}
		}
		reason = why
		details = append(details, detail)
	}
	return domains, reason, details
}

// unsigned takes the decision to sign back.
func (s *signing) unsigned(r sign.Reason, detail string) *result.Signing {
	s.result = result.Signing{Decision: sign.Decision{Origin: s.result.Origin, Reason: r, Detail: detail}}
	return &s.result
}

// signWith makes a signature. It returns why it could not.
func (m *Message) signWith(ctx context.Context, c candidate) (sign.Reason, string) {
	res := &m.signing.result
	free, ok := m.conn.checker.slot(ctx)
	if !ok {
		return sign.KeyUnreadable, tooMany
	}
	defer free()
	f, err := c.signer.Sign()
	if err != nil {
		return sign.KeyUnreadable, err.Error()
	}
	if len(res.Fields) == 0 {
		res.Domain, res.Selector = c.key.Domain, c.key.Selector
	} else {
		res.Also = append(res.Also, c.key.Domain+"/"+c.key.Selector)
	}
	if c.key.second() { // below the others: some verifiers read only the uppermost few
		res.Fields = slices.Insert(res.Fields, 0, f)
	} else {
		res.Fields = append(res.Fields, f)
	}
	return "", ""
}
