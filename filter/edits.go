package filter

import (
	"slices"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/result"
)

// headerEdits returns the changes of a verdict to the header, and a fault for each that
// is not possible.
func headerEdits(v result.Verdict) (edits milter.Verdict, faults []string) {
	for _, r := range v.Remove {
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
	for _, f := range v.Insert {
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
