// Package dkim verifies DomainKeys Identified Mail signatures: RFC 6376 with
// RFC 8301 (algorithms), RFC 8463 (Ed25519) and RFC 8616 (internationalised
// domains). Its canonicalization and key records also serve package arc.
package dkim

import (
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// Resolver is what the verification needs of the DNS.
type Resolver interface {
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
	// Skew is how far clocks may differ; default 5 minutes.
	Skew time.Duration
	// MaxSignatures is how many are verified; the others are reported as
	// policy. Default 10.
	MaxSignatures int
	// MinRSABits (default 1024, RFC 8301 section 3.2) and MaxRSABits (default
	// 8192) bound the keys that count.
	MinRSABits, MaxRSABits int
}

// Result is what was found about one DKIM-Signature field.
type Result struct {
	Domain    string `json:"domain"`    // d=, lower-case A-labels
	Selector  string `json:"selector"`  // s=
	Algorithm string `json:"algorithm"` // a=
	Status    Status `json:"result"`
	Reason    string `json:"reason"`
	KeyBits   int    `json:"key_bits"`
	Testing   bool   `json:"testing"`  // the key record says t=y
	Identity  string `json:"identity"` // i=, or @d
	// Signature is the start of b=, 8 characters or what tells this signature
	// from the message's others (RFC 6008).
	Signature string `json:"signature"`
	// BodyLength is l=, -1 if absent.
	BodyLength int64 `json:"body_length"`
}

// Verifier verifies all signatures of one message while it arrives: create it
// at the end of the header, Start it, feed the body to its Bodies, Finish.
type Verifier struct{}

// NewVerifier reads the DKIM-Signature fields of h and registers the body
// hashes that they need with bodies.
func NewVerifier(h message.Header, bodies *Bodies, o Options) *Verifier { return &Verifier{} }

// Start begins the look-ups of the keys. They end with ctx.
func (v *Verifier) Start(ctx context.Context, r Resolver) {}

// Finish waits for the keys and returns one result per DKIM-Signature field,
// in order from the top; none if there is no such field. Bodies must be closed
// before.
func (v *Verifier) Finish(ctx context.Context) []Result { return nil }
