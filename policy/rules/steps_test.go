package rules_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// dice makes results and rules of all kinds, the same for a seed.
type dice struct {
	*rand.Rand
	t *testing.T
}

func (d dice) one(in int) bool { return d.IntN(in) == 0 }

func pick[T any](d dice, all ...T) T { return all[d.IntN(len(all))] }

func (d dice) domain() string {
	return pick(d, "", "a.example", "sub.a.example", "b.example", "list.example", "fwd.example", "own.example")
}

func (d dice) policy() dmarc.Policy {
	return pick(d, "", dmarc.PolicyNone, dmarc.PolicyQuarantine, dmarc.PolicyReject)
}

func (d dice) results() *result.Results {
	author := d.domain()
	res := &result.Results{
		Client:   result.ClientResult{IP: pick(d, "", "192.0.2.1", "192.0.2.66"), PTR: pick(d, "", "mx.fwd.example")},
		IPRev:    iprev.Result{Status: pick(d, iprev.Pass, iprev.Fail, iprev.TempError)},
		MailFrom: pick(d, "", "x@a.example", "x@own.example"),
		User:     pick(d, "", "", "ann"),
		Author:   message.Author{Domain: author},
		DMARC: dmarc.Result{
			AuthorDomain: author, Status: pick(d, dmarc.None, dmarc.Pass, dmarc.Fail, dmarc.TempError, dmarc.PermError),
			Policy: d.policy(), Disposition: d.policy(), Suspected: d.policy(), DKIMAligned: d.one(3),
		},
		ExemptUndecided: d.one(8), ClaimsIncomplete: d.one(40),
		Exempt: pick(d, slices.Concat(make([]string, 20), []string{result.ExemptAddress})...), Oversize: pick(d, slices.Concat(make([]string, 20), []string{"large"})...),
		DNS: result.DNSCost{Failed: d.IntN(2), Degraded: d.one(8)},
	}
	if author == "" {
		res.Author.Problem, res.Author.Absent = pick(d, "", "no From field"), d.one(2)
	}
	if d.one(20) {
		res.Faults = []string{"spf: internal error"}
	}
	for _, identity := range []spf.Identity{spf.HELO, spf.MailFrom} {
		res.SPF = append(res.SPF, spf.Result{Identity: identity, Domain: d.domain(), Status: pick(d, spf.None, spf.Pass, spf.Fail, spf.SoftFail, spf.TempError, spf.PermError)})
	}
	for range d.IntN(3) {
		res.DKIM = append(res.DKIM, dkim.Result{Domain: d.domain(), Status: pick(d, dkim.Pass, dkim.Fail, dkim.TempError), KeyBits: 2048})
	}
	if d.one(3) {
		res.List = message.List{ID: "list.example", Post: true}
	}
	if d.one(3) {
		recorded := &arc.Recorded{DMARC: pick(d, "pass", "fail"), From: author}
		res.ARC = arc.Result{Status: pick(d, arc.Pass, arc.Fail, arc.TempError), Sealers: []arc.Sealer{{Instance: 1, Domain: d.domain(), Recorded: recorded}}}
	}
	if d.one(4) {
		res.SenderDomains = []result.SenderDomain{{Identity: result.SenderMailFrom, Result: mx.Result{Domain: "b.example", Status: pick(d, mx.NullMX, mx.NoDomain, mx.TempError)}}}
	}
	if d.one(8) {
		res.Client.Hidden, res.Client.Inside = "no Received field", d.one(2)
	}
	if d.one(4) {
		res.Recipients = []string{"dmarc@own.example"}
	}
	if d.one(8) {
		res.Signing = &result.Signing{KeyFault: d.one(2)}
	}
	if d.one(2) {
		res.Evidence = judgement.Gather(res)
	}
	return res
}

func (d dice) demand() rules.Demand {
	return pick(d, rules.DemandMark, rules.DemandQuarantine, rules.DemandReject)
}

