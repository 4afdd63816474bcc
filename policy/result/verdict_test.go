package result_test

import (
	"testing"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

func TestDiffers(t *testing.T) {
	t.Parallel()
	base := result.Verdict{Action: result.Reject, Intended: result.Reject, Code: "550 5.7.1", Rule: "a", Text: "x"}
	for name, change := range map[string]func(*result.Verdict){
		"action":   func(v *result.Verdict) { v.Action = result.Accept },
		"intended": func(v *result.Verdict) { v.Intended = result.Quarantine },
		"code":     func(v *result.Verdict) { v.Code = "554 5.7.1" },
		"redirect": func(v *result.Verdict) { v.RedirectTo = "a@b.example" },
		"added":    func(v *result.Verdict) { v.Insert = []message.Field{message.NewField("X-A", " 1")} },
		"removed":  func(v *result.Verdict) { v.Remove = []result.FieldRef{{Name: "A", Occurrence: 1}} },
	} {
		v := base
		change(&v)
		if !v.Differs(base) {
			t.Errorf("%s makes no difference", name)
		}
	}
	v := base
	v.Rule, v.Text, v.Insert = "b", "y", []message.Field{message.NewField("Authentication-Results", " x")}
	if v.Differs(base) {
		t.Error("names, texts and our results make a difference")
	}
}
