package milter

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

const (
	// maxReply is the longest reply line, RFC 5321 section 4.5.3.1.5, without
	// its CRLF. It holds after each '%' is doubled.
	maxReply = 510
	// maxReason bounds the reason of a quarantine, which both MTAs log.
	maxReason = 200
)

// ValidCode reports whether a code is one that both MTAs pass on: an SMTP code
// 4yz or 5yz and an enhanced one (RFC 3463) of the same class. With 421 they
// would close the SMTP connection.
func ValidCode(code string) bool {
	basic, enhanced, ok := strings.Cut(code, " ")
	if !ok || len(basic) != 3 || basic[0] != '4' && basic[0] != '5' || basic == "421" ||
		basic[1] < '0' || basic[1] > '5' || basic[2] < '0' || basic[2] > '9' {
		return false
	}
	parts := strings.Split(enhanced, ".")
	if len(parts) != 3 || parts[0] != basic[:1] {
		return false
	}
	for _, p := range parts {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// replyText makes of a reply what the protocol carries.
func replyText(s string) string {
	return strings.TrimSpace(foreign.Reply(strings.TrimSpace(s), maxReply))
}

// reasonText does the same for the reason of a quarantine.
func reasonText(s string) string {
	return strings.TrimSpace(foreign.Line(strings.TrimSpace(s), maxReason))
}
