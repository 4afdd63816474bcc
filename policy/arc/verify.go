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

// maxKeys bounds the look-ups of one chain: 50 seals, the newest message
// signature, and some more for how far back the message is unchanged.
const maxKeys = 60

// maxAtOnce is how many look-ups of one chain run at the same time, so that a
// long chain, which costs its maker nothing, does not crowd out all others.
const maxAtOnce = 8

// keyBudget bounds the time of a chain's look-ups from the end of the header.
// Keys that are asked for in turn and never come must not use up the time that
// DMARC, which is evaluated after the chain, has for the message.
const keyBudget = 10 * time.Second

// Verifier verifies the chain of one message: create it at the end of the header,
// look up the keys while its bodies are fed with the body, Finish.
type Verifier struct {
	opt    dkim.Options
	header *dkim.HeaderIndex
	sets   []*set
	broken error // what breaks the chain without a look at keys and body
	keys   dkim.Keys
}

// NewVerifier reads the ARC fields of h and registers the body hashes that
// they need with bodies.
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
	for i := len(v.sets) - 1; i >= 0; i-- { // the newest first: it must have its hash
		s := v.sets[i]
		if s.messageErr != nil {
			break // those below are of no use
		}
		for i := range s.message {
			m := &s.message[i]
			if m.body = bodies.Hash(m.BodyForm, m.Hash, m.BodyLength); m.body == nil {
				s.messageErr = errors.New("the message asks for too many different body hashes")
			}
		}
	}
	if newest := v.sets[len(v.sets)-1]; newest.messageErr != nil {
		v.broken = fmt.Errorf("ARC-Message-Signature %d: %w", newest.instance, plain(newest.messageErr))
	}
}

// NeedsKeys reports whether there is a chain to verify.
func (v *Verifier) NeedsKeys() bool { return v.broken == nil && len(v.sets) > 0 }

// LookupKeys looks up the sealers' keys, the newest first and a few at a time; once
// it knows that a key is missing that the chain cannot do without, it asks for no
// more. It returns at the latest when ctx ends, or after ten seconds.
func (v *Verifier) LookupKeys(ctx context.Context, r dkim.Resolver) dkim.Keys {
	if !v.NeedsKeys() {
		return nil
	}
	if dnscache.RecallOf(ctx) == nil { // otherwise no lookup waits
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, keyBudget)
		defer cancel()
	}
	required, others := v.wanted()
	keys := dkim.Keys{}
	for batch := range slices.Chunk(append(required, others...), maxAtOnce) {
		maps.Copy(keys, dkim.LookupKeys(ctx, r, batch...))
		if slices.ContainsFunc(required, func(ref dkim.KeyRef) bool { return keys.Missing(ref) }) {
			break
		}
	}
	return keys
}

// wanted returns where the keys are without which the chain fails, and those that
// tell how far back the message is unchanged; the newest first, each once.
func (v *Verifier) wanted() (required, others []dkim.KeyRef) {
	asked := map[dkim.KeyRef]bool{}
	add := func(to []dkim.KeyRef, s *dkim.Signature) []dkim.KeyRef {
		if ref := s.KeyRef(); !asked[ref] && len(asked) < maxKeys {
			asked[ref] = true
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

// Finish returns the chain's state. The bodies must be closed before.
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
	if fault := v.chain(); fault != nil {
		res.Status, res.Reason = Fail, fault.Reason
		if fault.Status == dkim.TempError {
			res.Status = TempError
		}
		return
	}
	res.Status, res.OldestPass = Pass, v.oldestPass()
	v.record(res)
}

// record fills in what only a chain that passes can tell.
func (v *Verifier) record(res *Result) {
	for _, m := range v.sets[len(v.sets)-1].message {
		res.Partial = res.Partial || m.body.More()
	}
	for i := range res.Sealers {
		r := readRecorded(v.sets[i].field[results].Value())
		res.Sealers[i].Recorded = &r
	}
}

// chain verifies the newest message signature and all seals, newest first
// (RFC 8617 section 5.2, steps 4 and 6). It returns what failed for certain or,
// if nothing did, what could not be looked up.
func (v *Verifier) chain() *dkim.Error {
	var temporary *dkim.Error
	newest := v.sets[len(v.sets)-1]
	if err := v.verifyMessage(newest); err != nil {
		fault := faultOf(messageSignature, newest, err)
		if fault.Status != dkim.TempError {
			return fault
		}
		temporary = fault
	}
	digests, err := sealDigests(v.sets)
	if err != nil {
		return faultOf(seal, newest, err)
	}
	for i := len(v.sets) - 1; i >= 0; i-- {
		s := v.sets[i]
		err := v.verifyDigest(s.seal, digests[i])
		if err == nil {
			continue
		}
		fault := faultOf(seal, s, err)
		if fault.Status != dkim.TempError {
			return fault
		}
		if temporary == nil {
			temporary = fault
		}
	}
	return temporary
}

// oldestPass returns the lowest instance down to which the message signatures
// verify, 0 if all do (RFC 8617 section 5.2, step 5).
func (v *Verifier) oldestPass() int {
	for i := len(v.sets) - 2; i >= 0; i-- {
		if v.verifyMessage(v.sets[i]) != nil {
			return v.sets[i+1].instance
		}
	}
	return 0
}

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

// faultOf says where err happened; it is a failure unless it is TempError.
func faultOf(kind int, s *set, err error) *dkim.Error {
	f := &dkim.Error{Status: dkim.Fail, Reason: fmt.Sprintf("%s %d: %s", fieldNames[kind], s.instance, plain(err))}
	if e := (*dkim.Error)(nil); errors.As(err, &e) && e.Status == dkim.TempError {
		f.Status = dkim.TempError
	}
	return f
}
