package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// Bounds of Verdict.Why.
const (
	maxWhy           = 12
	maxSentence      = 300
	maxWhySignatures = 4
)

// why returns [result.Verdict.Why] for a verdict.
func why(res *result.Results, v *result.Verdict) []string {
	list := []string{}
	if unremarkable(res, v) {
		return list
	}
	w := &reasons{list: list}
	w.decisive(res, v)
	if res.Author.Domain != "" && res.Exempt == "" && res.Oversize == "" {
		w.evidence(res, v.Rule)
	}
	w.judgement(res, v)
	for _, m := range v.Matched {
		if m.Monitor {
			w.say("The rule %s matches and is only noted%s", foreign.Line(m.Rule, 80), wouldBe(m.Action))
		}
	}
	for _, f := range v.Faults {
		w.say("%s", f)
	}
	for _, o := range v.Overrides {
		w.say("Overridden by %s, which reports call %s", o, o.Reason)
	}
	for _, o := range v.Refused {
		w.say("Not overridden by %s: %s", o.By, cmp.Or(o.Text, "nothing"))
	}
	if v.Action != v.Intended {
		w.say("So the message is not %s but %s", participle(v.Intended), participle(v.Action))
	}
	return w.list
}

// wouldBe returns the effect of a rule whose matches are only recorded.
func wouldBe(a result.Action) string {
	if a == "" {
		return ""
	}
	return "; the message would be " + participle(a)
}

// unremarkable reports whether a message is accepted without anything to explain.
func unremarkable(res *result.Results, v *result.Verdict) bool {
	return v.Action == result.Accept && v.Intended == result.Accept && len(v.Overrides) == 0 && len(v.Refused) == 0 && len(v.Faults) == 0 &&
		(res.Exempt != "" || res.DMARC.Status == dmarc.Pass || res.DMARC.Status == dmarc.None && !res.Author.Ambiguous())
}

// reasons collects the sentences of [result.Verdict.Why].
type reasons struct{ list []string }

func (w *reasons) say(format string, args ...any) {
	w.add(fmt.Sprintf(format, args...))
}

// add adds a sentence without its full stop.
func (w *reasons) add(sentence string) {
	if len(w.list) < maxWhy {
		w.list = append(w.list, foreign.Line(sentence, maxSentence-1)+".")
	}
}

// decisive adds the sentence about the rule that decided.
func (w *reasons) decisive(res *result.Results, v *result.Verdict) {
	d := res.DMARC
	author := foreign.Line(d.AuthorDomain, 120)
	switch v.Rule {
	case result.RuleUnreadable:
		w.say("The message holds more fields in our name than we can remove, so forged results might stay in it")
	case result.RuleKeyError:
		w.say("The message is one of our users and would be signed, but its key cannot be read: %s", res.Signing.Detail)
	case result.RuleReportBounce:
		w.say("It is a bounce of our DMARC report, which is read and not delivered")
	case result.RuleFault:
		if len(res.Faults) == 0 {
			w.say("This machine failed on lookups, so nothing can be said about the message")
			return
		}
		w.say("Postvet itself failed on the message, so nothing can be said about it: %s", strings.Join(res.Faults, "; "))
	case result.RuleOversize:
		w.say("The message is not evaluated: %s", res.Oversize)
	case result.RuleNoAuthor:
		w.say("A bounce whose From field names no domain: there is nothing to evaluate, and a refused bounce is lost")
	case result.RuleAmbiguousAuthor:
		w.say("Nobody can tell for sure who wrote the message: %s", res.Author.Problem)
	case result.RuleTempError:
		if d.Status != dmarc.TempError {
			w.say("%s", v.Text)
			return
		}
		w.say("DMARC of %s could not be evaluated: %s", author, d.Reason)
		if p := cmp.Or(d.Policy, d.Suspected); p.Enforces() && v.Intended == result.TempFail {
			w.say("The domain is known to ask to %s mail that fails; a forger may have caused the failure, so the message is deferred", verb(p))
		} else if d.Unknown != nil && v.Intended == result.TempFail {
			w.say("%s", unknownPolicy(d.Unknown))
		}
	case result.RuleDMARCReject, result.RuleDMARCQuarantine, result.RuleDMARCNone:
		w.dmarc(res)
	case result.RuleSenderDomain, result.RuleOwnDomain, result.RuleUnsigned, result.RuleSPFFail, result.RuleSPFSoftfail, result.RuleSPFPermError, result.RuleSPFTempError:
		w.say("%s", v.Text)
	case result.RuleReportWithoutPass:
		w.say("The message is for an address of DMARC reports, which must pass DMARC themselves (RFC 9990 section 3.5)")
	case result.RuleDMARCPass, result.RuleNoPolicy, result.RuleExempt: // the overrides are remarkable
		if d.Status == dmarc.Pass {
			w.say("The message comes from %s: %s", author, d.Reason)
		}
	default:
		text := overrideSentences[v.Rule]
		if text == "" {
			text = "The rule " + foreign.Line(v.Rule, 80) + " decides"
		}
		w.say("%s", text)
		if d.Status == dmarc.Fail {
			w.dmarc(res)
		}
	}
}

// unknownPolicy returns why a message is deferred whose policy is unknown.
func unknownPolicy(u *dmarc.Unknown) string {
	if u.Bogus {
		return "Records that do not pass DNSSEC validation may be forged, so the message is deferred until they do"
	}
	return "The domain may ask to refuse mail that fails; a forger may have caused the failure, so the message is deferred for some hours"
}

// overrideSentences are the decisive sentences for rules of the administrator's
// exceptions.
var overrideSentences = map[string]string{
	result.RuleAuthorOverride:   "This server has a policy of its own for the author's domain",
	result.RuleTrustedForwarder: "A trusted forwarder handed the message on, so a failure does not count",
	result.RuleTrustedSealer:    "A trusted sealer saw the message before it was changed, and vouches for it",
	result.RuleJudgement:        "The failure alone is no reason to refuse the message",
	result.RuleMailingList:      "By all signs, a mailing list changed the message",
	result.RuleDegraded:         "DNS is down altogether, so missing answers decide nothing for good",
}

// dmarc adds the sentence about the policy of the author's domain.
func (w *reasons) dmarc(res *result.Results) {
	d := res.DMARC
	author := foreign.Line(d.AuthorDomain, 120)
	if d.Policy == dmarc.PolicyNone {
		w.say("Nothing proves that the message comes from %s, which asks for nothing to be done about that (%s)", author, recordName(d))
		return
	}
	w.say("Nothing proves that the message comes from %s, which asks to %s such mail (%s)", author, verb(d.Policy), recordName(d))
}

// recordName returns the policy and its record, as in "sp=reject at _dmarc.example.org".
func recordName(d dmarc.Result) string {
	policy := d.Policy
	note := ""
	if d.Testing {
		note = ", one step milder because of t=y"
		policy = map[dmarc.Policy]dmarc.Policy{dmarc.PolicyQuarantine: dmarc.PolicyReject, dmarc.PolicyNone: dmarc.PolicyQuarantine}[policy]
	}
	text := string(policy)
	if d.PolicyTag != "" {
		text = d.PolicyTag + "=" + text
	}
	if d.RecordDomain != "" {
		text += " at _dmarc." + foreign.Line(d.RecordDomain, 120)
	}
	return text + note
}
