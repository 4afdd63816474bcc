package arc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// maxKeys bounds the lookups of one chain: 50 seals, the newest message signature,
// and some older message signatures for Result.OldestPass.
const maxKeys = 60

// maxConcurrent bounds the concurrent lookups of one chain. A long chain costs its
// maker nothing, and its lookups must not delay those of other messages.
const maxConcurrent = 8

// keysTimeout bounds the time of all lookups of one chain. DMARC is evaluated after
// the chain and needs the rest of the time for the message, also if no server
// answers.
const keysTimeout = 10 * time.Second

// Verifier verifies the chain of one message. Create it at the end of the header,
// look up the keys while the body is written to the Bodies, close the Bodies, and
// call Finish.
type Verifier struct {
	opt    dkim.Options
	header *dkim.HeaderIndex
	sets   []*set
	broken error // the failure that needs neither keys nor body
	keys   dkim.Keys
}

// NewVerifier parses the ARC fields of h and registers the body hashes that they
// need with bodies.
func NewVerifier(h message.Header, bodies *dkim.Bodies, o dkim.Options) *Verifier {
	v := &Verifier{opt: o}
	v.read(h, bodies)
	return v
}

func (v *Verifier) read(h message.Header, bodies *dkim.Bodies) {
	if v.sets, v.broken = collect(h); v.broken != nil || len(v.sets) == 0 {
		return
	}
	if v.broken = parse(v.sets, v.opt); v.broken != nil {
		return
	}
	v.header = dkim.NewHeaderIndex(h)
	// The number of body hashes is bounded, so the newest signature comes first.
	for i := len(v.sets) - 1; i >= 0; i-- {
		s := v.sets[i]
		if s.messageErr != nil {
			break // OldestPass cannot be below this set
		}
		for i := range s.message {
			m := &s.message[i]
			if m.body = bodies.Hash(m.BodyForm, m.Hash, m.BodyLength); m.body == nil {
				s.messageErr = errors.New("the message needs too many different body hashes")
			}
		}
	}
	if newest := v.sets[len(v.sets)-1]; newest.messageErr != nil {
		v.broken = fmt.Errorf("ARC-Message-Signature %d: %w", newest.instance, unprefixed(newest.messageErr))
	}
}

// NeedsKeys reports whether there is a chain to verify.
func (v *Verifier) NeedsKeys() bool { return v.broken == nil && len(v.sets) > 0 }

// LookupKeys looks up the sealers' keys, the newest first and eight at a time. It
// stops when a key is missing without which the chain fails. It returns after ten
// seconds or when ctx ends at the latest.
func (v *Verifier) LookupKeys(ctx context.Context, r dkim.Resolver) dkim.Keys {
	if !v.NeedsKeys() {
		return nil
	}
	ctx, cancel := dnscache.WithTimeout(ctx, keysTimeout)
	defer cancel()
	required, others := v.keyRefs()
	keys := dkim.Keys{}
	for batch := range slices.Chunk(append(required, others...), maxConcurrent) {
		maps.Copy(keys, dkim.LookupKeys(ctx, r, batch...))
		if slices.ContainsFunc(required, func(ref dkim.KeyRef) bool { return keys.Missing(ref) }) {
			break
		}
	}
	return keys
}

// keyRefs returns the places of the keys without which the chain fails, and of the
// keys for Result.OldestPass. Both are ordered from the newest set down, and each
// place stands there once.
func (v *Verifier) keyRefs() (required, others []dkim.KeyRef) {
	seen := map[dkim.KeyRef]bool{}
	add := func(to []dkim.KeyRef, s *dkim.Signature) []dkim.KeyRef {
		if ref := s.KeyRef(); !seen[ref] && len(seen) < maxKeys {
			seen[ref] = true
			to = append(to, ref)
		}
		return to
	}
	newest := len(v.sets) - 1
	required = add(required, v.sets[newest].message[0].Signature)
	for i := newest; i >= 0; i-- {
		required = add(required, v.sets[i].seal)
	}
	for i := newest - 1; i >= 0 && v.sets[i].messageErr == nil; i-- {
		others = add(others, v.sets[i].message[0].Signature)
	}
	return required, others
}

// Finish returns the result of the chain. The Bodies must be closed before.
func (v *Verifier) Finish(keys dkim.Keys) Result {
	v.keys = keys
	res := Result{Status: None, Instances: len(v.sets), Sealers: []Sealer{}}
	v.finish(&res)
	return res
}

