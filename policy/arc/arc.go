// Package arc verifies Authenticated Received Chains, RFC 8617: what did the
// hops before us, who changed the message, see when it came to them?
//
// Verification tells who sealed the chain and whether it is intact. Whether
// those sealers are to be believed is the policy's business.
package arc

import (
	"context"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// Status is a chain's state (RFC 8617 section 4.4).
type Status string

// The states; TempError is ours for a key that could not be looked up.
const (
	None      Status = "none"
	Pass      Status = "pass"
	Fail      Status = "fail"
	TempError Status = "temperror"
)

// Sealer is who signed one ARC set.
type Sealer struct {
	Instance int    `json:"instance"`
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
}

// Result is what was found about a message's chain.
type Result struct {
	Status    Status   `json:"result"`
	Reason    string   `json:"reason"`
	Instances int      `json:"instances"`
	Sealers   []Sealer `json:"sealers"` // by instance, ascending; never nil
	// OldestPass is the lowest instance whose ARC-Message-Signature still
	// verifies, 0 if all do (RFC 8617 section 5.2).
	OldestPass int `json:"oldest_pass"`
}

// Verifier verifies the chain of one message while it arrives.
type Verifier struct{}

// NewVerifier reads the ARC fields of h and registers the body hashes that
// they need with bodies.
func NewVerifier(h message.Header, bodies *dkim.Bodies, o dkim.Options) *Verifier {
	return &Verifier{}
}

// Start begins the look-ups of the sealers' keys. They end with ctx.
func (v *Verifier) Start(ctx context.Context, r dkim.Resolver) {}

// Finish waits for the keys and returns the chain's state. The bodies must be
// closed before.
func (v *Verifier) Finish(ctx context.Context) Result {
	return Result{Status: None, Sealers: []Sealer{}}
}
