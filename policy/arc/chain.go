package arc

import (
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
)

// parse parses the signatures of a chain with complete sets, and makes all checks
// that need neither key nor body (RFC 8617 section 5.2, steps 2 and 3). The error
// breaks the chain. An invalid older ARC-Message-Signature does not break it; it
// only limits Result.OldestPass.
func parse(sets []*set, o dkim.Options) error {
	newest := sets[len(sets)-1]
	if err := parseSeals(sets, o); err != nil {
		return err
	}
	for _, s := range sets {
		var m *dkim.Signature
		m, s.messageErr = dkim.ParseMessageSignature(s.field[messageSignature])
		if s.messageErr == nil {
			s.messageErr = checkMessageSignature(m, o)
		}
		s.message = candidates(m)
		if s.messageErr != nil && s == newest {
			return fmt.Errorf("ARC-Message-Signature %d: %w", s.instance, unprefixed(s.messageErr))
		}
	}
	return nil
}

// parseSeals parses and checks the seals of complete sets.
func parseSeals(sets []*set, o dkim.Options) error {
	for _, s := range sets {
		var err error
		if s.seal, err = dkim.ParseSeal(s.field[seal]); err != nil {
			return fmt.Errorf("ARC-Seal %d: %w", s.instance, unprefixed(err))
		}
		if err := checkSeal(s, o); err != nil {
			return fmt.Errorf("ARC-Seal %d: %w", s.instance, unprefixed(err))
		}
	}
	return nil
}

// checkSeal checks the rules of RFC 8617 section 4.1.3 for one ARC-Seal. Its t= is
// information only, so a seal has no expiry.
func checkSeal(s *set, o dkim.Options) error {
	cv, _ := s.seal.Tags.Get("cv")
	want := "pass"
	if s.instance == 1 {
		want = "none"
	}
	switch {
	case strings.EqualFold(cv, "fail"):
		return errors.New("cv=fail: the chain had failed before this hop")
	case !strings.EqualFold(cv, want): // literals have no case (RFC 5234 section 2.3)
		return fmt.Errorf("cv= is not %s", want)
	}
	if _, ok := s.seal.Tags.Get("h"); ok {
		return errors.New("h= is not allowed")
	}
	return dkim.CheckHash(s.seal, o)
}

// candidates returns m in each canonicalization that its sealer may have used.
// Without c= it is simple by RFC 6376 section 3.5, to which RFC 8617 section 4.1.2
// refers. However, some sealers and the ARC test suite use relaxed then, so both are
// tried. A forger gains nothing by that, since the signature covers the absence of
// c= too.
func candidates(m *dkim.Signature) []candidate {
	list := []candidate{{Signature: m}}
	if _, ok := m.Tags.Get("c"); !ok {
		r := *m
		r.HeaderForm, r.BodyForm = dkim.Relaxed, dkim.Relaxed
		list = append(list, candidate{Signature: &r})
	}
	return list
}

// checkMessageSignature checks the rules that RFC 8617 section 4.1.2 adds to DKIM,
// and the hash and the times as DKIM does.
func checkMessageSignature(m *dkim.Signature, o dkim.Options) error {
	if slices.Contains(m.SignedFields, "arc-seal") {
		return errors.New("h= must not name ARC-Seal")
	}
	if err := dkim.CheckHash(m, o); err != nil {
		return err
	}
	return dkim.CheckTimes(m, o)
}

// sealDigests returns the hash that each seal signs (RFC 8617 section 5.1.1). It
// covers all fields of the sets up to the seal's own in ascending order, with an
// empty b= in the seal itself. The chain is hashed once, and the state of the hash
// is copied at each seal, so the time is linear in the length of the chain.
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
