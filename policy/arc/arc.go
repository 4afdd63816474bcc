// Package arc verifies and extends Authenticated Received Chains (ARC, RFC 8617).
//
// A mailing list or forwarder that changes a message often breaks its DKIM
// signatures. With ARC each such hop records the results of its own SPF, DKIM and
// DMARC checks, and seals them together with the sets of the hops before it. The
// final receiver can then see what the first hop saw.
//
// A chain that passes shows who sealed it and that the records are unchanged. It
// does not show that the records are true: the caller decides which sealers it
// trusts.
//
// # Verification
//
// [NewVerifier] parses the ARC fields of a complete header and registers the body
// hashes that they need. The caller writes the body to the [dkim.Bodies] as it
// arrives and calls [Verifier.LookupKeys] meanwhile. [Verifier.Finish] returns the
// [Result].
//
// # Sealing
//
// [NewSigner] registers the body hash with the Bodies. When the body is complete and it is
// decided what else is changed in the header, [Signer.Seal] returns the fields of the next
// set. What it records, and whether the chain is valid, comes from the results that were
// found when the message arrived: a mailing list breaks the chain that it continues.
//
// # Errors
//
// A chain that fails is a Result with a reason, not a Go error. After a DNS failure
// the result is TempError, unless the chain fails for another reason as well.
//
// # Limits
//
// A chain has at most 50 sets (RFC 8617 section 4.2.1). At most 60 keys are looked
// up, 8 at a time, within ten seconds. The limits of package dkim apply to each
// field.
package arc

// Status is the validation status of a chain (RFC 8617 section 4.4).
type Status string

// The statuses. TempError is not in RFC 8617; it means that a key could not be looked
// up.
const (
	None      Status = "none"
	Pass      Status = "pass"
	Fail      Status = "fail"
	TempError Status = "temperror"
)

// Sealer is the signer of one ARC set.
type Sealer struct {
	Instance int    `json:"instance"`
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	// Recorded holds the results that the sealer recorded; nil unless the chain
	// passes.
	Recorded *Recorded `json:"recorded,omitempty"`
}

// Result is the outcome for the chain of one message.
type Result struct {
	Status    Status   `json:"result"`
	Reason    string   `json:"reason"`
	Instances int      `json:"instances"`
	Sealers   []Sealer `json:"sealers"` // by instance, ascending; never nil
	// OldestPass is the lowest instance from which all ARC-Message-Signatures up
	// to the newest verify, 0 if all verify (RFC 8617 section 5.2). It is set only
	// if Status is Pass.
	OldestPass int `json:"oldest_pass"`
	// Partial reports that the chain passes but the body is longer than l= of the
	// newest ARC-Message-Signature. Anybody may have added the rest.
	Partial bool `json:"partial"`
	// Sets describe each set, ascending. They are filled in only with
	// dkim.Options.Diagnose.
	Sets []Set `json:"sets,omitempty"`
}

// Set describes one ARC set of a message.
type Set struct {
	Instance int    `json:"instance"`
	Sealer   string `json:"sealer"` // d= of the seal; "" if it cannot be read
	// Seal and Message are the reasons why the seal and the message signature do
	// not verify, "" if they do. A chain with malformed or missing fields is not
	// verified.
	Seal    string `json:"seal"`
	Message string `json:"message"`
	// Results is the text of the ARC-Authentication-Results field on one line, at
	// most 300 octets. It is foreign text.
	Results string `json:"results"`
}
