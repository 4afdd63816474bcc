package filter

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/condition"
)

// The actions that only rules of the admin's own lead to, as the MTA sees them.
func TestRuleActions(t *testing.T) {
	t.Parallel()
	redirect := result.Verdict{Action: result.Redirect, RedirectTo: "abuse@example.net", Remove: refs("A#1")}
	const fault = "451 4.3.0 The message could not be checked because of an internal error; please try again later"
	many := usual
	many.rcpts = nil
	for i := range 5 {
		many.rcpts = append(many.rcpts, fmt.Sprintf("<r%d@example.net>", i))
	}
	with := func(rcpts ...string) letter { l := usual; l.rcpts = rcpts; return l }
	reading := func(l letter, read ...string) letter { l.read = read; return l }
	for _, tt := range []struct {
		name    string
		verdict result.Verdict
		letter  letter
		offer   offer
		want    outcome
		faults  int
	}{
		{name: "discard", verdict: result.Verdict{Action: result.Discard, Remove: refs("A#1")}, letter: usual, want: outcome{code: 'd'}},
		{
			name: "redirect after the header, the new recipient first", verdict: redirect, letter: with("<b@example.net>", "<c@example.net>"),
			want: outcome{code: 'c', edits: []string{"del A#1", "+<abuse@example.net>", "-<b@example.net>", "-<c@example.net>"}},
		},
		{
			name: "redirect to one of the recipients", verdict: redirect, letter: with("<b@example.net>", "<abuse@example.net>", "<b@example.net>"),
			want: outcome{code: 'c', edits: []string{"del A#1", "-<b@example.net>"}},
		},
		{
			name: "redirect to one of the recipients, in capitals", verdict: redirect, letter: with("<b@example.net>", "<Abuse@EXAMPLE.net>"),
			want: outcome{code: 'c', edits: []string{"del A#1", "-<b@example.net>"}},
		},
		{
			name: "the MTA reads recipients otherwise than they are written", verdict: redirect,
			letter: reading(with("<@a.example:b@example.net>", "<c@example.net>", "<@a.example:abuse@example.net>"), "b@example.net", "c", "abuse@example.net"),
			want:   outcome{code: 'c', edits: []string{"del A#1", "-<@a.example:b@example.net>", "-<b@example.net>", "-<c@example.net>"}},
		},
		{
			name: "the MTA cannot delete recipients", verdict: redirect, letter: usual, offer: offer{6, 0x1f7, 0x1fffff},
			want: outcome{code: 'y', text: fault}, faults: 1,
		},
		{
			name: "the MTA cannot add recipients", verdict: redirect, letter: usual, offer: offer{6, 0x1fb, 0x1fffff},
			want: outcome{code: 'y', text: fault}, faults: 1,
		},
		{name: "more recipients than are remembered", verdict: redirect, letter: many, want: outcome{code: 'y', text: fault}, faults: 1},
		{
			name: "an address that is none", verdict: result.Verdict{Action: result.Redirect, RedirectTo: "a@b\r\n"}, letter: usual,
			want: outcome{code: 'y', text: fault}, faults: 1,
		},
		{
			name: "no address", verdict: result.Verdict{Action: result.Redirect}, letter: usual,
			want: outcome{code: 'y', text: fault}, faults: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, &fake{verdict: tt.verdict}, Options{MaxRecipients: 4})
			if tt.offer == (offer{}) {
				tt.offer = offerAll
			}
			m := connectMTA(t, r.dial, tt.offer)
			m.hello()
			for range 2 { // the connection goes on
				got := m.deliver(tt.letter)
				if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(outcome{})); d != "" {
					t.Error(d)
				}
				if d := r.decision(); len(d.Faults) != tt.faults {
					t.Errorf("faults %q", d.Faults)
				}
				m.silence()
			}
		})
	}
}

