package filter

import (
	"slices"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/result"
)

// headerEdits returns the changes of a verdict to the header, and a fault for each that
// is not possible. An MTA that lets us change no fields is not asked for changes that
// only prepare a message to be signed: nothing is forged if they do not happen.
func headerEdits(v result.Verdict, mayChange bool) (edits milter.Verdict, faults []string) {
	if !mayChange {
		v.Withdraw, v.Change = nil, nil
	}
	for _, r := range slices.Concat(v.Remove, v.Withdraw) {
		edits.Remove = append(edits.Remove, milter.FieldRef{Name: r.Name, Occurrence: r.Occurrence})
	}
	for _, c := range v.Change {
		edits.Change = append(edits.Change, milter.FieldChange{
			FieldRef: milter.FieldRef{Name: c.Name, Occurrence: c.Occurrence}, Value: c.Field.Value(),
		})
	}
	for _, f := range v.Append {
		edits.Append = append(edits.Append, milter.NewField{Name: f.Name, Value: f.Value()})
	}
	for _, f := range slices.Concat(v.Insert, v.Seal) {
		if !milter.ValidName(f.Name) {
			faults = append(faults, "a field without a proper name was not added")
			continue
		}
		edits.Insert = append(edits.Insert, milter.NewField{Name: f.Name, Value: f.Value()})
	}
	return edits, faults
}

// isTagged reports whether a message is delivered with the field that says it should
// have been held.
func isTagged(edits milter.Verdict) bool {
	return slices.ContainsFunc(edits.Insert, func(f milter.NewField) bool { return f.Name == result.QuarantineField })
}
