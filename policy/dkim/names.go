package dkim

import (
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// tagDomain returns a name of d=, s= or the domain of i= in lower-case A-labels,
// and whether it is one. RFC 6376 section 3.5 does not allow a final dot, so the
// other full stops of IDNA are not allowed there either (RFC 3490 section 3.1).
func tagDomain(s string) (string, bool) {
	if strings.TrimRight(s, ".\u3002\uff0e\uff61") != s {
		return "", false
	}
	return message.NormalizeDomain(s)
}
