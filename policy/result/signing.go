package result

import (
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/sign"
)

// Signing says whether we sign a message, and if not, why.
type Signing struct {
	sign.Decision
	// Selector is that of the key that signed.
	Selector string `json:"selector,omitempty"`
	// Fields are the DKIM-Signature fields to put on top of the message.
	Fields []message.Field `json:"-"`
}
