package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/result"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
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
		offer   offer
		want    outcome
		faults  int
	}{
		{name: "accept", want: outcome{code: 'c'}},
		{
			name:    "accept with our field on top",
			verdict: result.Verdict{Insert: []message.Field{ar}},
			want:    outcome{code: 'c', edits: []string{"ins 0 Authentication-Results: mx.example.net;\n\tdmarc=pass"}},
		},
		{
			name:    "last inserted field uppermost",
			verdict: result.Verdict{Insert: []message.Field{message.NewField("Low", " 1"), message.NewField("High", " 2")}},
			want:    outcome{code: 'c', edits: []string{"ins 0 Low: 1", "ins 0 High: 2"}},
		},
		{
			name:    "deletions from the highest index down, then insertions",
			verdict: result.Verdict{Remove: refs("A#1", "B#1", "A#3", "a#3", "B#2", "A#2"), Insert: []message.Field{message.NewField("A", " x")}},
			want:    outcome{code: 'c', edits: []string{"del A#3", "del B#2", "del A#2", "del A#1", "del B#1", "ins 0 A: x"}},
		},
		{
			name:    "no deletion of what does not exist",
			verdict: result.Verdict{Remove: refs("A#0", "A#-1", "#1", "B C#1")},
			want:    outcome{code: 'c'},
		},
		{
			name:    "quarantine before the final reply",
			verdict: result.Verdict{Action: result.Quarantine, Text: "DMARC\r\n of a\x00\xff.example", Remove: refs("A#1"), Insert: []message.Field{ar}},
			want:    outcome{code: 'c', edits: []string{"del A#1", "ins 0 Authentication-Results: mx.example.net;\n\tdmarc=pass", "quarantine DMARC   of a??.example"}},
		},
		{
			name:    "reject without edits",
			verdict: result.Verdict{Action: result.Reject, Code: "550 5.7.26", Text: "100% no", Remove: refs("A#1"), Insert: []message.Field{ar}},
			want:    outcome{code: 'y', text: "550 5.7.26 100%% no"},
		},
		{
			name:    "tempfail",
			verdict: result.Verdict{Action: result.TempFail, Code: "451 4.4.3", Text: "DNS"},
			want:    outcome{code: 'y', text: "451 4.4.3 DNS"},
		},
		{
			name:    "tempfail without a code",
			verdict: result.Verdict{Action: result.TempFail, Text: "later"},
			want:    outcome{code: 'y', text: "451 4.7.0 later"},
		},
		{
			name:    "an action that does not exist",
			verdict: result.Verdict{Action: "explode", Code: "250 2.0.0"},
			want:    outcome{code: 'y', text: "451 4.3.0"},
		},
		{
			name:    "no leading space agreed",
			offer:   offer{6, 0x1ff, 0xfffff},
			verdict: result.Verdict{Insert: []message.Field{ar, message.NewField("B", "x"), message.NewField("C", "  y")}},
			want:    outcome{code: 'c', edits: []string{"ins 0 Authentication-Results:mx.example.net;\n\tdmarc=pass", "ins 0 B:x", "ins 0 C: y"}},
		},
		{
			name:    "leading space agreed",
			verdict: result.Verdict{Insert: []message.Field{message.NewField("B", "x"), message.NewField("C", "\ty"), message.NewField("D", "")}},
			want:    outcome{code: 'c', edits: []string{"ins 0 B: x", "ins 0 C:\ty", "ins 0 D: "}},
		},
		{
			name:    "no way out of a field",
			verdict: result.Verdict{Insert: []message.Field{message.NewField("B", " a\nInjected: x\r\r\ny\x00z\n"), message.NewField("C: D", "x"), message.NewField("", "x")}},
			want:    outcome{code: 'c', edits: []string{"ins 0 B: a\n Injected: x \n y z"}}, faults: 2,
		},
		{
			name:    "the MTA cannot remove",
			offer:   offer{6, 0x1, 0x1fffff},
			verdict: result.Verdict{Remove: refs("A#1")},
			want:    outcome{code: 'y', text: "451 4.3.0 The message could not be checked because of an internal error; please try again later"}, faults: 1,
		},
		{
			name:    "the MTA cannot add",
			offer:   offer{6, 0x10, 0x1fffff},
			verdict: result.Verdict{Remove: refs("A#1"), Insert: []message.Field{ar}},
			want:    outcome{code: 'c', edits: []string{"del A#1"}}, faults: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{verdict: tt.verdict}
			r := start(t, f, Options{})
			if tt.offer == (offer{}) {
				tt.offer = offerAll
			}
			m := connectMTA(t, r.dial, tt.offer)
			m.hello()
			got := m.deliver(usual)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Error(diff)
			}
			if d := r.decision(); len(d.Faults) != tt.faults {
				t.Errorf("faults %q", d.Faults)
			} else if strings.ReplaceAll(d.Reply, "%", "%%") != got.text {
				t.Errorf("Decision.Reply %q", d.Reply)
			}
			// One final reply, and the connection goes on.
			m.silence()
			if got := m.deliver(usual); got.code != tt.want.code {
				t.Errorf("second message: %q", got.code)
			}
		})
	}
}

