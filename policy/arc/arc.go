// Package arc verifies Authenticated Received Chains, RFC 8617: what did the
// hops before us, who changed the message, see when it came to them?
//
// Verification tells who sealed the chain and whether it is intact. Whether
// those sealers are to be believed is the policy's business.
package arc

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
	// Recorded is what this sealer saw; nil unless the chain passes.
	Recorded *Recorded `json:"recorded,omitempty"`
}

// Result is what was found about a message's chain.
type Result struct {
	Status    Status   `json:"result"`
	Reason    string   `json:"reason"`
	Instances int      `json:"instances"`
	Sealers   []Sealer `json:"sealers"` // by instance, ascending; never nil
	// OldestPass is the lowest instance whose ARC-Message-Signature and those
	// above it still verify, 0 if all do (RFC 8617 section 5.2). It is set if
	// Status is Pass.
	OldestPass int `json:"oldest_pass"`
	// Partial tells of a chain that passes that the body goes on behind l= of
	// the newest ARC-Message-Signature: anybody may have added the rest.
	Partial bool `json:"partial"`
	// Sets tell what became of each set, ascending; only if the options of the
	// verification ask for a diagnosis.
	Sets []Set `json:"sets,omitempty"`
}

// Set is one ARC set as it was found.
type Set struct {
	Instance int    `json:"instance"`
	Sealer   string `json:"sealer"` // d= of the seal; "" if it cannot be read
	// Seal and Message say what is wrong with the seal and with the message
	// signature; "" for nothing. Those of a chain that is broken by its form
	// were not verified.
	Seal    string `json:"seal"`
	Message string `json:"message"`
	// Results is what the sealer saw, as it wrote it (ARC-Authentication-Results):
	// foreign text on one line, at most 300 octets.
	Results string `json:"results"`
}
