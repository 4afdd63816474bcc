package rules_test

import (
	"math/rand/v2"
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// suspect returns results of a message that judge is mostly about: it fails, and its
// author's domain asks for reject. Any marks may stand in it.
func (d dice) suspect() *result.Results {
	res := d.results()
	if d.one(4) {
		return res
	}
	res.Author = message.Author{Domain: pick(d, "a.example", "sub.a.example", "b.example", "own.example")}
	res.DMARC.AuthorDomain, res.DMARC.Status, res.DMARC.Disposition = res.Author.Domain, dmarc.Fail, dmarc.PolicyReject
	if d.one(2) {
		res.Exempt, res.Oversize, res.Faults, res.ClaimsIncomplete, res.ExemptUndecided = "", "", nil, false, false
	}
	res.Client.Helo = pick(d, "", "pc", "mx.fwd.example")
	res.Marks.Forward = pick(d, "", "", "Resent-From", result.ForwardSRS)
	res.Observed = result.Observed{
		SignsAll: result.Fact{State: d.presence()}, Forwarder: result.Fact{State: d.presence()},
		ForwardedTo:   result.Fact{State: pick(d, "", "", "", "", "", d.presence())},
		FailedDomains: d.IntN(5), ImpersonatedDomains: d.IntN(5),
	}
	res.HopsAsked = !d.one(8)
	if res.Evidence = judgement.Gather(res); d.one(4) {
		res.Evidence = judgement.Of(func(int) result.Presence { return d.presence() }, func() string { return "x" })
	}
	return res
}

func (d dice) presence() result.Presence {
	return pick(d, "", result.Present, result.Absent, result.Absent, result.Unknown)
}

// Whatever a message bears, and whatever else is configured: on_reject leaves what is done
// with it as it is, or has it treated as one of p=quarantine. The former is always so if
// the domain does not ask for reject, or the administrator decided about the domain.
func TestOnRejectOnlyHolds(t *testing.T) {
	t.Parallel()
	softened, refused := 0, 0
	for seed := range uint64(20000) {
		d := dice{rand.New(rand.NewPCG(seed, 17)), t}
		res, set := d.suspect(), d.rules()
		set.OnReject = rules.RejectAlways
		always := set.Decide(res)
		asked := *res
		if res.DMARC.Disposition == dmarc.PolicyReject {
			asked.DMARC.Disposition = dmarc.PolicyQuarantine
		}
		held := set.Decide(&asked)
		for _, on := range []rules.OnReject{rules.RejectJudge, rules.RejectQuarantine} {
			set.OnReject = on
			v := set.Decide(res)
			_, overridden := set.Trust.Authors["a.example"]
			decided := overridden && message.Below(res.Author.Domain, "a.example") || set.Local.OwnDomains.Name(res.Author.Domain)
			var problem string
			switch same := !v.DiffersInAction(always); {
			case same:
				if on == rules.RejectJudge && v.Judgement == judgement.Refuse {
					refused++
				}
			case v.DiffersInAction(held):
				problem = "neither as always nor as p=quarantine"
			case !judgement.Concerns(res):
				problem = "no policy of reject was concerned"
			case decided:
				problem = "the administrator decided about the domain"
			case always.Intended != result.Reject && always.Intended != result.TempFail:
				problem = "it was not refused"
			case on == rules.RejectJudge && judgement.Weigh(res.Evidence) == judgement.Refuse:
				problem = "the evidence speaks for a forgery"
			case v.Intended == result.Accept:
				problem = "it is accepted"
			default:
				softened++
			}
			if problem != "" {
				t.Fatalf("seed %d, %s: %s by %s (%s), always %s by %s, p=quarantine %s by %s: %s\n%+v\n%+v", seed, on,
					v.Action, v.Rule, v.Text, always.Action, always.Rule, held.Action, held.Rule, problem, res, set)
			}
		}
	}
	if softened < 1000 || refused < 100 {
		t.Errorf("%d verdicts softened, %d refusals kept: the dice do not reach the step", softened, refused)
	}
}
