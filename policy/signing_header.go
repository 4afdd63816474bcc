package policy

import (
	"crypto"
	"crypto/rand"
	"slices"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// verifyOwn begins to verify the signatures that our own keys made. A content filter may
// hand in a message again that we have signed. The keys are ours, so it needs no DNS.
func (m *Message) verifyOwn(keys []SigningKey) {
	public := map[dkim.KeyRef]crypto.PublicKey{}
	for _, k := range keys {
		public[dkim.KeyRef{Selector: k.Selector, Domain: k.Domain}] = k.Signer.Public()
	}
	o := m.conn.checker.opt.DKIM
	o.Author = m.signing.result.Domain
	for _, f := range m.header {
		if !f.Is("DKIM-Signature") {
			continue
		}
		if s, err := dkim.ParseSignature(f); err == nil && public[s.KeyRef()] != nil {
			m.signing.own = dkim.NewVerifier(slices.Clone(m.header), &m.bodies, o) // the header will change
			m.signing.refs = dkim.KnownKeys(public)
			return
		}
	}
}

// signedAlready reports whether a signature by one of our keys still verifies. The others
// are to be removed, since they would make receivers doubt the new one.
func (m *Message) signedAlready() bool {
	s := m.signing
	if s.own == nil {
		return false
	}
	for i, r := range s.own.Finish(s.refs) {
		ref := dkim.KeyRef{Selector: r.Selector, Domain: r.Domain}
		if _, err := s.refs.Get(ref); err != nil {
			continue
		}
		if r.Status == dkim.Pass && !r.Partial {
			return true
		}
		if r.Status == dkim.Fail {
			s.result.Remove = append(s.result.Remove, result.FieldRef{Name: "DKIM-Signature", Occurrence: i + 1})
		}
	}
	return false
}

// prepareHeader makes the header fit to be signed: it folds lines that mail servers
// would break, and adds Date and Message-ID, which a server would add later. It writes
// addresses as Sendmail would write them later, unless that breaks another's signature
// already now. The header that is signed is the changed one.
func (m *Message) prepareHeader() {
	o := m.conn.checker.opt.Signing
	fields := o.Fields
	if fields == nil {
		fields = dkim.DefaultFields()
	}
	signed := map[string]bool{}
	for _, f := range fields {
		signed[f.Name] = true
	}
	res := &m.signing.result
	sendmail := m.conn.client.OfSendmail() && !slices.ContainsFunc(m.header, m.isForeignSignature)
	occurrences := map[string]int{}
	for i, f := range m.header {
		name := dnscache.LowerASCII(f.Name)
		occurrences[name]++
		if !signed[name] {
			continue
		}
		fit, rewritten := f, false
		if sendmail {
			fit, rewritten = dkim.AsSendmail(f)
		}
		fit, folded := dkim.Fold(fit)
		if rewritten || folded {
			m.header[i] = fit
			res.Change = append(res.Change, result.FieldChange{FieldRef: result.FieldRef{Name: f.Name, Occurrence: occurrences[name]}, Field: fit})
		}
	}
	if !o.AddMissing {
		return
	}
	if occurrences["date"] == 0 {
		m.addField("Date", m.signing.at.Format(time.RFC1123Z))
	}
	if occurrences["message-id"] == 0 {
		m.addField("Message-ID", "<"+rand.Text()+"@"+res.Domain+">")
	}
}

// isForeignSignature reports whether a field is a signature by a key that is not ours.
func (m *Message) isForeignSignature(f message.Field) bool {
	if !f.Is("DKIM-Signature") {
		return false
	}
	s, err := dkim.ParseSignature(f)
	if err != nil {
		return true
	}
	_, err = m.signing.refs.Get(s.KeyRef())
	return err != nil
}

// addField adds a field at the end of the header.
func (m *Message) addField(name, value string) {
	f := message.NewField(name, " "+value)
	m.signing.result.Append = append(m.signing.result.Append, f)
	m.header = append(m.header, f)
}
