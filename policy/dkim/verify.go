package dkim

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/message"
)

// Verifier verifies all DKIM signatures of one message. Create it at the end of the
// header, look up the keys while the body is written to the Bodies, close the
// Bodies, and call Finish.
type Verifier struct {
	opt    Options
	header *HeaderIndex
	checks []*check
}

// check is the verification of one signature.
type check struct {
	at   int // position of its field
	sig  *Signature
	body *BodyHash
	err  error // the failure that needs neither key nor body
	// probe and appended are set by Probe: the hash of the body in relaxed form,
	// and the search for the end of the signed body.
	probe    *BodyHash
	appended *appended
}

// NewVerifier parses the DKIM-Signature fields of h and registers the body hashes
// that they need with bodies.
func NewVerifier(h message.Header, bodies *Bodies, o Options) *Verifier {
	v := &Verifier{opt: o}
	for i := range h {
		if h[i].Is("DKIM-Signature") {
			c := &check{at: i}
			c.sig, c.err = ParseSignature(h[i])
			v.checks = append(v.checks, c)
		}
	}
	for n, c := range v.byRelation() {
		v.read(c, bodies, n >= o.maxSignatures())
	}
	if len(v.checks) > 0 {
		v.header = NewHeaderIndex(h)
	}
	return v
}

// Domains returns d= of the signatures that have not failed yet.
func (v *Verifier) Domains() []string {
	var domains []string
	for _, c := range v.checks {
		if c.err == nil {
			domains = append(domains, c.sig.Domain)
		}
	}
	return domains
}

// byRelation returns the checks in the order in which they get a share of the
// limits: those whose domains can be aligned with the author come first, so that
// foreign signatures above them cannot keep them from being verified. Otherwise the
// order is that of the header.
func (v *Verifier) byRelation() []*check {
	if v.opt.Author == "" || len(v.checks) <= v.opt.maxSignatures() {
		return v.checks
	}
	list := slices.Clone(v.checks)
	slices.SortStableFunc(list, func(a, b *check) int {
		return distance(a.sig.Domain, v.opt.Author) - distance(b.sig.Domain, v.opt.Author)
	})
	return list
}

// distance returns how far a domain is from being aligned with the author's: 0 if it
// is the same, 1 if one is below the other, 2 if they share two labels, else 3.
func distance(domain, author string) int {
	switch {
	case domain == author:
		return 0
	case domain == "":
		return 3
	case message.Below(domain, author) || message.Below(author, domain):
		return 1
	case lastTwoLabels(domain) == lastTwoLabels(author):
		return 2
	}
	return 3
}

func lastTwoLabels(domain string) string {
	last := strings.LastIndexByte(domain, '.')
	return domain[strings.LastIndexByte(domain[:max(last, 0)], '.')+1:]
}

// read makes all checks of a parsed signature that need neither key nor body.
func (v *Verifier) read(c *check, bodies *Bodies, excess bool) {
	if excess {
		c.err = &Error{Status: Policy, Failure: FailureLimit, Reason: fmt.Sprintf("more than %d signatures", v.opt.maxSignatures())}
	}
	if c.err == nil {
		c.err = CheckHash(c.sig, v.opt)
	}
	if c.err == nil {
		c.err = CheckTimes(c.sig, v.opt)
	}
	if c.err != nil {
		return
	}
	if c.body = bodies.Hash(c.sig.BodyForm, c.sig.Hash, c.sig.BodyLength); c.body == nil {
		c.err = &Error{Status: Policy, Failure: FailureLimit, Reason: fmt.Sprintf("more than %d different body hashes", maxBodyHashes)}
	}
}

// CheckHash returns an error for SHA-1. RFC 8301 section 3.1: such a signature has
// permanently failed.
func CheckHash(s *Signature, o Options) error {
	if s.Hash == crypto.SHA1 && !o.historic {
		return permanent(FailureAlgorithm, "algorithm %s is no longer valid", s.Algorithm)
	}
	return nil
}

// maxAhead is how far t= may be ahead of our clock. RFC 6376 section 3.5 allows
// verifiers to ignore signatures from the future. A signer that takes its local
// time for UTC is up to 14 hours ahead, and that does not help a forger.
const maxAhead = 24 * time.Hour

// CheckTimes returns an error for a signature that has expired, or that is from the
// future by more than a day. Both times allow for Options.Skew.
func CheckTimes(s *Signature, o Options) error {
	now := o.now()
	if s.Expires >= 0 && now.Add(-o.skew()).Unix() > s.Expires {
		return permanent(FailureExpired, "expired on %s", utc(s.Expires))
	}
	if s.Time >= 0 && now.Add(maxAhead+o.skew()).Unix() < s.Time {
		return permanent(FailureNotYetValid, "signed in the future, on %s", utc(s.Time))
	}
	return nil
}

