package arc

import (
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/postvet/postvet/policy/dkim"
)

// parse reads the signatures of a chain whose sets are complete and checks what
// needs neither key nor body (RFC 8617 section 5.2, steps 2 and 3). The error
// breaks the chain. An older ARC-Message-Signature may be broken without that:
// it only tells how far back the message is unchanged.
func parse(sets []*set, o dkim.Options) error {
	newest := sets[len(sets)-1]
	for _, s := range sets {
		var err error
		if s.seal, err = dkim.ParseSeal(s.field[seal]); err != nil {
			return fmt.Errorf("ARC-Seal %d: %w", s.instance, plain(err))
		}
		if err := checkSeal(s, o); err != nil {
			return fmt.Errorf("ARC-Seal %d: %w", s.instance, plain(err))
		}
	}
	for _, s := range sets {
		var m *dkim.Signature
		m, s.messageErr = dkim.ParseMessageSignature(s.field[messageSignature])
		if s.messageErr == nil {
			s.messageErr = checkMessageSignature(m, o)
		}
		s.message = readings(m)
		if s.messageErr != nil && s == newest {
			return fmt.Errorf("ARC-Message-Signature %d: %w", s.instance, plain(s.messageErr))
		}
	}
	return nil
}

// checkSeal applies what RFC 8617 section 4.1.3 says of an ARC-Seal alone.
func checkSeal(s *set, o dkim.Options) error {
	cv, _ := s.seal.Tags.Get("cv")
	want := "pass"
	if s.instance == 1 {
		want = "none"
	}
	switch {
	case cv == "fail":
		return errors.New("cv=fail: the chain had failed when it came there")
	case cv != want:
		return fmt.Errorf("cv= is not %s", want)
	}
	if _, ok := s.seal.Tags.Get("h"); ok {
		return errors.New("h= is not allowed")
	}
	return dkim.CheckHash(s.seal, o) // its t= is told, and bounds nothing
}

// readings returns the forms in which m may have been made. Without c= that is
// simple by RFC 6376 section 3.5, to which RFC 8617 section 4.1.2 refers; but
// sealers, and the ARC test suite, take it for relaxed. That there is no c= is
// itself signed, so trying both lets nobody choose.
func readings(m *dkim.Signature) []reading {
	list := []reading{{Signature: m}}
	if _, ok := m.Tags.Get("c"); !ok {
		r := *m
		r.HeaderForm, r.BodyForm = dkim.Relaxed, dkim.Relaxed
		list = append(list, reading{Signature: &r})
	}
	return list
}

// checkMessageSignature applies what RFC 8617 section 4.1.2 adds to DKIM.
func checkMessageSignature(m *dkim.Signature, o dkim.Options) error {
	if slices.Contains(m.SignedFields, "arc-seal") {
		return errors.New("h= must not name ARC-Seal")
	}
	if err := dkim.CheckHash(m, o); err != nil {
		return err
	}
	return dkim.CheckTimes(m, o)
}

// sealDigests hashes what each seal covers (RFC 8617 section 5.1.1): all fields
// of the sets up to its own, ascending, its own without b=. The hash goes
// through the chain once, and its state is copied at each seal, so that a chain
// of 50 sets costs no more than its length.
func sealDigests(sets []*set) ([][]byte, error) {
	h := sets[0].seal.Hash.New()
	digests := make([][]byte, len(sets))
	var buf []byte
	for i, s := range sets {
		buf = dkim.AppendField(buf[:0], dkim.Relaxed, s.field[results])
		buf = dkim.AppendField(buf, dkim.Relaxed, s.field[messageSignature])
		h.Write(buf)
		c, err := h.(hash.Cloner).Clone() // all of the standard library's are
		if err != nil {
			return nil, err
		}
		c.Write(s.seal.AppendUnsigned(buf[:0], dkim.Relaxed))
		digests[i] = c.Sum(nil)
		h.Write(dkim.AppendField(buf[:0], dkim.Relaxed, s.field[seal]))
	}
	return digests, nil
}
