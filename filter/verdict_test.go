package filter

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

func refs(ss ...string) []result.FieldRef {
	var out []result.FieldRef
	for _, s := range ss {
		name, n, _ := strings.Cut(s, "#")
		var i int
		fmt.Sscan(n, &i)
		out = append(out, result.FieldRef{Name: name, Occurrence: i})
	}
	return out
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	ar := message.NewField("Authentication-Results", " mx.example.net;\r\n\tdmarc=pass")
	tests := []struct {
		name    string
		verdict result.Verdict
		offer   miltertest.Offer
		want    miltertest.Outcome
		faults  int
	}{
		{name: "accept", want: miltertest.Outcome{Code: 'c'}},
		{
			name:    "accept with our field on top",
			verdict: result.Verdict{Insert: []message.Field{ar}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 Authentication-Results: mx.example.net;\n\tdmarc=pass"}},
		},
		{
			name:    "last inserted field uppermost",
			verdict: result.Verdict{Insert: []message.Field{message.NewField("Low", " 1"), message.NewField("High", " 2")}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 Low: 1", "ins 0 High: 2"}},
		},
		{
			name:    "deletions from the highest index down, then insertions",
			verdict: result.Verdict{Remove: refs("A#1", "B#1", "A#3", "a#3", "B#2", "A#2"), Insert: []message.Field{message.NewField("A", " x")}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"del A#3", "del B#2", "del A#2", "del A#1", "del B#1", "ins 0 A: x"}},
		},
		{
			name:    "no deletion of what does not exist",
			verdict: result.Verdict{Remove: refs("A#0", "A#-1", "#1", "B C#1")},
			want:    miltertest.Outcome{Code: 'c'},
		},
		{
			name:    "quarantine before the final reply",
			verdict: result.Verdict{Action: result.Quarantine, Text: "DMARC\r\n of a\x00\xff.example", Remove: refs("A#1"), Insert: []message.Field{ar}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"del A#1", "ins 0 Authentication-Results: mx.example.net;\n\tdmarc=pass", "quarantine DMARC   of a??.example"}},
		},
		{
			name:    "reject without edits",
			verdict: result.Verdict{Action: result.Reject, Code: "550 5.7.26", Text: "100% no", Remove: refs("A#1"), Insert: []message.Field{ar}},
			want:    miltertest.Outcome{Code: 'y', Text: "550 5.7.26 100%% no"},
		},
		{
			name:    "tempfail",
			verdict: result.Verdict{Action: result.TempFail, Code: "451 4.4.3", Text: "DNS"},
			want:    miltertest.Outcome{Code: 'y', Text: "451 4.4.3 DNS"},
		},
		{
			name:    "tempfail without a code",
			verdict: result.Verdict{Action: result.TempFail, Text: "later"},
			want:    miltertest.Outcome{Code: 'y', Text: "451 4.7.0 later"},
		},
		{
			name:    "an action that does not exist",
			verdict: result.Verdict{Action: "explode", Code: "250 2.0.0"},
			want:    miltertest.Outcome{Code: 'y', Text: "451 4.3.0"},
		},
		{
			name:    "no leading space agreed",
			offer:   miltertest.NewOffer(6, 0x1ff, 0xfffff),
			verdict: result.Verdict{Insert: []message.Field{ar, message.NewField("B", "x"), message.NewField("C", "  y")}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 Authentication-Results:mx.example.net;\n\tdmarc=pass", "ins 0 B:x", "ins 0 C: y"}},
		},
		{
			name:    "leading space agreed",
			verdict: result.Verdict{Insert: []message.Field{message.NewField("B", "x"), message.NewField("C", "\ty"), message.NewField("D", "")}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 B: x", "ins 0 C:\ty", "ins 0 D: "}},
		},
		{
			name:    "no way out of a field",
			verdict: result.Verdict{Insert: []message.Field{message.NewField("B", " a\nInjected: x\r\r\ny\x00z\n"), message.NewField("C: D", "x"), message.NewField("", "x")}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 B: a\n Injected: x \n y z"}}, faults: 2,
		},
		{
			name:    "the MTA cannot remove",
			offer:   miltertest.NewOffer(6, 0x1, 0x1fffff),
			verdict: result.Verdict{Remove: refs("A#1")},
			want:    miltertest.Outcome{Code: 'y', Text: "451 4.3.0 The message could not be checked because of an internal error; please try again later"}, faults: 1,
		},
		{
			name:    "the MTA cannot add",
			offer:   miltertest.NewOffer(6, 0x10, 0x1fffff),
			verdict: result.Verdict{Remove: refs("A#1"), Insert: []message.Field{ar}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"del A#1"}}, faults: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{verdict: tt.verdict}
				r := start(t, f, Options{})
				if tt.offer == (miltertest.Offer{}) {
					tt.offer = miltertest.OfferAll
				}
				m := miltertest.Connect(t, r.dial, tt.offer)
				m.Hello()
				got := m.Deliver(miltertest.Usual())
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(miltertest.Outcome{})); diff != "" {
					t.Error(diff)
				}
				if d := r.decision(); len(d.Faults) != tt.faults {
					t.Errorf("faults %q", d.Faults)
				} else if strings.ReplaceAll(d.Reply, "%", "%%") != got.Text {
					t.Errorf("Decision.Reply %q", d.Reply)
				}
				// One final reply, and the connection goes on.
				m.Silence()
				if got := m.Deliver(miltertest.Usual()); got.Code != tt.want.Code {
					t.Errorf("second message: %q", got.Code)
				}
			})
		})
	}
}

