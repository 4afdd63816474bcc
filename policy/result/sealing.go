package result

import (
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/sign"
)

// Sealing says whether we add an ARC set to a message, and if not, why.
type Sealing struct {
	// Reason says why the message is not sealed; "" if it is. Detail explains it to a
	// person.
	Reason sign.Reason `json:"reason,omitempty"`
	Detail string      `json:"detail,omitempty"`
	// Domain and Selector are those of the seal, Instance is the number of its set, and
	// Chain is what it says of the sets before (cv=).
	Domain   string     `json:"domain,omitempty"`
	Selector string     `json:"selector,omitempty"`
	Instance int        `json:"instance,omitempty"`
	Chain    arc.Status `json:"cv,omitempty"`
	// HandedOn is true if the recorded results are those that the message had when it was
	// handed in, and false if they were found in this pass.
	HandedOn bool `json:"handed_on"`
}
