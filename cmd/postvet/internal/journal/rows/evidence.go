package rows

import (
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
)

// maxEvidence bounds the text of one piece of evidence.
const maxEvidence = 160

// evidence keeps the states of the entries of package judgement as bits, so that they are
// kept whole, and the texts of those that are present.
func (c *codec) evidence(r *Row) {
	res := r.Results
	n := len(res.Evidence)
	if number(c, &n); n == 0 {
		return
	}
	var found, hidden int64
	for i, e := range res.Evidence {
		switch e.State {
		case result.Present:
			found |= 1 << i
		case result.Absent:
		default:
			hidden |= 1 << i
		}
	}
	number(c, &found)
	number(c, &hidden)
	text(c, &r.Verdict.Judgement, 16)
	if !c.reading {
		for i := range res.Evidence {
			if e := &res.Evidence[i]; e.State == result.Present {
				c.cutText(&e.Text, maxEvidence, c.localAt)
			}
		}
		return
	}
	res.Evidence = judgement.Of(func(i int) result.Presence {
		switch {
		case found>>i&1 == 1:
			return result.Present
		case hidden>>i&1 == 1 || i >= n: // an entry that the row is older than
			return result.Unknown
		}
		return result.Absent
	}, c.readText)
}
