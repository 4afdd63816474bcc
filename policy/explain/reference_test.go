package explain

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/result"
)

// TestReferenceInReply shows that a refusal tells its reference whatever else it tells.
func TestReferenceInReply(t *testing.T) {
	t.Parallel()
	const ref = result.Reference(123456789012345678)
	for name, x := range map[string]struct {
		helpURL, text string
		action        result.Action
		want          bool
	}{
		"rejected":  {"", "DMARC: example.org asks to refuse this", result.Reject, true},
		"deferred":  {"", "Please try again later", result.TempFail, true},
		"help URL":  {"https://mail.example/refused?ref={ref}", "Refused", result.Reject, true},
		"long text": {"https://mail.example/refused?why={hint}", strings.Repeat("100% refused ", 100), result.Reject, true},
		"accepted":  {"", "Marked", result.Accept, false},
	} {
		v := Verdict(x.helpURL, &result.Results{Reference: ref}, result.Verdict{Action: x.action, Intended: x.action, Text: x.text})
		if strings.Contains(v.Text, "; ref "+ref.String()) != x.want {
			t.Errorf("%s: the reply is %q", name, v.Text)
		}
		if n := wireLength(v.Text); n > MaxReply && x.want {
			t.Errorf("%s: the reply has %d octets", name, n)
		}
		if x.helpURL != "" && strings.Contains(x.helpURL, "{ref}") && !strings.HasSuffix(v.Text, "?ref="+ref.String()) {
			t.Errorf("%s: the help URL in %q has no reference", name, v.Text)
		}
		if x.want && !strings.HasPrefix(x.text, v.Sentence) {
			t.Errorf("%s: the sentence is %q", name, v.Sentence)
		}
	}
}
