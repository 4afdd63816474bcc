package explain

import (
	"cmp"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// evidence adds the sentences about the results of SPF and DKIM.
func (w *reasons) evidence(res *result.Results, rule string) {
	switch rule {
	case result.RuleSPFFail, result.RuleSPFSoftfail, result.RuleSPFPermError, result.RuleSPFTempError: // decisive has added it
	default:
		w.spf(res)
	}
	if len(res.DKIM) == 0 {
		w.say("DKIM: the message is not signed")
	}
	for i, s := range res.DKIM {
		if i == maxWhySignatures {
			w.say("DKIM: %s more", count(len(res.DKIM)-i, "signature"))
			break
		}
		w.signature(res, s)
	}
}

func (w *reasons) spf(res *result.Results) {
	r, ok := res.EnvelopeSPF()
	domain, d := foreign.Line(r.Domain, 120), res.DMARC
	switch {
	case res.Client.Hidden != "":
		w.say("SPF could not be checked: %s", HiddenClient(res.Client.Hidden))
	case res.Client.IP == "":
		w.say("SPF could not be checked: the client's address is unknown")
	case !ok || domain == "":
		w.say("SPF: there is no domain to check%s", because(r.Reason))
	case r.Status == spf.Pass && d.SPFAligned:
		w.say("SPF passed for %s, which is aligned with %s", domain, d.AuthorDomain)
	case r.Status == spf.Pass:
		w.say("SPF passed for %s, which does not speak for %s%s", domain, d.AuthorDomain, strictNote(res, r.Domain, d.ASPF, "aspf"))
	case r.Status == spf.None:
		w.say("SPF: %s", r.Reason)
	case r.Status == spf.PermError:
		w.say("SPF cannot be evaluated, as the record of %s is broken: %s", domain, brokenSPF(r))
	case r.Status == spf.TempError:
		w.say("SPF could not be checked: %s", r.Reason)
	case r.Status == spf.Neutral:
		w.say("SPF: %s does not say whether %s may send for it%s", domain, res.Client.IP, by(r.Mechanism))
	default:
		w.say("SPF %s: %s does not list %s among its hosts%s", r.Status, domain, res.Client.IP, by(r.Mechanism))
	}
}

func by(mechanism string) string {
	if mechanism == "" || mechanism == "default" {
		return ""
	}
	return " (" + foreign.Line(mechanism, 80) + ")"
}

// brokenSPF returns the reason of a permerror without the domain, which the sentence
// names already.
func brokenSPF(r spf.Result) string {
	return strings.TrimPrefix(r.Reason, "the SPF record of "+r.Domain+" is wrong: ")
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ", " + foreign.Line(reason, 160)
}

// strictNote returns a note that strict alignment excludes a domain of the same
// organization, "" if it does not.
func strictNote(res *result.Results, domain string, mode dmarc.Alignment, tag string) string {
	if mode == dmarc.Strict && related(res, domain) {
		return ", as its record demands the very same domain (" + tag + "=s)"
	}
	return ""
}

func (w *reasons) signature(res *result.Results, s dkim.Result) {
	d := res.DMARC
	who := "DKIM: the signature of " + foreign.Line(cmp.Or(s.Domain, "nothing"), 120)
	if s.Selector != "" {
		who += " (selector " + foreign.Line(s.Selector, 63) + ")"
	}
	status, reason := res.Counts(s)
	switch {
	case status != dkim.Pass && s.Status == dkim.Pass:
		w.say("%s counts as %s: %s", who, status, reason)
	case status == dkim.TempError:
		w.say("%s could not be checked: %s", who, reason)
	case status != dkim.Pass:
		w.say("%s does not count: %s", who, reason)
	case d.Status == dmarc.Fail:
		w.say("%s is intact, but does not speak for %s%s", who, d.AuthorDomain, strictNote(res, s.Domain, d.ADKIM, "adkim"))
	default:
		w.say("%s is intact", who)
	}
}
