package explain

import (
	"slices"

	"github.com/postvet/postvet/policy/result"
)

// Verdict returns a verdict with its hints, sentences and reply text set. Text of the
// verdict is the sentence that the rule has for the client. helpURL is the
// template of the administrator's help URL, see [CheckHelpURL]; "" for none.
func Verdict(helpURL string, res *result.Results, v result.Verdict) result.Verdict {
	v.Hints = withoutAnswered(hints(res), v.Rule)
	v.Why = why(res, &v)
	v.Sentence, v.Text = v.Text, replyText(helpURL, res, &v)
	return v
}

// RefusedEarly is the last sentence about a message that is refused before it is sent.
const RefusedEarly = "So it is refused at RCPT, before it is sent, whatever may be in it."

// withoutAnswered removes the hints that a rule answers. If a trusted party vouches for a
// message, the question whether it was forged or forwarded is settled.
func withoutAnswered(hints []result.Hint, rule string) []result.Hint {
	switch rule {
	case result.RuleTrustedForwarder, result.RuleTrustedSealer, result.RuleMailingList:
		return slices.DeleteFunc(hints, func(h result.Hint) bool {
			return h.Word == result.HintUnauthenticated || h.Word == result.HintMaybeForwarded
		})
	}
	return hints
}
