package milter

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

const (
	// maxReply bounds a reply line without its CRLF (RFC 5321 section 4.5.3.1.5). A
	// doubled '%' counts twice.
	maxReply = 510
	// maxReason bounds the reason of a quarantine, which both MTAs log.
	maxReason = 200
)

// ValidCode reports whether both MTAs pass a code on to the client. It must be an SMTP code
// 4yz or 5yz with an enhanced code of the same class (RFC 3463). 421 is not valid, because
// the MTAs would close the SMTP connection.
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

// replyText returns a reply in the form of the protocol.
func replyText(s string) string {
	return strings.TrimSpace(foreign.Reply(strings.TrimSpace(s), maxReply))
}

// reasonText returns the reason of a quarantine in the form of the protocol.
func reasonText(s string) string {
	return strings.TrimSpace(foreign.Line(strings.TrimSpace(s), maxReason))
}
