package result

import (
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/sign"
)

// DryRun compares what we would do to a message with what a signer before us did.
type DryRun struct {
	// Outcome is one of the words below.
	Outcome string `json:"outcome"`
	// Detail says what differs.
	Detail string `json:"detail,omitempty"`
}

// The outcomes of a dry run.
const (
	DryRunAlike   = "alike"        // both sign, as the same domain by the same selector
	DryRunDiffers = "differs"      // both sign, and not alike
	DryRunOurs    = "ours-alone"   // only we would sign
	DryRunTheirs  = "theirs-alone" // only the other signed
	DryRunNeither = "neither"      // nobody signs
)

// DryRunOutcomes returns all outcomes of a dry run.
func DryRunOutcomes() []string {
	return []string{DryRunAlike, DryRunDiffers, DryRunOurs, DryRunTheirs, DryRunNeither}
}

// Signing says whether we sign a message, and if not, why.
type Signing struct {
	sign.Decision
	// Selector is that of the key that signed.
	Selector string `json:"selector,omitempty"`
	// Also are the domains and selectors of further signatures, as domain/selector.
	Also []string `json:"also,omitempty"`
	// Without says why an Ed25519 key that was to sign too did not.
	Without string `json:"without_second,omitempty"`
	// KeyFault is true if the message would be signed, and no key of it can be read: a file
	// is broken, or a server is away.
	KeyFault bool `json:"-"`
	// DryRun is set if nothing is signed and we only compare. Domain, Selector and Reason
	// are then what would be done.
	DryRun *DryRun `json:"dry_run,omitempty"`
	// Fields are the DKIM-Signature fields to put on top of the message, the last one
	// uppermost.
	Fields []message.Field `json:"-"`
	// Append are Date and Message-ID, if they are missing.
	Append []message.Field `json:"-"`
	// Change are fields that were folded, and Remove are signatures by our own keys that
	// do not verify any more. Both count occurrences as received.
	Change []FieldChange `json:"-"`
	Remove []FieldRef    `json:"-"`
}

// SigningChoice is what the administrator's rules say about a signature. The zero value
// says nothing.
type SigningChoice struct {
	// Rule is the name of the rule.
	Rule string
	// None is true if the message is not signed, and Selector that of the key that signs.
	None     bool
	Selector string
}
