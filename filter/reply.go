package filter

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"

	"github.com/emersion/go-milter"
)

const (
	// maxReply is the longest reply line, RFC 5321 section 4.5.3.1.5, without
	// its CRLF. It holds after each '%' is doubled.
	maxReply = 510
	// maxReason bounds the reason of a quarantine, which both MTAs log.
	maxReason = 200
)

// reply is the last word about a message: the zero value is "continue", which
// at the end of a message means acceptance.
type reply struct {
	text    string // "550 5.7.26 ..." as the SMTP client is to see it
	discard bool   // the client is told that the message was accepted
}

var tempFailure = reply{text: "451 4.3.0 Please try again later"}

// refusal makes the reply of a verdict. A verdict whose code cannot be sent
// becomes a temporary failure.
func refusal(v result.Verdict) reply {
	code := v.Code
	if code == "" && v.Action == result.TempFail {
		code = "451 4.7.0"
	}
	if !validCode(code) || v.Action != result.Reject && code[0] != '4' {
		return reply{text: strings.TrimSpace("451 4.3.0 " + v.Text)}
	}
	return reply{text: strings.TrimSpace(code + " " + v.Text)}
}

// validCode reports whether a code is one that both MTAs pass on: an SMTP code
// 4yz or 5yz and an enhanced one (RFC 3463) of the same class. With 421 they
// would close the SMTP connection.
func validCode(code string) bool {
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

// wireText makes of a reply what the protocol carries.
func wireText(s string) string {
	return strings.TrimSpace(foreign.Reply(strings.TrimSpace(s), maxReply))
}

// final makes go-milter's response of a reply: one whose Continue is true, as
// after any other go-milter takes a new backend.
func final(r reply) milter.Response {
	if r.discard {
		return discard{}
	}
	if r.text == "" {
		return milter.RespContinue
	}
	return milter.NewResponseStr(byte(milter.ActReplyCode), wireText(r.text))
}

// discard is go-milter's RespDiscard, but for a Continue that is true.
type discard struct{}

func (discard) Response() *milter.Message { return milter.RespDiscard.Response() }
func (discard) Continue() bool            { return true }
