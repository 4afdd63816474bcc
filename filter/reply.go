package filter

import (
	"strings"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/result"
)

// refusal returns the reply of a verdict that refuses. One whose code cannot be
// sent becomes a temporary failure.
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

// quarantineReason returns why the MTA is to hold a message, which it shows to
// its admin.
func quarantineReason(v result.Verdict) string {
	if strings.TrimSpace(v.Text) == "" {
		return "held by policy"
	}
	return v.Text
}