func (d dice) rules() rules.Rules {
	r := rules.Rules{
		Mode:              pick(d, rules.Enforce, rules.Enforce, rules.Monitor),
		DMARC:             pick(d, rules.DMARCEnforce, rules.DMARCEnforce, rules.DMARCMark),
		OnReject:          pick(d, rules.RejectAlways, rules.RejectJudge, rules.RejectQuarantine),
		Quarantine:        pick(d, rules.QuarantineHold, rules.QuarantineTag, rules.QuarantineReject),
		OnTempError:       pick(d, rules.TempErrorAccept, rules.TempErrorDefer),
		OnAmbiguousAuthor: pick(d, rules.AmbiguousAccept, rules.AmbiguousHold, rules.AmbiguousReject),
		SenderDomain:      pick(d, rules.SenderDomainMark, rules.SenderDomainReject),
		OnFault:           pick(d, rules.FaultAccept, rules.FaultDefer),
		OnDegraded:        pick(d, rules.DegradedJudge, rules.DegradedDefer, rules.DegradedAccept),
		OnKeyError:        pick(d, rules.KeyErrorDefer, rules.KeyErrorUnsigned),
		NoHold:            d.one(8),
	}
	if d.one(2) {
		r.Trust = rules.Trust{
			Forwarders: members(d.t, pick(d, "", "192.0.2.66", ".fwd.example", "dkim:fwd.example")), Sealers: members(d.t, pick(d, "", "list.example")),
			MailingLists: pick(d, rules.MailingListsStrict, rules.MailingListsQuarantine, rules.MailingListsAccept),
		}
	}
	if d.one(4) {
		r.Trust.Authors = map[string]rules.AuthorOverride{"a.example": {Policy: pick(d, dmarc.PolicyNone, dmarc.PolicyQuarantine, dmarc.PolicyReject)}}
	}
	if d.one(2) {
		r.Local = rules.Local{
			SPFFail: d.demand(), SPFSoftfail: d.demand(), SPFPermError: d.demand(), OnOwnDomain: d.demand(), OnUnsigned: d.demand(),
			OwnDomains: members(d.t, "own.example"), SigningDomains: members(d.t, "a.example"),
		}
	}
	if d.one(2) {
		r.Reports = rules.Reports{
			Inbox: addrlist.NewMailboxes("dmarc@own.example"), RequirePass: d.one(2),
			ConsumeBounces: d.one(2), IsBounce: func(to string) bool { return to == "dmarc@own.example" },
		}
	}
	if d.one(5) {
		r.Custom = []rules.Rule{{
			Name: "mine", Tests: []*condition.Test{test(d.t, "from", "a.example", "b.example")},
			Action:     pick(d, result.Accept, result.Quarantine, result.Reject, result.TempFail, result.Redirect, result.Discard),
			Quarantine: rules.QuarantineHold, RedirectTo: "x@y.example",
		}}
	}
	return r
}

// Whatever is found, a verdict is one that the table of steps knows: its rule may
// lead to its action with its code, and is one that these rules may take. Each
// step decides at least once.
func TestVerdictsAreInTheTable(t *testing.T) {
	t.Parallel()
	unseen := map[string]bool{"mine": true}
	for _, name := range rules.BuiltinRules() {
		unseen[name] = true
	}
	for seed := range uint64(30000) {
		d := dice{rand.New(rand.NewPCG(seed, 0)), t}
		res, set := d.results(), d.rules()
		v := set.Decide(res)
		delete(unseen, v.Rule)
		if problem := outsideTable(set, v); problem != "" {
			t.Fatalf("seed %d: %s by %s, %q: %s\n%+v\n%+v", seed, v.Intended, v.Rule, v.Code, problem, res, set)
		}
	}
	if len(unseen) > 0 {
		t.Errorf("never decided: %v", unseen)
	}
}

// outsideTable says why no step of the table can have led to a verdict; "" if one
// can.
func outsideTable(set rules.Rules, v result.Verdict) string {
	noted := slices.ContainsFunc(v.Overrides, func(o result.Override) bool { return o.By == "policy.dmarc" })
	problem := "no step has the rule"
	for _, s := range rules.Steps() {
		custom := s.Part == rules.PartCustom && v.Rule == "mine"
		if s.Rule != v.Rule && !custom {
			continue
		}
		hasCode := slices.ContainsFunc(s.Codes, func(c rules.Code) bool { return c.Reply == v.Code })
		switch {
		case !s.To.Has(v.Intended) && !(noted && v.Intended == result.Accept):
			problem = "the step does not lead to the action"
		case (v.Action == result.Reject || v.Action == result.TempFail) && !hasCode && !(custom && v.Code != ""):
			problem = "the step has no such code"
		case s.Action(&set) == "" && !custom && s.Rule != result.RuleAuthorOverride:
			problem = "these rules do not take the step"
		default:
			return ""
		}
	}
	return problem
}
