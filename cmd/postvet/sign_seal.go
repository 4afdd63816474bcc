package main

import (
	"bytes"
	"crypto"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// sealMessage returns the ARC set of a message that was checked when it arrived, after a
// verifier has found it good.
func sealMessage(mail []byte, name, authservID string, o dkim.SignOptions) (string, error) {
	r := message.NewReader(bytes.NewReader(mail))
	header, err := r.Header()
	if err != nil {
		return "", unreadable(name, err)
	}
	if authservID == "" {
		if authservID, err = os.Hostname(); err != nil {
			return "", failed("%w; name the host that checked the message with --authserv-id", err)
		}
	}
	so := arc.SealOptions{Domain: o.Domain, Selector: o.Selector, Key: o.Key, Time: o.Time}
	for _, s := range []*string{&so.Domain, &so.Selector} {
		if name, ok := message.NormalizeDomain(*s); ok { // otherwise Seal says what is wrong
			*s = name
		}
	}
	if so.Results, so.Chain, err = arc.AtArrival(header, authservID); err != nil {
		return "", notSealed(name, err)
	}
	var bodies dkim.Bodies
	s, err := arc.NewSigner(&bodies)
	if err != nil {
		return "", exit{exitFailed, err}
	}
	if _, err := r.WriteTo(&bodies); err != nil {
		return "", unreadable(name, err)
	}
	bodies.Close()
	set, err := s.Seal(header, so)
	if err != nil {
		return "", notSealed(name, err)
	}
	text := ""
	for _, f := range set.Fields {
		text = f.Raw + text
	}
	if set.Chain == arc.Fail {
		return text, nil // no verifier looks further
	}
	return text, proveSeal(append([]byte(text), mail...), set, so)
}

// notSealed returns the error for a message that gets no set.
func notSealed(name string, err error) error {
	for _, reason := range []error{
		arc.ErrNoResults, arc.ErrResults, arc.ErrFailed, arc.ErrUndecided, arc.ErrChanged, arc.ErrFull, arc.ErrAuthor,
	} {
		if errors.Is(err, reason) {
			return answerNo("%s: not sealed: %s", name, strings.TrimPrefix(err.Error(), "arc: "))
		}
	}
	return exit{exitUsage, err}
}

// proveSeal verifies the topmost set with the public half of its key. The keys of other
// sets are not looked up.
func proveSeal(sealed []byte, set *arc.NewSet, o arc.SealOptions) error {
	r := message.NewReader(bytes.NewReader(sealed))
	header, err := r.Header()
	if err != nil {
		return exit{exitFailed, err}
	}
	var bodies dkim.Bodies
	v := arc.NewVerifier(header, &bodies, dkim.Options{Now: func() time.Time { return o.Time }, Diagnose: true})
	if _, err := r.WriteTo(&bodies); err != nil {
		return exit{exitFailed, err}
	}
	bodies.Close()
	ref := dkim.KeyRef{Selector: o.Selector, Domain: o.Domain}
	sets := v.Finish(dkim.KnownKeys(map[dkim.KeyRef]crypto.PublicKey{ref: o.Key.Public()})).Sets
	if len(sets) != set.Instance {
		return failed("the chain has %d sets, not %d; please report this", len(sets), set.Instance)
	}
	if last := sets[len(sets)-1]; last.Seal != "" || last.Message != "" {
		return failed("the set does not verify (%s; %s); please report this", last.Seal, last.Message)
	}
	return nil
}
