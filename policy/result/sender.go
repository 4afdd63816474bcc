package result

import (
	"github.com/postvet/postvet/policy/mx"
)

// SenderDomain says whether a domain of the sender accepts mail.
type SenderDomain struct {
	// Identity is "mailfrom" or "author".
	Identity string `json:"identity"`
	mx.Result
}

// The identities of SenderDomain.
const (
	SenderMailFrom = "mailfrom"
	SenderAuthor   = "author"
)
