package result

import (
	"github.com/postvet/postvet/policy/spf"
)

// Event is one line of a trace.
type Event struct {
	AtMS float64 `json:"at_ms"` // since the connection began
	What string  `json:"what"`  // dns, message, iprev, spf, dkim, arc, dmarc, mx, judgement, policy
	Text string  `json:"text"`
	// Check is the check that the event belongs to. A lookup belongs to the check
	// that needed it. Check is one of the words below.
	Check string `json:"check"`
}

// The words of Event.Check, in the order of a trace.
const (
	CheckMessage   = "message"
	CheckIPRev     = "iprev"
	CheckHelo      = "spf helo"
	CheckMailFrom  = "spf mailfrom"
	CheckDKIM      = "dkim"
	CheckARC       = "arc"
	CheckDMARC     = "dmarc"
	CheckMX        = "mx"
	CheckJudgement = "judgement"
	CheckSigning   = "sign"
	CheckPolicy    = "policy"
)

// CheckOf returns the check of an SPF identity.
func CheckOf(i spf.Identity) string {
	if i == spf.HELO {
		return CheckHelo
	}
	return CheckMailFrom
}