func utc(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05 UTC") }

// NeedsKeys reports whether there is a signature that has not failed yet.
func (v *Verifier) NeedsKeys() bool {
	return slices.ContainsFunc(v.checks, func(c *check) bool { return c.err == nil })
}

// LookupKeys looks up the keys of the signatures that have not failed yet. It
// returns when ctx ends at the latest.
func (v *Verifier) LookupKeys(ctx context.Context, r Resolver) Keys {
	var wanted []KeyRef
	for _, c := range v.checks {
		if c.err == nil {
			wanted = append(wanted, c.sig.KeyRef())
		}
	}
	return LookupKeys(ctx, r, wanted...)
}

// Finish returns one result per DKIM-Signature field, from the top down. Without
// such a field it returns an empty list, not nil. The Bodies must be closed before.
func (v *Verifier) Finish(keys Keys) []Result {
	results := make([]Result, len(v.checks))
	for i, c := range v.checks {
		v.finish(c, keys, &results[i])
	}
	setPrefixes(results, v.checks)
	return results
}

func (v *Verifier) finish(c *check, keys Keys, res *Result) {
	s := c.sig
	*res = Result{
		Domain: s.Domain, Selector: s.Selector, Algorithm: s.Algorithm,
		Identity: s.Identity, BodyLength: s.BodyLength,
	}
	if res.Identity == "" && s.Domain != "" {
		res.Identity = "@" + s.Domain
	}
	if c.err != nil {
		res.fail(c.err)
		return
	}
	key, err := keys.Get(s.KeyRef())
	res.KeyRecord = keys.Record(s.KeyRef())
	if v.opt.Diagnose {
		defer func() { res.Diagnosis = append(res.Diagnosis, signatureOddities(s)...) }()
	}
	if err != nil {
		res.fail(v.keyFailure(c, err))
		return
	}
	if v.opt.Diagnose {
		defer func() { res.Diagnosis = append(res.Diagnosis, key.Oddities...) }()
	}
	res.KeyBits, res.Testing = key.Bits, key.Testing
	if err := key.Serves(s, v.opt); err != nil {
		res.fail(err)
		return
	}
	err = CheckBody(s, c.body)
	if err == nil && !key.VerifyDigest(s.Hash, v.header.Digest(s, c.at), s.Value) {
		err = errHeader
		res.Changed = v.header.changed(s, c.at)
	}
	if err == nil {
		res.Status, res.Partial = Pass, c.body.More()
		return
	}
	res.fail(err)
	if v.opt.Diagnose {
		res.Diagnosis = v.diagnose(c, key, res)
	}
}

var errHeader = &Error{Status: Fail, Failure: FailureHeader, Reason: "signature does not match: a signed header field was changed"}

// keyFailure returns the failure of a signature without a key. If the lookup failed
// but the body hash does not match, the signature has failed whatever the key is.
// A forger's DNS server then cannot turn fail into temperror.
func (v *Verifier) keyFailure(c *check, keyErr error) error {
	if !temporary(keyErr) {
		return keyErr
	}
	if err := CheckBody(c.sig, c.body); err != nil && !temporary(err) {
		return err
	}
	return keyErr
}

// CheckBody returns an error if the body's hash differs from bh=. The Bodies must be
// closed before.
func CheckBody(s *Signature, h *BodyHash) error {
	switch {
	case h == nil || h.Sum() == nil:
		return &Error{Status: TempError, Failure: FailureInternal, Reason: "the body is incomplete"}
	case h.Short(): // RFC 6376 section 3.5
		return permanent(FailureBodyShort, "l= is larger than the body")
	case !bytes.Equal(h.Sum(), s.BodyHash):
		return &Error{Status: Fail, Failure: FailureBody, Reason: "body hash does not match: the body was changed after signing"}
	}
	return nil
}

// minPrefix and maxPrefix bound Result.Signature. RFC 6008 section 4 asks for at
// least 8 characters.
const (
	minPrefix = 8
	maxPrefix = 64
)

// setPrefixes sets Result.Signature of each result to the start of b= that differs
// from those of the others (RFC 6008 section 4).
func setPrefixes(results []Result, checks []*check) {
	order := make([]int, len(checks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(checks[i].sig.B, checks[j].sig.B) })
	for i, at := range order {
		b, n := checks[at].sig.B, minPrefix
		if i > 0 {
			n = max(n, differAt(b, checks[order[i-1]].sig.B))
		}
		if i+1 < len(order) {
			n = max(n, differAt(b, checks[order[i+1]].sig.B))
		}
		results[at].Signature = b[:min(n, len(b))]
	}
}

// differAt returns how many bytes of a distinguish it from b, 0 if they are equal.
func differAt(a, b string) int {
	if a == b {
		return 0
	}
	for i := range min(len(a), len(b), maxPrefix) {
		if a[i] != b[i] {
			return i + 1
		}
	}
	return min(len(a), maxPrefix)
}
