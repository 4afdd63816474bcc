package milter

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	const noLeadingSpace = 0xfffff
	for _, tt := range []struct {
		name     string
		verdict  Verdict
		protocol uint32
		want     miltertest.Outcome
	}{
		{name: "accept", want: miltertest.Outcome{Code: 'c'}},
		{name: "refuse", verdict: Verdict{Reply: Reply{Text: "550 5.7.26 100% no"}}, want: miltertest.Outcome{Code: 'y', Text: "550 5.7.26 100%% no"}},
		{name: "discard", verdict: Verdict{Reply: Reply{Discard: true}}, want: miltertest.Outcome{Code: 'd'}},
		{
			name:    "last inserted field uppermost",
			verdict: Verdict{Insert: []NewField{{"Low", " 1"}, {"High", " 2"}}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 Low: 1", "ins 0 High: 2"}},
		},
		{
			name:    "deletions from the highest index down, then insertions",
			verdict: Verdict{Remove: []FieldRef{{"A", 1}, {"B", 1}, {"A", 3}, {"a", 3}, {"B", 2}, {"A", 2}}, Insert: []NewField{{"A", " x"}}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"del A#3", "del B#2", "del A#2", "del A#1", "del B#1", "ins 0 A: x"}},
		},
		{
			name:    "no deletion of what does not exist",
			verdict: Verdict{Remove: []FieldRef{{"A", 0}, {"A", -1}, {"", 1}, {"B C", 1}}},
			want:    miltertest.Outcome{Code: 'c'},
		},
		{
			name:    "header, new recipient, old ones, quarantine, reply",
			verdict: Verdict{Quarantine: "a\r\n b\x00\xff", Add: []string{"c@d"}, Delete: []string{"e@f", "g@h"}, Insert: []NewField{{"A", " x"}}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 A: x", "+<c@d>", "-<e@f>", "-<g@h>", "quarantine a   b??"}},
		},
		{
			name:    "leading space agreed",
			verdict: Verdict{Insert: []NewField{{"A", " x;\r\n\ty\r\n"}, {"B", "x"}, {"C", "\ty"}, {"D", ""}}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 A: x;\n\ty", "ins 0 B: x", "ins 0 C:\ty", "ins 0 D: "}},
		},
		{
			name:     "no leading space agreed",
			verdict:  Verdict{Insert: []NewField{{"A", " x;\r\n\ty"}, {"B", "x"}, {"C", "  y"}}},
			protocol: noLeadingSpace,
			want:     miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 A:x;\n\ty", "ins 0 B:x", "ins 0 C: y"}},
		},
		{
			name:    "no way out of a field",
			verdict: Verdict{Insert: []NewField{{"B", " a\nInjected: x\r\r\ny\x00z\n"}}},
			want:    miltertest.Outcome{Code: 'c', Edits: []string{"ins 0 B: a\n Injected: x \n y z"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, &fake{verdict: tt.verdict}, Options{})
				offer := miltertest.OfferAll
				if tt.protocol != 0 {
					offer.Protocol = tt.protocol
				}
				m := miltertest.Connect(t, r.dial, offer)
				m.Hello()
				for range 2 { // the connection goes on
					if diff := cmp.Diff(tt.want, m.Deliver(miltertest.Usual())); diff != "" {
						t.Error(diff)
					}
					m.Silence()
				}
				m.Close()
				r.stop()
			})
		})
	}
}

// FuzzFieldValue checks that no value leaves its field.
func FuzzFieldValue(f *testing.F) {
	f.Add(" a\r\n\tb", true)
	f.Add("\n", true)
	f.Add("\n\n", true)
	f.Add("a\nInjected: x\r\n\r\nbody", false)
	f.Fuzz(func(t *testing.T, value string, exact bool) {
		got := fieldValue(value+"\r\n", exact)
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
