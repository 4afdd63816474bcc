package filter

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// The MTA sees the actions that only the admin's own rules lead to.
func TestRuleActions(t *testing.T) {
	t.Parallel()
	redirect := result.Verdict{Action: result.Redirect, RedirectTo: "abuse@example.net", Remove: refs("A#1")}
	const fault = "451 4.3.0 The message could not be checked because of an internal error; please try again later"
	many := miltertest.Usual()
	many.Rcpts = nil
	for i := range 5 {
		many.Rcpts = append(many.Rcpts, fmt.Sprintf("<r%d@example.net>", i))
	}
	with := func(rcpts ...string) miltertest.Letter { l := miltertest.Usual(); l.Rcpts = rcpts; return l }
	reading := func(l miltertest.Letter, read ...string) miltertest.Letter { l.Addrs = read; return l }
	for _, tt := range []struct {
		name    string
		verdict result.Verdict
		letter  miltertest.Letter
		offer   miltertest.Offer
		want    miltertest.Outcome
		faults  int
	}{
		{name: "discard", verdict: result.Verdict{Action: result.Discard, Remove: refs("A#1")}, letter: miltertest.Usual(), want: miltertest.Outcome{Code: 'd'}},
		{
			name: "redirect after the header, the new recipient first", verdict: redirect, letter: with("<b@example.net>", "<c@example.net>"),
			want: miltertest.Outcome{Code: 'c', Edits: []string{"del A#1", "+<abuse@example.net>", "-<b@example.net>", "-<c@example.net>"}},
		},
		{
			name: "redirect to one of the recipients", verdict: redirect, letter: with("<b@example.net>", "<abuse@example.net>", "<b@example.net>"),
			want: miltertest.Outcome{Code: 'c', Edits: []string{"del A#1", "-<b@example.net>"}},
		},
		{
			name: "redirect to one of the recipients, in capitals", verdict: redirect, letter: with("<b@example.net>", "<Abuse@EXAMPLE.net>"),
			want: miltertest.Outcome{Code: 'c', Edits: []string{"del A#1", "-<b@example.net>"}},
		},
		{
			name: "the MTA reads recipients otherwise than they are written", verdict: redirect,
			letter: reading(with("<@a.example:b@example.net>", "<c@example.net>", "<@a.example:abuse@example.net>"), "b@example.net", "c", "abuse@example.net"),
			want:   miltertest.Outcome{Code: 'c', Edits: []string{"del A#1", "-<@a.example:b@example.net>", "-<b@example.net>", "-<c@example.net>"}},
		},
		{
			name: "the MTA cannot delete recipients", verdict: redirect, letter: miltertest.Usual(), offer: miltertest.NewOffer(6, 0x1f7, 0x1fffff),
			want: miltertest.Outcome{Code: 'y', Text: fault}, faults: 1,
		},
		{
			name: "the MTA cannot add recipients", verdict: redirect, letter: miltertest.Usual(), offer: miltertest.NewOffer(6, 0x1fb, 0x1fffff),
			want: miltertest.Outcome{Code: 'y', Text: fault}, faults: 1,
		},
		{name: "more recipients than are remembered", verdict: redirect, letter: many, want: miltertest.Outcome{Code: 'y', Text: fault}, faults: 1},
		{
			name: "an address that is none", verdict: result.Verdict{Action: result.Redirect, RedirectTo: "a@b\r\n"}, letter: miltertest.Usual(),
			want: miltertest.Outcome{Code: 'y', Text: fault}, faults: 1,
		},
		{
			name: "no address", verdict: result.Verdict{Action: result.Redirect}, letter: miltertest.Usual(),
			want: miltertest.Outcome{Code: 'y', Text: fault}, faults: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, &fake{verdict: tt.verdict}, Options{MaxRecipients: 4})
				if tt.offer == (miltertest.Offer{}) {
					tt.offer = miltertest.OfferAll
				}
				m := miltertest.Connect(t, r.dial, tt.offer)
				m.Hello()
				for range 2 { // the connection goes on
					got := m.Deliver(tt.letter)
					if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(miltertest.Outcome{})); d != "" {
						t.Error(d)
					}
					if d := r.decision(); len(d.Faults) != tt.faults {
						t.Errorf("faults %q", d.Faults)
					}
					m.Silence()
				}
			})
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

// Fields in our name and those that a rule removes go together, from the highest
// occurrence down, before anything is added.
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
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	o := m.Deliver(from("good.test", "good.test"))
	if o.Code != 'c' || len(o.Edits) != 6 {
		t.Fatalf("%q %q", o.Code, o.Edits)
	}
	want := []string{
		"del Authentication-Results#4", "del Authentication-Results#3", "del Authentication-Results#2", "del authentication-results#1",
		"ins 0 X-Rule: good.test from 192.0.2.1",
	}
	if d := cmp.Diff(want, o.Edits[:5]); d != "" {
		t.Error(d)
	}
	if !strings.HasPrefix(o.Edits[5], "ins 0 Authentication-Results: mx.example.net;") {
		t.Errorf("%q", o.Edits[5])
	}
	l := from("good.test", "good.test")
	l.Fields = append(l.Fields, [2]string{"List-Id", " <x.good.test>"})
	if o := m.Deliver(l); o.Code != 'd' || len(o.Edits) > 0 {
		t.Errorf("%q %q", o.Code, o.Edits)
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
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	for author, want := range map[string]string{"plain.test": "reject no-plain", "good.test": ""} {
		if o := m.Deliver(from("plain.test", author)); o.Code != 'c' {
			t.Fatalf("%q %q", o.Code, o.Text)
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
	m := miltertest.Connect(t, r.dial, miltertest.NewOffer(6, 0x1df, 0x1fffff))
	m.Hello()
	if o := m.Deliver(from("plain.test", "plain.test")); o.Code != 'c' {
		t.Fatalf("%q %q", o.Code, o.Text)
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
	j := f.handler()
	j.shadow = func(*result.Results) result.Verdict { panic("shadow") }
	r.handler.Store(j)
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	if o := m.Deliver(miltertest.Usual()); o.Code != 'c' {
		t.Errorf("%q %q", o.Code, o.Text)
	}
	if d := r.decision(); d.Shadow != nil || d.Verdict.Action != result.Accept {
		t.Errorf("%+v", d)
	}
	if s := r.Stats(); s.Panics != 1 {
		t.Errorf("%d panics", s.Panics)
	}
}

// The log says what a rule did and how it failed.
func TestRulesAreLogged(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{Custom: []rules.Rule{
		{Name: "noted", Action: result.Reject, Monitor: true},
		{Name: "failing", If: condition1(t, `rcpts[9] == "x"`), Action: result.Reject},
		{Name: "away", Action: result.Redirect, RedirectTo: "abuse@example.net"},
	}})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	if o := m.Deliver(from("plain.test", "plain.test")); o.Code != 'c' {
		t.Fatalf("%q %q", o.Code, o.Text)
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