// An MTA that cannot hold a message delivers it with a tag, by the same rules.
func TestQuarantineNotOffered(t *testing.T) {
	t.Parallel()
	f := &fake{verdict: result.Verdict{Action: result.Quarantine, Text: "held"}}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.NewOffer(6, 0x11, 0x1fffff))
	m.Hello()
	o := m.Deliver(miltertest.Usual())
	d := r.decision()
	if o.Code != 'c' || d.Verdict.Action != result.Accept || len(d.Faults) != 1 || d.ExactHeader != true {
		t.Errorf("%+v %+v", o, d)
	}
	for _, e := range o.Edits {
		if strings.HasPrefix(e, "quarantine") {
			t.Error("quarantine without leave")
		}
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		action     result.Action
		code, text string
		want       string
	}{
		{result.Reject, "550 5.7.26", "a", "550 5.7.26 a"},
		{result.Reject, "550 5.7.26", "", "550 5.7.26"},
		{result.Reject, "450 4.7.1", "a", "450 4.7.1 a"},
		{result.Reject, "550 4.7.1", "class", "451 4.3.0 class"},
		{result.Reject, "421 4.7.0", "closes", "451 4.3.0 closes"},
		{result.Reject, "250 2.0.0", "ok", "451 4.3.0 ok"},
		{result.Reject, "354 3.0.0", "go", "451 4.3.0 go"},
		{result.Reject, "550", "bare", "451 4.3.0 bare"},
		{result.Reject, "", "none", "451 4.3.0 none"},
		{result.Reject, "550 5.7", "short", "451 4.3.0 short"},
		{result.Reject, "550 5.7.26.1", "long", "451 4.3.0 long"},
		{result.Reject, "550 5.7.2600", "digits", "451 4.3.0 digits"},
		{result.Reject, "5500 5.7.26", "digits", "451 4.3.0 digits"},
		{result.Reject, "560 5.7.26", "second digit", "451 4.3.0 second digit"},
		{result.Reject, "55x 5.7.26", "letter", "451 4.3.0 letter"},
		{result.Reject, "550 5.x.26", "letter", "451 4.3.0 letter"},
		{result.Reject, "550  5.7.26", "blanks", "451 4.3.0 blanks"},
		{result.Reject, "550 5.7.26\r\n", "line", "451 4.3.0 line"},
		{result.TempFail, "451 4.7.1", "a", "451 4.7.1 a"},
		{result.TempFail, "550 5.7.26", "for ever", "451 4.3.0 for ever"},
		{result.TempFail, "", "a", "451 4.7.0 a"},
	}
	for _, tt := range tests {
		if got := refusal(result.Verdict{Action: tt.action, Code: tt.code, Text: tt.text}).Text; got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.action, tt.code, got, tt.want)
		}
	}
}

// FuzzRefusal checks that the reply of any verdict has a code that both MTAs take.
func FuzzRefusal(f *testing.F) {
	f.Add("reject", "550 5.7.26", "100% no\r\n")
	f.Add("tempfail", "451 4.7.1", strings.Repeat("%", 700))
	f.Add("", "421 4.0.0", "\x00\xff")
	f.Fuzz(func(t *testing.T, action, code, text string) {
		got := refusal(result.Verdict{Action: result.Action(action), Code: code, Text: text}).Text
		parts := strings.SplitN(got, " ", 3)
		if len(parts) < 2 || !milter.ValidCode(parts[0]+" "+parts[1]) || got[0] == '5' && action != string(result.Reject) {
			t.Fatalf("%q", got)
		}
	})
}
