package policy

import (
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// delivered returns a header as it is after the edits of a verdict.
func delivered(h message.Header, v *result.Verdict) message.Header {
	ref := func(name string, occurrence int) result.FieldRef {
		return result.FieldRef{Name: dnscache.LowerASCII(name), Occurrence: occurrence}
	}
	edits := map[result.FieldRef]*message.Field{} // nil for a field that is removed
	for i, c := range v.Change {
		edits[ref(c.Name, c.Occurrence)] = &v.Change[i].Field
	}
	for _, list := range [][]result.FieldRef{v.Remove, v.Withdraw} {
		for _, r := range list {
			edits[ref(r.Name, r.Occurrence)] = nil
		}
	}
	out := make(message.Header, 0, len(h)+len(v.Insert)+len(v.Append))
	for i := len(v.Insert) - 1; i >= 0; i-- {
		out = append(out, v.Insert[i])
	}
	count := map[string]int{}
	for _, f := range h {
		name := dnscache.LowerASCII(f.Name)
		count[name]++
		edit, edited := edits[ref(name, count[name])]
		switch {
		case !edited:
			out = append(out, f)
		case edit != nil:
			out = append(out, *edit)
		}
	}
	return append(out, v.Append...)
}
