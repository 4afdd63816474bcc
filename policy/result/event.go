package result

import (
	"github.com/postvet/postvet/policy/spf"
)

// Event is one line of a trace.
type Event struct {
	AtMS float64 `json:"at_ms"` // since the connection began
	What string  `json:"what"`  // dns, message, iprev, spf, dkim, arc, dmarc, mx, policy
	Text string  `json:"text"`
	// Check is what the event belongs to: of a look-up, who asked. It is What,
	// but for SPF, which has an identity behind it: "spf helo", "spf mailfrom".
	Check string `json:"check"`
}

// The words of Event.Check. A trace tells them in this order.
const (
	CheckMessage  = "message"
	CheckIPRev    = "iprev"
	CheckHelo     = "spf helo"
	CheckMailFrom = "spf mailfrom"
	CheckDKIM     = "dkim"
	CheckARC      = "arc"
	CheckDMARC    = "dmarc"
	CheckMX       = "mx"
	CheckPolicy   = "policy"
)

func CheckOf(i spf.Identity) string {
	if i == spf.HELO {
		return CheckHelo
	}
	return CheckMailFrom
}
