package filter

import (
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// TestOverHold: a message that must not be held is deferred or tagged, and says so. Other
// messages are not asked about.
func TestOverHold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		over   Over
		action result.Action
		code   byte
	}{
		{"may be held", Over{}, result.Quarantine, 'c'},
		{"deferred", Over{Key: "policy.hold_per_day"}, result.TempFail, 'y'},
		{"tagged", Over{Key: "policy.hold_per_domain", Tag: true}, result.Accept, 'c'},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			hold := func(*result.Results) Over { asked++; return tt.over }
			r, _ := startPolicy(t, rules.Rules{})
			r.opt.Hold = hold
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Deliver(from("good.test", "good.test"))
			r.decision()
			got := m.Deliver(from("plain.test", "held.test"))
			d := r.decision()
			held := slices.ContainsFunc(got.Edits, func(e string) bool { return strings.HasPrefix(e, "quarantine ") })
			tagged := strings.Contains(strings.Join(got.Edits, "\n"), "X-Postvet-Quarantine")
			if got.Code != tt.code || d.Verdict.Action != tt.action || held != (tt.over.Key == "") || tagged != tt.over.Tag || asked != 1 || len(d.Faults) > 0 {
				t.Errorf("%+v, %+v, asked %d times, faults %q", got, d.Verdict, asked, d.Faults)
			}
			if tt.over.Key == "" {
				return
			}
			last := d.Verdict.Overrides[len(d.Verdict.Overrides)-1]
			if last.By != tt.over.Key || len(d.Verdict.Overrides) != 1 || !strings.Contains(strings.Join(d.Verdict.Why, " "), tt.over.Key) {
				t.Errorf("%+v", d.Verdict)
			}
			if tagged && !strings.Contains(d.Verdict.AuthenticationResults, "policy.override-by="+tt.over.Key) {
				t.Errorf("our field: %s", d.Verdict.AuthenticationResults)
			}
			if tt.action == result.TempFail && !strings.HasPrefix(got.Text, "451 4.7.1 ") {
				t.Errorf("reply %q", got.Text)
			}
		})
	}
}