// An MTA that cannot hold gets the message with a tag, by the same rules.
func TestQuarantineNotOffered(t *testing.T) {
	t.Parallel()
	f := &fake{verdict: result.Verdict{Action: result.Quarantine, Text: "held"}}
	r := start(t, f, Options{})
	m := connectMTA(t, r.dial, offer{6, 0x11, 0x1fffff})
	m.hello()
	o := m.deliver(usual)
	d := r.decision()
	if o.code != 'c' || d.Verdict.Action != result.Accept || len(d.Faults) != 1 || d.ExactHeader != true {
		t.Errorf("%+v %+v", o, d)
	}
	for _, e := range o.edits {
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
		if got := refusal(result.Verdict{Action: tt.action, Code: tt.code, Text: tt.text}).text; got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.action, tt.code, got, tt.want)
		}
	}
}

func TestWireText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 600)
	tests := []struct{ in, want string }{
		{"550 5.7.26 a", "550 5.7.26 a"},
		{"50% of %s", "50%% of %%s"},
		{"a\r\n550 b", "a  550 b"},
		{"a\x00b\x7fc\xc3\xa9", "a?b?c?"},
		{" a\t ", "a"},
		{long, long[:507] + "..."},
		{strings.Repeat("%", 600), strings.Repeat("%", 506) + "..."},
		{"x" + strings.Repeat("%", 600), "x" + strings.Repeat("%", 506) + "..."},
	}
	for _, tt := range tests {
		if got := wireText(tt.in); got != tt.want {
			t.Errorf("%.40q: %.40q (%d), want %.40q (%d)", tt.in, got, len(got), tt.want, len(tt.want))
		}
	}
}

// FuzzReply: whatever a verdict says, the reply is one that both MTAs take.
func FuzzReply(f *testing.F) {
	f.Add("reject", "550 5.7.26", "100% no\r\n")
	f.Add("tempfail", "451 4.7.1", strings.Repeat("%", 700))
	f.Add("", "421 4.0.0", "\x00\xff")
	f.Fuzz(func(t *testing.T, action, code, text string) {
		got := wireText(refusal(result.Verdict{Action: result.Action(action), Code: code, Text: text}).text)
		if len(got) > 510 || len(got) < 9 || got[:3] == "421" || got[0] != got[4] || got[0] != '4' && got[0] != '5' {
			t.Fatalf("%q", got)
		}
		if strings.Contains(strings.ReplaceAll(got, "%%", ""), "%") {
			t.Fatalf("single %% in %q", got)
		}
		for i := range len(got) {
			if got[i] < ' ' || got[i] > '~' {
				t.Fatalf("octet %x in %q", got[i], got)
			}
		}
	})
}

// FuzzOutgoing: no value leaves its field.
func FuzzOutgoing(f *testing.F) {
	f.Add(" a\r\n\tb", true)
	f.Add("\n", true)
	f.Add("\n\n", true)
	f.Add("a\nInjected: x\r\n\r\nbody", false)
	f.Fuzz(func(t *testing.T, value string, exact bool) {
		got := outgoing(message.Field{Name: "A", Raw: "A:" + value + "\r\n"}, exact)
		if strings.ContainsAny(got, "\x00\r") || strings.HasSuffix(got, "\n") {
			t.Fatalf("%q", got)
		}
		for _, l := range strings.Split(got, "\n")[1:] {
			if l == "" || l[0] != ' ' && l[0] != '\t' {
				t.Fatalf("%q", got)
			}
		}
		if exact && got != "" && !strings.ContainsAny(got[:1], " \t\n") {
			t.Fatalf("no white space after the colon: %q", got)
		}
	})
}
