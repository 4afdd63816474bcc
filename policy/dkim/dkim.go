// Package dkim verifies and makes DomainKeys Identified Mail (DKIM) signatures, RFC
// 6376, with RFC 8301 (algorithms), RFC 8463 (Ed25519) and RFC 8616 (internationalized
// domains).
//
// With DKIM a domain takes responsibility for a message. It signs the body and
// some header fields, and publishes its public key in the DNS. A signature that
// verifies shows that the domain signed the message and that nothing it signed was
// changed since.
//
// # Verification
//
// [NewVerifier] parses the DKIM-Signature fields of a complete header and registers
// the body hashes that they need with a [Bodies]. The caller writes the body to the
// Bodies as it arrives and calls [Verifier.LookupKeys] meanwhile. [Verifier.Finish]
// returns one [Result] per field. The package does not store the body, and its
// memory use does not grow with the body.
//
// # Signing
//
// [NewSigner] chooses the header fields to sign by a list of [FieldRule] and registers
// the body hash with a [Bodies]. The caller writes the body and closes the Bodies.
// [Signer.Sign] then returns the field to put on top of the message. Several signers
// and a verifier can share the Bodies, so that each canonicalization is hashed once.
//
// Package arc uses the same canonicalization, body hashes and key records.
//
// # Errors
//
// A signature that fails is a Result with a reason, not a Go error. The functions
// that read or check one signature or key return an [*Error], which names the
// result it leads to. A DNS failure leads to TempError.
//
// # Where the grammar is not enforced
//
// A deviation is accepted if no reader could take the text for something else, so that
// nobody is harmed, and if other verifiers accept it, so that signers do not notice it:
//
//	v= is not the first tag of a key    accepted: the version is known all the same
//	names of tags with a hyphen         accepted, as any unknown tag
//	empty tags (";;")                   accepted: they say nothing
//	a=, c=, q=, k=, t= in capitals      accepted: literals have no case (RFC 5234 section 2.3)
//	a line end around a name or value   accepted, as white space
//	v= of another value or case         an error: tags could have another meaning
//	a repeated tag                      an error: readers differ about which counts
//	a tag without "="                   an error: the list may have been cut
//	a control character in a value      an error: readers cut there
//
// What is accepted so is named in [Key.Oddities] and, with Options.Diagnose, in
// Result.Diagnosis.
//
// Package dmarc reads its records by the same rule, with the difference that RFC 9989
// section 4.8 ignores errors behind the version. ARC fields are read strictly, since
// intermediaries must agree on them (RFC 8617 section 4.1.3).
//
// # Limits
//
// An attacker may write any byte of a message or of a key record, so all work is
// bounded. Per message, 10 signatures (Options.MaxSignatures) and 20 different body
// hashes are verified. A signature has at most 64 KB, 64 tags and 1000 signed
// fields. A key record has at most 16 KB, and an RSA key 8192 bits
// (Options.MaxRSABits). A signature beyond a limit gets permerror or policy, and
// its reason names the limit.
package dkim

import (
	"cmp"
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// Resolver looks up the TXT records of keys.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and does not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of RFC 8601 section 2.7.1.
type Status string

// The results.
const (
	None      Status = "none"
	Pass      Status = "pass"
	Fail      Status = "fail"
	Policy    Status = "policy"
	Neutral   Status = "neutral"
	TempError Status = "temperror"
	PermError Status = "permerror"
)

// Options configure a verification. The zero value works.
type Options struct {
	// Now is the clock for t= and x=; default time.Now.
	Now func() time.Time
	// Skew is how far the signer's clock and ours may differ; default 5 minutes.
	// A t= in the future is accepted for another day, see CheckTimes.
	Skew time.Duration
	// MaxSignatures is how many signatures are verified; the others get the
	// result policy. Default 10.
	MaxSignatures int
	// Author is the domain of the author, in lower-case A-labels, or "". Of more
	// than MaxSignatures signatures, those that can be aligned with it are verified.
	Author string
	// MinRSABits (default and at least 1024, RFC 8301 section 3.2) and
	// MaxRSABits (default 8192) bound the size of RSA keys.
	MinRSABits, MaxRSABits int
	// Diagnose fills in [Result.Diagnosis] for signatures that fail. It costs
	// another verification for each of them, and changes no result.
	Diagnose bool

	// historic accepts rsa-sha1 and short keys, as before RFC 8301. Old test
	// messages have no other signatures.
	historic bool
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

func (o Options) skew() time.Duration { return cmp.Or(o.Skew, 5*time.Minute) }

func (o Options) maxSignatures() int { return cmp.Or(o.MaxSignatures, 10) }

func (o Options) minRSABits() int { return max(o.MinRSABits, 1024) }

func (o Options) maxRSABits() int { return cmp.Or(o.MaxRSABits, 8192) }

// Result is the outcome of one DKIM-Signature field.
type Result struct {
	Domain    string `json:"domain"`    // d=, lower-case A-labels
	Selector  string `json:"selector"`  // s=
	Algorithm string `json:"algorithm"` // a=
	Status    Status `json:"result"`
	Reason    string `json:"reason"`
	// Failure is the kind of failure that Reason describes.
	Failure Failure `json:"failure"`
	KeyBits int     `json:"key_bits"`
	// KeyRecord is the record of the key as the DNS had it, cut after 4096 octets. It may
	// hold any octets; "" if it was not found or not looked up.
	KeyRecord string `json:"key_record,omitempty"`
	Testing   bool   `json:"testing"`  // the key record says t=y
	Identity  string `json:"identity"` // i=, or @d
	// Signature is the start of b=: 8 characters, or as many as it takes to
	// differ from the other signatures of the message (RFC 6008 section 4).
	Signature string `json:"signature"`
	// BodyLength is l=, -1 if absent.
	BodyLength int64 `json:"body_length"`
	// Partial reports that the signature passes but the body is longer than l=.
	// Anybody may have added the rest (RFC 6376 section 8.2).
	Partial bool `json:"partial"`
	// Changed names the signed header fields that differ from the signer's copies
	// in z= (RFC 6376 section 3.5), at most 10. It is set only if the header was
	// changed.
	Changed []string `json:"changed,omitempty"`
	// Diagnosis holds sentences for people about why the signature failed. It is
	// set only if Options.Diagnose is.
	Diagnosis []string `json:"diagnosis,omitempty"`
}

// fail sets the result to the outcome of err.
func (r *Result) fail(err error) { r.Status, r.Reason, r.Failure = outcomeOf(err) }
