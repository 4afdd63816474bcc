package explain

import (
	"slices"

	"github.com/postvet/postvet/policy/result"
)

// Verdict returns a verdict with its hints, its sentences and its reply text filled
// in. helpURL is the template of the administrator's help page, see
// [CheckHelpURL]; "" for none. It is a pure function.
func Verdict(helpURL string, res *result.Results, v result.Verdict) result.Verdict {
	v.Hints = withoutAnswered(hints(res), v.Rule)
	v.Why = why(res, &v)
	v.Text = phrase(helpURL, res, &v)
	return v
}

// withoutAnswered takes out the hints that a rule answers: where a trusted party
// vouches for a message, nobody needs to ask whether it was forged or forwarded.
func withoutAnswered(hints []result.Hint, rule string) []result.Hint {
	switch rule {
	case result.RuleTrustedForwarder, result.RuleTrustedSealer, result.RuleMailingList:
		return slices.DeleteFunc(hints, func(h result.Hint) bool {
			return h.Word == result.HintUnauthenticated || h.Word == result.HintMaybeForwarded
		})
	}
	return hints
}
