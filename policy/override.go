package policy

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
)

// OverrideReason says in the words of RFC 9990 section 3.1.1.9 why a message
// was not treated as its author's domain asks, so that reports can repeat it.
type OverrideReason string

// The reasons. Forwarded and SampledOut are no longer in RFC 9990; they are
// kept for readers of RFC 7489's reports.
const (
	ReasonForwarded        OverrideReason = "forwarded"
	ReasonTrustedForwarder OverrideReason = "trusted_forwarder"
	ReasonMailingList      OverrideReason = "mailing_list"
	ReasonLocalPolicy      OverrideReason = "local_policy"
	ReasonSampledOut       OverrideReason = "sampled_out"
	ReasonTestMode         OverrideReason = "policy_test_mode"
	ReasonOther            OverrideReason = "other"
)

// Override is one thing that turned the action away from what the author's
// domain asks for. It is evidence: the log, our field and the reports show it.
type Override struct {
	Reason OverrideReason `json:"reason"`
	// By names what decided so: a key of the configuration or a rule.
	By string `json:"by"`
	// Text tells a person what it rests on; "" if By says it all.
	Text string `json:"text"`
}

// String is the override for logs and people: "By (Text)".
func (o Override) String() string {
	if o.Text == "" {
		return o.By
	}
	return o.By + " (" + o.Text + ")"
}

// OverridesText lists overrides for a person.
func (v Verdict) OverridesText() string { return overridesText(v.Overrides) }

// RefusedText lists for a person the overrides that nearly applied.
func (v Verdict) RefusedText() string { return overridesText(v.Refused) }

func overridesText(overrides []Override) string {
	var all []string
	for _, o := range overrides {
		all = append(all, o.String())
	}
	return strings.Join(all, ", ")
}

// Trust says whose word counts against a failure of DMARC. The zero value trusts
// nobody.
type Trust struct {
	// Forwarders are clients by address or verified name, and signers.
	Forwarders *addrlist.List
	// Sealers are the domains whose ARC seals are believed.
	Sealers *addrlist.List
	// MailingLists is how failures are treated that look like a mailing list's
	// work: "strict" (like all others), "quarantine" or "accept".
	MailingLists string
	// Authors say by author domain, in lower-case A-labels, what is done instead of
	// what the domain asks for; they hold for the domains below, too. They are not
	// modified.
	Authors map[string]dmarc.Policy
}

// What MailingLists may be.
const (
	ListsStrict     = "strict"
	ListsQuarantine = "quarantine"
	ListsAccept     = "accept"
)

// readyMade decides about a message that has one author, or none that could be
// asked for, and applies what an administrator may set beside DMARC, in the order
// of the table in the package's comment.
func (r Rules) readyMade(res *Results) Verdict {
	v := r.overrideAuthor(res, r.onlyMarked(r.judgeDMARC(res)))
	v = r.lenient(res, v)
	v = r.onSender(res, v)
	v = r.severe(res, v)
	v = r.whileDegraded(res, v)
	if text := r.Trust.hidden(res); v.Action == Reject && text != "" {
		v = v.deferred(RuleTempError, text)
	}
	return v
}

// onlyMarked accepts what DMARC would refuse, hold or defer if its policies are
// not to be carried out.
func (r Rules) onlyMarked(v Verdict) Verdict {
	if r.DMARC != DMARCMark || v.Action == Accept || v.Rule == RuleTempError && r.OnTempError == TempErrorDefer {
		return v
	}
	return v.override(v.Rule, Override{Reason: ReasonLocalPolicy, By: byDMARC, Text: DMARCMark})
}

// byDMARC is the key that keeps policies from being carried out. It trusts
// nobody: what else is set still decides.
const byDMARC = "policy.dmarc"

// trusted reports whether somebody's word saved the message.
func (v Verdict) trusted() bool {
	return slices.ContainsFunc(v.Overrides, func(o Override) bool { return o.By != byDMARC })
}

// hiddenName is said to a client whose name, which DNS trouble hides, might save
// it from a refusal.
const hiddenName = "The client's name could not be verified because of DNS trouble"

// override turns v into acceptance, as o tells.
func (v Verdict) override(rule string, o Override) Verdict {
	return Verdict{Action: Accept, Rule: rule, Overrides: append(v.Overrides, o), Refused: v.Refused}
}

// deferred is v as a temporary failure for DNS trouble.
func (v Verdict) deferred(rule, text string) Verdict {
	v.Action, v.Rule, v.Code, v.RedirectTo = TempFail, rule, "451 4.4.3", ""
	v.Text = text + "; please try again later"
	return v
}

// lenient looks for somebody whose word counts more than the failure. What an
// override nearly rested on goes into Refused.
func (r Rules) lenient(res *Results, v Verdict) Verdict {
	if v.Action == Accept {
		return v
	}
	if o, trusted := r.Trust.forwarder(res); trusted {
		return v.override(RuleTrustedForwarder, o)
	} else if o.Text != "" {
		v.Refused = append(v.Refused, o)
	}
	if v.Action != Reject && v.Action != Quarantine {
		return v // nothing is decided yet
	}
	switch text, found := r.Trust.sealed(res); found {
	case sealTrusted:
		return v.override(RuleTrustedSealer, Override{Reason: ReasonLocalPolicy, By: "trust.sealers", Text: text})
	case sealRefused:
		v.Refused = append(v.Refused, Override{Reason: ReasonLocalPolicy, By: "trust.sealers", Text: text})
	case sealHidden:
		if v.Action == Reject {
			return v.deferred(RuleTempError, "The ARC chain could not be verified because of DNS trouble")
		}
	}
	return r.lenientToLists(res, v)
}

// forwarder reports whether a trusted client handed the message on. The evidence
// says by what that is known, or why not, if it was near; it has no text if it was
// not.
func (t Trust) forwarder(res *Results) (o Override, trusted bool) {
	by, trusted := t.handedOn(res)
	return Override{Reason: ReasonTrustedForwarder, By: "trust.forwarders", Text: by}, trusted
}

func (t Trust) handedOn(res *Results) (by string, trusted bool) {
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
		by = "signature of " + printable(d.Domain, 100) + ": " + sentence(string(status), reason)
	}
	if by == "" && t.Forwarders.HasNames() && res.IPRev.Status == iprev.Fail {
		by = printable(res.IPRev.Reason, 150) // a name that is only claimed
	}
	return by, false
}

// hidden says what DNS trouble hides by which a forwarder might be trusted: the
// client's name or a signature; "" for nothing.
func (t Trust) hidden(res *Results) string {
	if t.Forwarders.HasNames() && res.IPRev.Status == iprev.TempError {
		return hiddenName
	}
	for _, d := range res.DKIM {
		if d.Status == dkim.TempError && t.Forwarders.Signer(d.Domain) {
			return hiddenSignature(d.Domain)
		}
	}
	return ""
}

func hiddenSignature(domain string) string {
	return "A signature of " + printable(domain, 200) + " could not be verified because of DNS trouble"
}

// patient has a client come again that may be exempt by a name which DNS trouble
// hides, if its recipients would not get the message.
func patient(res *Results, v Verdict) Verdict {
	if (v.Action == Reject || v.Action == Discard || v.Action == Redirect) && res.ExemptUndecided {
		return v.deferred(RuleTempError, hiddenName)
	}
	return v
}
