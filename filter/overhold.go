package filter

import (
	"slices"

	"github.com/postvet/postvet/policy/result"
)

// Over says why a message must not be held although the rules have it so.
type Over struct {
	// Key is the key of the configuration whose bound is reached; "" if the message may
	// be held.
	Key string
	// Tag is true if the message is then delivered with a tag. Otherwise it is deferred.
	Tag bool
}

// overHold returns the verdict about a message that is not held since a bound is reached,
// in place of the one that the rules have.
func (s *session) overHold(m *mail, d *Decision, over Over) result.Verdict {
	if over.Tag {
		return m.handler.tagged(d.Results, over.Key)
	}
	v := deferred(d.Verdict)
	v.Text = "The message is to be held for review, of which there is too much at present; please try again later"
	v.Change, v.Withdraw, v.Append = nil, nil, nil
	v.Overrides = append(slices.Clip(v.Overrides), result.Override{Reason: result.ReasonLocalPolicy, By: over.Key, Text: string(result.TempFail)})
	v.Why = append([]string{"As much mail was held today as " + over.Key + " allows, so the message is deferred."}, v.Why...)
	v.Why = v.Why[:min(len(v.Why), maxWhy)]
	return v
}

// maxWhy bounds the sentences about a verdict.
const maxWhy = 12
