package rules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// forgery returns the results of a message that nothing authenticates, from a client
// without a name.
func forgery() *result.Results {
	res := spoof(dmarc.PolicyReject)
	res.SPF[0].Status, res.IPRev.Status, res.Client.Helo = spf.SoftFail, iprev.Fail, "pc"
	res.HopsAsked = true // and SPF of the author's domain does not list the client
	res.Evidence = judgement.Gather(res)
	return res
}

// forwarded is forgery with a sign of a forwarder, which anybody can write.
func forwarded() *result.Results {
	res := forgery()
	res.Marks.Forward = "Resent-From"
	res.Evidence = judgement.Gather(res)
	return res
}

// RFC 9989 section 7.4: p=reject alone rejects nothing. A forged sign of indirect mail
// leads to the hold queue, never to acceptance.
func TestJudgement(t *testing.T) {
	t.Parallel()
	plain := func() *result.Results {
		res := spoof(dmarc.PolicyReject) // the sender's SPF passes: nothing but the failure
		res.Client.PTR, res.Client.Helo, res.IPRev.Status = "mx.evil.example", "mx.evil.example", iprev.Pass
		res.Evidence = judgement.Gather(res)
		return res
	}
	judge := rules.Rules{OnReject: rules.RejectJudge}
	with := func(change func(*rules.Rules)) rules.Rules { r := judge; change(&r); return r }
	override := func(p dmarc.Policy) map[string]rules.AuthorOverride {
		return map[string]rules.AuthorOverride{"bank.example": {Policy: p}}
	}
	for _, tt := range []struct {
		name  string
		rules rules.Rules
		res   *result.Results
		want  string
	}{
		{"always", rules.Rules{OnReject: rules.RejectAlways}, forwarded(), "reject 550 5.7.26 dmarc-reject"},
		{"quarantine", rules.Rules{OnReject: rules.RejectQuarantine}, forgery(), "quarantine judgement; policy.on_reject (quarantine)"},
		{"a forgery", judge, forgery(), "reject 550 5.7.26 dmarc-reject"},
		{"a sign of indirect mail", judge, forwarded(), "quarantine judgement; policy.on_reject (hold; indirect: forward-fields; forgery: nameless, strangers)"},
		{"the failure alone", judge, plain(), "quarantine judgement; policy.on_reject (hold)"},
		{"no evidence at all", judge, spoof(dmarc.PolicyReject), "quarantine judgement; policy.on_reject (hold)"},
		{"p=quarantine", judge, spoof(dmarc.PolicyQuarantine), "quarantine dmarc-quarantine"},
		{"p=none", judge, spoof(dmarc.PolicyNone), "accept dmarc-none"},
		{"temperror", judge, undecided(dmarc.PolicyReject, ""), "tempfail 451 4.4.3 temperror"},
		{"tagged", with(func(r *rules.Rules) { r.Quarantine = rules.QuarantineTag }), plain(), "accept judgement; policy.on_reject (hold); policy.quarantine (tag)"},
		{"whatever is to be held is refused", with(func(r *rules.Rules) { r.Quarantine = rules.QuarantineReject }), forwarded(), "reject 550 5.7.26 dmarc-reject"},
		{"a domain of our own", with(func(r *rules.Rules) { r.Local.OwnDomains = members(t, "bank.example") }), forwarded(), "reject 550 5.7.26 dmarc-reject"},
		{"the administrator says reject", with(func(r *rules.Rules) { r.Trust.Authors = override(dmarc.PolicyReject) }), forwarded(), "reject 550 5.7.26 dmarc-reject"},
		{"the administrator says quarantine", with(func(r *rules.Rules) { r.Trust.Authors = override(dmarc.PolicyQuarantine) }), forgery(), "quarantine author-override; author_overrides.bank.example (quarantine instead of reject)"},
		{"the administrator says none", with(func(r *rules.Rules) { r.Trust.Authors = override(dmarc.PolicyNone) }), forgery(), "accept author-override; author_overrides.bank.example (none instead of reject)"},
		{"a listed forwarder", with(func(r *rules.Rules) { r.Trust.Forwarders = members(t, "192.0.2.66") }), forgery(), "accept trusted-forwarder; trust.forwarders (client 192.0.2.66)"},
		{"monitored", with(func(r *rules.Rules) { r.Mode = rules.Monitor }), plain(), "accept judgement; policy.on_reject (hold); mode (monitor)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := outcome(tt.rules.Decide(tt.res)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// A DNS failure hides whether the client is one of ours or trusted: the message is
// deferred as before.
func TestJudgementWaits(t *testing.T) {
	t.Parallel()
	res := forwarded()
	res.IPRev.Status = iprev.TempError
	judge := rules.Rules{OnReject: rules.RejectJudge}
	judge.Trust.Forwarders = members(t, ".fwd.example")
	if got, want := outcome(judge.Decide(res)), "tempfail 451 4.4.3 temperror"; got != want {
		t.Errorf("forwarder: %q, want %q", got, want)
	}
	res, judge.Trust.Forwarders = forwarded(), nil
	res.ExemptUndecided = true
	if got, want := outcome(judge.Decide(res)), "tempfail 451 4.4.3 temperror"; got != want {
		t.Errorf("exempt: %q, want %q", got, want)
	}
}

// The verdict says what the evidence was: the reply, the sentences, the trace of a
// decision. Without a judgement it says nothing of it.
func TestJudgementIsExplained(t *testing.T) {
	t.Parallel()
	v := rules.Rules{OnReject: rules.RejectJudge}.Decide(forgery())
	if v.Judgement != judgement.Refuse || !strings.Contains(v.Text, "HELO \"pc\" is no name") {
		t.Errorf("judgement %q, reply %q", v.Judgement, v.Text)
	}
	for _, want := range []string{
		"Evidence of a forgery (nameless, strangers): the client's HELO \"pc\" is no name; the author's domain bank.example, the sender's evil.example and the client 192.0.2.66 are strangers to each other.",
		"Nothing speaks for indirect mail, so the message is refused as a forgery.",
	} {
		if !slices.Contains(v.Why, want) {
			t.Errorf("no %q in %q", want, v.Why)
		}
	}
	v = rules.Rules{OnReject: rules.RejectJudge}.Decide(forwarded())
	for _, want := range []string{
		"The failure alone is no reason to refuse the message.",
		"Evidence of indirect mail (forward-fields): it bears the field Resent-From.",
		"So it is held and not refused, since it may be indirect mail.",
	} {
		if !slices.Contains(v.Why, want) {
			t.Errorf("no %q in %q", want, v.Why)
		}
	}
	if v := (rules.Rules{OnReject: rules.RejectAlways}).Decide(forgery()); v.Judgement != "" || strings.Contains(v.Text, "no name") {
		t.Errorf("always: %q, %q", v.Judgement, v.Text)
	}
}

// A rule of the administrator's own may ask for the outcome, whatever on_reject says.
func TestRuleAsksForJudgement(t *testing.T) {
	t.Parallel()
	set := rules.Rules{Custom: []rules.Rule{{Name: "mine", If: compile(t, `judgement == "hold"`), Action: result.Redirect, RedirectTo: "x@y.example"}}}
	if got, want := outcome(set.Decide(forwarded())), "redirect mine; rule mine"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := outcome(set.Decide(forgery())), "reject 550 5.7.26 dmarc-reject"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// BenchmarkJudgement is the time of a decision that rests on evidence: with a sign of indirect
// mail beside two of a forgery, and with all evidence there is, each text as long as may be.
func BenchmarkJudgement(b *testing.B) {
	worst := func() *result.Results {
		res := forwarded()
		res.Evidence = judgement.Of(func(int) result.Presence { return result.Present }, func() string { return strings.Repeat("evidence, ", 40) })
		return res
	}
	refused := func() *result.Results {
		res := worst()
		for i := range res.Evidence {
			if res.Evidence[i].Side == result.Indirect {
				res.Evidence[i].Fact = result.Fact{State: result.Absent}
			}
		}
		return res
	}
	for _, x := range []struct {
		name string
		res  *result.Results
		on   rules.OnReject
	}{
		{"always", forwarded(), rules.RejectAlways},
		{"judge", forwarded(), rules.RejectJudge},
		{"judge, held with all evidence", worst(), rules.RejectJudge},
		{"judge, refused with all evidence", refused(), rules.RejectJudge},
	} {
		b.Run(x.name, func(b *testing.B) {
			set := rules.Rules{AuthservID: "mx.test.example", OnReject: x.on}
			b.ReportAllocs()
			for b.Loop() {
				set.Decide(x.res)
			}
		})
	}
}
