package dkim

import (
	"crypto/sha256"
	"errors"
	"strconv"

	"github.com/postvet/postvet/policy/message"
)

// NewMessageSigner returns a signer that makes the ARC-Message-Signature of an instance
// (RFC 8617 section 4.1.2). The field has no v=, and i= is the instance, so that
// SignOptions.Identity must be empty.
func NewMessageSigner(header *HeaderIndex, bodies *Bodies, instance int, o SignOptions) (*Signer, error) {
	if o.Identity != "" {
		return nil, errors.New("dkim: signing: an ARC-Message-Signature has no identity")
	}
	return newSigner("ARC-Message-Signature", instanceTag(instance), header, bodies, o)
}

// Seal returns the ARC-Seal of an instance (RFC 8617 section 4.1.3) with cv=. The covered
// fields are signed in their order, and the seal itself after them (section 5.1.1). Of
// the options it uses Domain, Selector, Key and Time: a seal has neither c= nor h=.
func Seal(covered []message.Field, instance int, cv string, o SignOptions) (message.Field, error) {
	domain, selector, err := o.names()
	if err != nil {
		return message.Field{}, err
	}
	algorithm, hashed, err := algorithmOf(o.Key)
	if err != nil {
		return message.Field{}, err
	}
	var w fieldWriter
	w.add("ARC-Seal:")
	for _, tag := range []string{
		instanceTag(instance), "a=" + algorithm, "t=" + strconv.FormatInt(o.Time.Unix(), 10), "cv=" + cv, "d=" + domain, "s=" + selector,
	} {
		w.token(" ", tag+";")
	}
	w.token(" ", "b=")
	h := sha256.New()
	var buf []byte
	for _, f := range covered {
		buf = AppendField(buf[:0], Relaxed, f)
		h.Write(buf)
	}
	h.Write(appendRelaxed(buf[:0], w.text.String()))
	return w.signed("ARC-Seal", o.Key, h.Sum(nil), hashed)
}

func instanceTag(n int) string { return "i=" + strconv.Itoa(n) }