func (v *Verifier) finish(res *Result) {
	for _, s := range v.sets {
		if s.seal == nil && s.has[seal] {
			s.seal, _ = dkim.ParseSeal(s.field[seal])
		}
		if s.seal != nil && s.seal.Domain != "" {
			res.Sealers = append(res.Sealers, Sealer{Instance: s.instance, Domain: s.seal.Domain, Selector: s.seal.Selector})
		}
	}
	if v.opt.Diagnose {
		res.Sets = v.describe()
	}
	if v.broken != nil {
		res.Status, res.Reason = Fail, v.broken.Error()
		return
	}
	if len(v.sets) == 0 {
		return
	}
	if failure := v.verifyChain(); failure != nil {
		res.Status, res.Reason = Fail, failure.Reason
		if failure.Status == dkim.TempError {
			res.Status = TempError
		}
		return
	}
	res.Status, res.OldestPass = Pass, v.oldestPass()
	v.record(res)
}

// record sets Partial and the recorded results of a chain that passes.
func (v *Verifier) record(res *Result) {
	for _, m := range v.sets[len(v.sets)-1].message {
		res.Partial = res.Partial || m.body.More()
	}
	for i := range res.Sealers {
		r := readRecorded(v.sets[i].field[results].Value())
		res.Sealers[i].Recorded = &r
	}
}

// verifyChain verifies the newest message signature and then all seals from the
// newest down (RFC 8617 section 5.2, steps 4 and 6). It returns the first permanent
// failure or, if there is none, the first failed lookup. It returns nil if the chain
// passes.
func (v *Verifier) verifyChain() *dkim.Error {
	var temporary *dkim.Error
	newest := v.sets[len(v.sets)-1]
	if err := v.verifyMessage(newest); err != nil {
		failure := failureOf(messageSignature, newest, err)
		if failure.Status != dkim.TempError {
			return failure
		}
		temporary = failure
	}
	digests, err := sealDigests(v.sets)
	if err != nil {
		return failureOf(seal, newest, err)
	}
	for i := len(v.sets) - 1; i >= 0; i-- {
		s := v.sets[i]
		err := v.verifyDigest(s.seal, digests[i])
		if err == nil {
			continue
		}
		failure := failureOf(seal, s, err)
		if failure.Status != dkim.TempError {
			return failure
		}
		if temporary == nil {
			temporary = failure
		}
	}
	return temporary
}

// oldestPass returns Result.OldestPass of a chain that passes (RFC 8617 section 5.2,
// step 5).
func (v *Verifier) oldestPass() int {
	for i := len(v.sets) - 2; i >= 0; i-- {
		if v.verifyMessage(v.sets[i]) != nil {
			return v.sets[i+1].instance
		}
	}
	return 0
}

// verifyMessage returns nil if one of the candidates for the message signature of a
// set verifies, or else the error of the first candidate.
func (v *Verifier) verifyMessage(s *set) error {
	if s.messageErr != nil {
		return s.messageErr
	}
	var first error
	for _, m := range s.message {
		err := dkim.CheckBody(m.Signature, m.body)
		if err == nil {
			err = v.verifyDigest(m.Signature, v.header.Digest(m.Signature, s.at[messageSignature]))
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// verifyDigest returns nil if a signature of a digest verifies.
func (v *Verifier) verifyDigest(s *dkim.Signature, digest []byte) error {
	key, err := v.keys.Get(s.KeyRef())
	if err != nil {
		return err
	}
	if err := key.Serves(s, v.opt); err != nil {
		return err
	}
	if !key.VerifyDigest(s.Hash, digest, s.Value) {
		return errors.New("signature does not match: a signed header field was changed")
	}
	return nil
}

// failureOf returns err with the field it belongs to. Its status is Fail, or
// TempError if that of err is.
func failureOf(kind int, s *set, err error) *dkim.Error {
	f := &dkim.Error{Status: dkim.Fail, Reason: fmt.Sprintf("%s %d: %s", fieldNames[kind], s.instance, unprefixed(err))}
	if e := (*dkim.Error)(nil); errors.As(err, &e) && e.Status == dkim.TempError {
		f.Status = dkim.TempError
	}
	return f
}
