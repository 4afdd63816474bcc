package rules

import (
	"net/netip"
	"slices"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/result"
)

// forwarder accepts a message from a trusted forwarder.
func (r *Rules) forwarder(d *decision) {
	if o, trusted := r.Trust.forwarder(d.results); trusted {
		d.override(stepForwarder, o)
	} else if o.Text != "" {
		d.refuse(o)
	}
}

// forwarderUndecided defers a message if a DNS failure hides whether its forwarder is
// trusted.
func (r *Rules) forwarderUndecided(d *decision) {
	if text := r.Trust.undecidedForwarder(d.results); text != "" {
		d.postpone(result.RuleTempError, text)
	}
}

// trusted reports whether an override by a trusted party applies.
func (d *decision) trusted() bool {
	return slices.ContainsFunc(d.verdict.Overrides, func(o result.Override) bool { return o.By != byDMARC && o.By != byOnReject })
}

// forwarder reports whether the message is from a trusted forwarder. The text of the
// override is the evidence for it or, if the forwarder is not trusted, the evidence
// that was not enough; "" if there is none.
func (t *Trust) forwarder(res *result.Results) (o result.Override, trusted bool) {
	by, trusted := t.handedOn(res)
	return result.Override{Reason: result.ReasonTrustedForwarder, By: "trust.forwarders", Text: by}, trusted
}

// handedOn returns the text of forwarder's override, and whether the forwarder is
// trusted.
func (t *Trust) handedOn(res *result.Results) (by string, trusted bool) {
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
		if status == dkim.Pass {
			return "signature of " + d.Domain, true
		}
		by = "signature of " + foreign.Line(d.Domain, 100) + ": " + string(status)
		if reason != "" {
			by += ", " + foreign.Line(reason, 300)
		}
	}
	if by == "" && t.Forwarders.HasNames() && res.IPRev.Status == iprev.Fail {
		by = foreign.Line(res.IPRev.Reason, 150) // a name that is only claimed
	}
	return by, false
}

// undecidedForwarder returns the reply if a DNS failure hides a client name or a
// signature that may be a trusted forwarder's; otherwise "".
func (t *Trust) undecidedForwarder(res *result.Results) string {
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
