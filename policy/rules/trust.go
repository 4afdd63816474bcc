package rules

import (
	"net/netip"
	"slices"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/result"
)

// Trust says whose word counts against a failure of DMARC. The zero value trusts
// nobody.
type Trust struct {
	// Forwarders are clients by address or verified name, and signers.
	Forwarders *addrlist.List
	// Sealers are the domains whose ARC seals are believed.
	Sealers      *addrlist.List
	MailingLists MailingLists
	// Authors say by author domain, in lower-case A-labels, what is done instead of
	// what the domain asks for; they hold for the domains below, too. They are not
	// modified.
	Authors map[string]dmarc.Policy
}

// readyMade decides about a message that has one author, or none that could be
// asked for, and applies what an administrator may set beside DMARC, in the order
// of the table in the package's comment.
func (r Rules) readyMade(res *result.Results) result.Verdict {
	v := r.overrideAuthor(res, r.onlyMarked(r.judgeDMARC(res)))
	v = r.lenient(res, v)
	v = r.onSender(res, v)
	v = r.severe(res, v)
	v = r.whileDegraded(res, v)
	if text := r.Trust.hidden(res); v.Action == result.Reject && text != "" {
		v = deferred(v, result.RuleTempError, text)
	}
	return v
}

// onlyMarked accepts what DMARC would refuse, hold or defer if its policies are
// not to be carried out.
func (r Rules) onlyMarked(v result.Verdict) result.Verdict {
	if r.DMARC != DMARCMark || v.Action == result.Accept || v.Rule == result.RuleTempError && r.OnTempError == TempErrorDefer {
		return v
	}
	return overridden(v, v.Rule, result.Override{Reason: result.ReasonLocalPolicy, By: byDMARC, Text: string(DMARCMark)})
}

// byDMARC is the key that keeps policies from being carried out. It trusts
// nobody: what else is set still decides.
const byDMARC = "policy.dmarc"

// trusted reports whether somebody's word saved the message.
func trusted(v result.Verdict) bool {
	return slices.ContainsFunc(v.Overrides, func(o result.Override) bool { return o.By != byDMARC })
}

// override turns v into acceptance, as o tells.
func overridden(v result.Verdict, rule string, o result.Override) result.Verdict {
	return result.Verdict{Action: result.Accept, Rule: rule, Overrides: append(v.Overrides, o), Refused: v.Refused}
}

// deferred is v as a temporary failure for DNS trouble.
func deferred(v result.Verdict, rule, text string) result.Verdict {
	v.Action, v.Rule, v.Code, v.RedirectTo = result.TempFail, rule, "451 4.4.3", ""
	v.Text = text + "; please try again later"
	return v
}

// lenient looks for somebody whose word counts more than the failure. What an
// override nearly rested on goes into Refused.
func (r Rules) lenient(res *result.Results, v result.Verdict) result.Verdict {
	if v.Action == result.Accept {
		return v
	}
	if o, trusted := r.Trust.forwarder(res); trusted {
		return overridden(v, result.RuleTrustedForwarder, o)
	} else if o.Text != "" {
		v.Refused = append(v.Refused, o)
	}
	if v.Action != result.Reject && v.Action != result.Quarantine {
		return v // nothing is decided yet
	}
	switch text, found := r.Trust.sealed(res); found {
	case sealTrusted:
		return overridden(v, result.RuleTrustedSealer, result.Override{Reason: result.ReasonLocalPolicy, By: "trust.sealers", Text: text})
	case sealRefused:
		v.Refused = append(v.Refused, result.Override{Reason: result.ReasonLocalPolicy, By: "trust.sealers", Text: text})
	case sealHidden:
		if v.Action == result.Reject {
			return deferred(v, result.RuleTempError, "The ARC chain could not be verified because of DNS trouble")
		}
	}
	return r.lenientToLists(res, v)
}

// forwarder reports whether a trusted client handed the message on. The evidence
// says by what that is known, or why not, if it was near; it has no text if it was
// not.
func (t Trust) forwarder(res *result.Results) (o result.Override, trusted bool) {
	by, trusted := t.handedOn(res)
	return result.Override{Reason: result.ReasonTrustedForwarder, By: "trust.forwarders", Text: by}, trusted
}

func (t Trust) handedOn(res *result.Results) (by string, trusted bool) {
	if t.Forwarders.Len() == 0 {
		return "", false
	}
	if ip, err := netip.ParseAddr(res.Client.IP); err == nil && t.Forwarders.Address(ip) {
		return "client " + res.Client.IP, true
	}
	if res.Client.PTR != "" && t.Forwarders.Name(res.Client.PTR) {
		return "client " + res.Client.PTR, true
	}
	for _, d := range res.DKIM {
		if !t.Forwarders.Signer(d.Domain) {
			continue
		}
		status, reason := res.Counts(d)
		if d.Partial {
			status, reason = "partial", "l= leaves a part of the body unsigned"
		}
		if status == "pass" {
			return "signature of " + d.Domain, true
		}
		by = "signature of " + foreign.Line(d.Domain, 100) + ": " + explain.Sentence(string(status), reason)
	}
	if by == "" && t.Forwarders.HasNames() && res.IPRev.Status == iprev.Fail {
		by = foreign.Line(res.IPRev.Reason, 150) // a name that is only claimed
	}
	return by, false
}

// hidden says what DNS trouble hides by which a forwarder might be trusted: the
// client's name or a signature; "" for nothing.
func (t Trust) hidden(res *result.Results) string {
	if t.Forwarders.HasNames() && res.IPRev.Status == iprev.TempError {
		return explain.HiddenName
	}
	for _, d := range res.DKIM {
		if d.Status == dkim.TempError && t.Forwarders.Signer(d.Domain) {
			return explain.HiddenSignature(d.Domain)
		}
	}
	return ""
}

// patient has a client come again that may be exempt by a name which DNS trouble
// hides, if its recipients would not get the message.
func patient(res *result.Results, v result.Verdict) result.Verdict {
	if (v.Action == result.Reject || v.Action == result.Discard || v.Action == result.Redirect) && res.ExemptUndecided {
		return deferred(v, result.RuleTempError, explain.HiddenName)
	}
	return v
}