func condition1(t *testing.T, source string) *condition.Condition {
	t.Helper()
	c, err := condition.Compile(source, condition.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Rules through the real policy: fields of ours and those that a rule removes
// go together, from the highest occurrence down, before anything is added.
func TestRulesEditHeader(t *testing.T) {
	t.Parallel()
	value, err := explain.ParseTemplate("{author} from {client}")
	if err != nil {
		t.Fatal(err)
	}
	r, _ := startPolicy(t, rules.Rules{Custom: []rules.Rule{
		{Name: "tidy", Remove: []string{"authentication-results", "X-None"}, Add: []rules.Addition{{Name: "X-Rule", Value: value}}},
		{Name: "lists", If: condition1(t, "list"), Action: result.Discard},
	}})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	o := m.deliver(from("good.test", "good.test"))
	if o.code != 'c' || len(o.edits) != 6 {
		t.Fatalf("%q %q", o.code, o.edits)
	}
	want := []string{
		"del Authentication-Results#4", "del Authentication-Results#3", "del Authentication-Results#2", "del authentication-results#1",
		"ins 0 X-Rule: good.test from 192.0.2.1",
	}
	if d := cmp.Diff(want, o.edits[:5]); d != "" {
		t.Error(d)
	}
	if !strings.HasPrefix(o.edits[5], "ins 0 Authentication-Results: mx.example.net;") {
		t.Errorf("%q", o.edits[5])
	}
	l := from("good.test", "good.test")
	l.fields = append(l.fields, [2]string{"List-Id", " <x.good.test>"})
	if o := m.deliver(l); o.code != 'd' || len(o.edits) > 0 {
		t.Errorf("%q %q", o.code, o.edits)
	}
	r.decision()
	r.decision()
	if got := r.Stats().Messages[result.Discard]; got != 1 {
		t.Errorf("%d discarded", got)
	}
}

// The shadow policy decides nothing; where it differs, the log and the counters
// say so.
func TestShadow(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{})
	h := Handler{Checker: nil, Rules: rules.Rules{AuthservID: "mx.example.net", Mode: rules.Monitor}}
	h.Checker = policy.NewChecker(policy.Options{Resolver: nothingThere{}, AuthservID: "mx.example.net"})
	h.Shadow = &rules.Rules{AuthservID: "mx.example.net", Custom: []rules.Rule{
		{Name: "no-plain", If: condition1(t, `from == "plain.test"`), Action: result.Reject},
		{Name: "same", If: condition1(t, `from == "good.test"`), Action: result.Accept},
	}}
	r.SetHandler(h)
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	for author, want := range map[string]string{"plain.test": "reject no-plain", "good.test": ""} {
		if o := m.deliver(from("plain.test", author)); o.code != 'c' {
			t.Fatalf("%q %q", o.code, o.text)
		}
		d := r.decision()
		if d.Shadow == nil || shadowText(&d) != want {
			t.Errorf("%s: shadow %+v", author, d.Shadow)
		}
		lines := r.logs.FilterMessage("message").All()
		if got, ok := lines[len(lines)-1].ContextMap()["shadow"]; ok != (want != "") || ok && got != want {
			t.Errorf("%s: logged %v", author, got)
		}
	}
	if s := r.Stats(); s.Shadowed != 2 || s.ShadowDiffers != 1 {
		t.Errorf("%+v", s)
	}
}

// An MTA that cannot quarantine makes no difference between two policies that
// both hold a message.
func TestShadowWithoutQuarantine(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{})
	set := rules.Rules{AuthservID: "mx.example.net", Custom: []rules.Rule{{Name: "hold", Action: result.Quarantine}}}
	r.SetHandler(Handler{
		Checker: policy.NewChecker(policy.Options{Resolver: nothingThere{}, AuthservID: "mx.example.net"}),
		Rules:   set, Shadow: &set,
	})
	m := connectMTA(t, r.dial, offer{6, 0x1df, 0x1fffff})
	m.hello()
	if o := m.deliver(from("plain.test", "plain.test")); o.code != 'c' {
		t.Fatalf("%q %q", o.code, o.text)
	}
	d := r.decision()
	if d.Verdict.Action != result.Accept || len(d.Faults) != 1 || shadowText(&d) != "" {
		t.Errorf("%+v, shadow %q", d.Verdict, shadowText(&d))
	}
	if s := r.Stats(); s.Shadowed != 1 || s.ShadowDiffers != 0 {
		t.Errorf("%+v", s)
	}
}

// A shadow policy that panics costs nothing but its verdict.
func TestShadowPanics(t *testing.T) {
	t.Parallel()
	f := &fake{verdict: result.Verdict{Action: result.Accept}}
	r := start(t, f, Options{})
	j := f.judge()
	j.shadow = func(*result.Results) result.Verdict { panic("shadow") }
	r.handler.Store(j)
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	if o := m.deliver(usual); o.code != 'c' {
		t.Errorf("%q %q", o.code, o.text)
	}
	if d := r.decision(); d.Shadow != nil || d.Verdict.Action != result.Accept {
		t.Errorf("%+v", d)
	}
	if s := r.Stats(); s.Panics != 1 {
		t.Errorf("%d panics", s.Panics)
	}
}

// What a rule does and how it failed stands in the log.
func TestRulesAreLogged(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{Custom: []rules.Rule{
		{Name: "noted", Action: result.Reject, Monitor: true},
		{Name: "failing", If: condition1(t, `rcpts[9] == "x"`), Action: result.Reject},
		{Name: "away", Action: result.Redirect, RedirectTo: "abuse@example.net"},
	}})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	if o := m.deliver(from("plain.test", "plain.test")); o.code != 'c' {
		t.Fatalf("%q %q", o.code, o.text)
	}
	r.decision()
	line := r.logs.FilterMessage("message").All()[0].ContextMap()
	if line["action"] != "redirect" || line["rule"] != "away" || line["redirect"] != "abuse@example.net" || fmt.Sprint(line["matched"]) != "[noted (monitor) away]" {
		t.Errorf("%v", line)
	}
	faults := r.logs.FilterMessage("fault").All()
	if len(faults) != 1 || !strings.HasPrefix(fmt.Sprint(faults[0].ContextMap()["fault"]), "rule failing was passed over: index out of range") {
		t.Errorf("%v", faults)
	}
}

// nothingThere is a DNS in which no name exists.
type nothingThere struct{}

func (nothingThere) Lookup(context.Context, string, dnscache.Type) *dnscache.Answer {
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}
