package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// TestSeal: the ARC set stands above our field, and a fault in it costs the message
// nothing but the set.
func TestSeal(t *testing.T) {
	t.Parallel()
	ar := message.NewField("Authentication-Results", " mx.example.net; none")
	set := []message.Field{message.NewField("ARC-Authentication-Results", " i=1"), message.NewField("ARC-Message-Signature", " i=1"), message.NewField("ARC-Seal", " i=1")}
	sealed := func(r *result.Results, v *result.Verdict) {
		v.Seal = set
		r.Sealing = &result.Sealing{Domain: "example.org", Selector: "s", Instance: 1, Chain: "none"}
	}
	withoutChange := miltertest.OfferAll
	withoutChange.Actions &^= 0x10
	for _, tt := range []struct {
		name    string
		verdict result.Verdict
		seal    func(*result.Results, *result.Verdict)
		offer   miltertest.Offer
		want    miltertest.Outcome
		faults  int
	}{
		{
			name: "sealed", seal: sealed, verdict: result.Verdict{Insert: []message.Field{ar}},
			want: miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 Authentication-Results: mx.example.net; none", "ins 0 ARC-Authentication-Results: i=1", "ins 0 ARC-Message-Signature: i=1", "ins 0 ARC-Seal: i=1"}},
		},
		{
			name: "a fault", seal: func(_ *result.Results, v *result.Verdict) { v.Seal = set; panic("x") }, verdict: result.Verdict{Insert: []message.Field{ar}},
			want: miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 Authentication-Results: mx.example.net; none"}}, faults: 1,
		},
		{
			name: "an MTA that lets us change nothing, and nothing to change", seal: sealed, offer: withoutChange,
			want: miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 ARC-Authentication-Results: i=1", "ins 0 ARC-Message-Signature: i=1", "ins 0 ARC-Seal: i=1"}},
		},
		{
			name: "an MTA that lets us change nothing, and a change", seal: sealed, offer: withoutChange,
			verdict: result.Verdict{Change: []result.FieldChange{{FieldRef: result.FieldRef{Name: "To", Occurrence: 1}, Field: message.NewField("To", " x")}}},
			want:    miltertest.Outcome{Code: 'c'},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.offer == (miltertest.Offer{}) {
				tt.offer = miltertest.OfferAll
			}
			r := start(t, &fake{verdict: tt.verdict, seal: tt.seal}, Options{})
			m := miltertest.Connect(t, r.dial, tt.offer)
			m.Hello()
			got := m.Deliver(miltertest.Usual())
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if d := r.decision(); len(d.Faults) != tt.faults || d.Verdict.Action != result.Accept {
				t.Errorf("action %s, faults %q", d.Verdict.Action, d.Faults)
			}
			m.Close()
			r.stop()
		})
	}
}
