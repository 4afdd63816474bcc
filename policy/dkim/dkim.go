// Package dkim verifies DomainKeys Identified Mail signatures: RFC 6376 with
// RFC 8301 (algorithms), RFC 8463 (Ed25519) and RFC 8616 (internationalised
// domains). Its canonicalization and key records also serve package arc.
//
// A [Verifier] goes with the message: it reads the signatures when the header is
// complete, asks for their keys while the body comes in, has the body hashed by
// [Bodies] on its way, and decides at the end. Neither the body nor anything
// that grows with it is kept.
//
// # Limits
//
// Every byte of a message and of a key record may be an enemy's. Per message, 10
// signatures are verified (Options.MaxSignatures) with at most 20 different body
// hashes; a signature has at most 64 KB, 64 tags and 1000 signed fields, a key
// record 16 KB and, by default, 8192 bits. What is beyond is permerror or policy
// with the limit named in the reason.
package dkim

import (
	"cmp"
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// Resolver is what the verification needs of the DNS.
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

// Options bound and inform a verification. The zero value works.
type Options struct {
	// Now is the clock for t= and x=; default time.Now.
	Now func() time.Time
	// Skew is how far clocks may differ; default 5 minutes. A t= in the future
	// is borne for a day longer: it harms nobody.
	Skew time.Duration
	// MaxSignatures is how many are verified; the others are reported as
	// policy. Default 10.
	MaxSignatures int
	// MinRSABits (default and at least 1024, RFC 8301 section 3.2) and
	// MaxRSABits (default 8192) bound the keys that count.
	MinRSABits, MaxRSABits int
	// Diagnose looks closer at signatures that fail, see [Result.Diagnosis].
	// It costs a further verification for each of them, and changes no result.
	Diagnose bool

	// historic lets rsa-sha1 and short keys count, as before RFC 8301: old
	// test messages have no other signatures.
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

// Result is what was found about one DKIM-Signature field.
type Result struct {
	Domain    string `json:"domain"`    // d=, lower-case A-labels
	Selector  string `json:"selector"`  // s=
	Algorithm string `json:"algorithm"` // a=
	Status    Status `json:"result"`
	Reason    string `json:"reason"`
	// Failure is the kind of trouble that Reason puts into words.
	Failure  Failure `json:"failure"`
	KeyBits  int     `json:"key_bits"`
	Testing  bool    `json:"testing"`  // the key record says t=y
	Identity string  `json:"identity"` // i=, or @d
	// Signature is the start of b=, 8 characters or what tells this signature
	// from the message's others (RFC 6008).
	Signature string `json:"signature"`
	// BodyLength is l=, -1 if absent.
	BodyLength int64 `json:"body_length"`
	// Partial tells of a passing signature that the body goes on behind l=:
	// anybody may have added the rest (RFC 6376 section 8.2).
	Partial bool `json:"partial"`
	// Changed names the header fields that differ from the copies which the
	// signer left in z= (RFC 6376 section 3.5), if the header was changed; at
	// most 10.
	Changed []string `json:"changed,omitempty"`
	// Diagnosis says in sentences what else is known about a signature that
	// failed. It is filled if Options.Diagnose is set.
	Diagnosis []string `json:"diagnosis,omitempty"`
}

// fail fills in what an error leads to.
func (r *Result) fail(err error) { r.Status, r.Reason, r.Failure = outcomeOf(err) }
