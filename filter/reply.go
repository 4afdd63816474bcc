package filter

import (
	"strings"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/result"
)

// refusal returns the reply of a verdict that refuses. A verdict with an invalid code
// becomes a temporary failure.
func refusal(v result.Verdict) milter.Reply {
	code := v.Code
	if code == "" && v.Action == result.TempFail {
		code = "451 4.7.0"
	}
	if !milter.ValidCode(code) || v.Action != result.Reject && code[0] != '4' {
		code = "451 4.3.0"
	}
	return milter.Reply{Text: strings.TrimSpace(code + " " + v.Text)}
}

// quarantineReason returns why a message is held, for the administrator of the MTA.
func quarantineReason(v result.Verdict) string {
	if strings.TrimSpace(v.Text) == "" {
		return "held by policy"
	}
	return v.Text
}
