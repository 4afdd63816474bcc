package filter

import (
	"strings"

	"github.com/postvet/postvet/policy/result"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
)

// maxClaim is how much is looked at of a field beyond the header's room.
const maxClaim = 64 << 10

// claims keeps account of the fields that bear a name of ours. RFC 8601
// section 5 wants forgeries taken out wherever in a header they are: also where
// the rest is no longer read, since a message is delivered in spite of its size
// if its sender is exempt or the rules only monitor.
type claims struct {
	results, tags int // fields named Authentication-Results and QuarantineField so far
	// cut are those that were too large to be read whole. Nobody knows what
	// they say, so they count as ours.
	cut  []result.FieldRef
	more bool // there are more of these than are kept
}

// note counts a field, and reports whether it bears a name of ours. cut tells
// that its value was not read to the end.
func (c *claims) note(name string, cut bool) bool {
	f := message.Field{Name: strings.TrimRight(name, " \t")} // as message.NewField reads it
	var ref result.FieldRef
	switch {
	case f.Is(result.ResultsField):
		c.results++
		ref = result.FieldRef{Name: result.ResultsField, Occurrence: c.results}
	case f.Is(result.QuarantineField):
		c.tags++
		ref = result.FieldRef{Name: result.QuarantineField, Occurrence: c.tags}
	default:
		return false
	}
	if cut {
		if len(c.cut) >= policy.MaxClaims {
			c.more = true
			return true
		}
		c.cut = append(c.cut, ref)
	}
	return true
}

// complete adds the cut fields to those that policy found; if that is still not
// all of them, the results say so, and no rule lets the message pass. Fields of
// trusted clients stay: what they hand on may be our own work.
func (c *claims) complete(res *result.Results) {
	if res.Exempt == result.ExemptAddress || res.Exempt == result.ExemptLocal {
		return
	}
	known := make(map[result.FieldRef]bool, len(res.Claims))
	for _, r := range res.Claims {
		known[r] = true
	}
	for _, r := range c.cut {
		if !known[r] {
			res.Claims = append(res.Claims, r)
		}
	}
	if c.more || len(res.Claims) > policy.MaxClaims {
		res.ClaimsIncomplete = true
	}
}
