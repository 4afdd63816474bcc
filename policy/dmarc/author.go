package dmarc

import (
	"context"

	"github.com/postvet/postvet/dnscache"
)

// Author is what the DNS says of an Author Domain.
type Author struct {
	domain  string
	problem string // why nothing is evaluated; "" if something is
	explain bool
	method  Discovery
	found   *discovery
	exists  existence
}

// existence says whether the Author Domain exists, RFC 9989 section 3.2.13.
type existence uint8

const (
	existenceMoot    existence = iota // the policy does not depend on it
	existenceHidden                   // DNS trouble
	existenceGranted                  // anything but NXDOMAIN
	existenceDenied                   // NXDOMAIN
)

// LookupAuthor walks for the Author Domain and, where np= makes a difference, asks
// whether it exists. It returns at the latest when ctx ends.
//
// An empty Author Domain, that of a message whose author is absent or
// ambiguous, is never looked up: the result is None, with nothing aligned, and
// the caller knows better why.
func LookupAuthor(ctx context.Context, r Resolver, domain string, o Options) *Author {
	a := &Author{domain: normalize(domain), explain: o.Explain, method: o.Discovery}
	if a.domain == "" {
		a.domain = domain
		a.problem = "the author's domain is not a domain name"
		if domain == "" {
			a.problem = "no single author domain"
		}
		return a
	}
	a.found = discover(ctx, r, a.domain, o.Discovery)
	rec := a.found.record
	if rec == nil || a.found.recordDomain == a.domain || rec.InForce(rec.NP) == rec.InForce(rec.SP) {
		return a
	}
	// TXT is the type that SPF asks for at the same name.
	switch answer := r.Lookup(ctx, a.domain, dnscache.TXT); {
	case !answer.Outcome.Known():
		a.exists = existenceHidden
	case answer.Outcome == dnscache.NXDomain && answer.Canonical == "":
		a.exists = existenceDenied
	default:
		// A name with a CNAME exists, wherever that leads (RFC 8020 section 2).
		a.exists = existenceGranted
	}
	return a
}

// govern fills in the record and its policy, and reports whether there is
// anything to decide by.
func (a *Author) govern(res *Result) bool {
	f := a.found
	if !f.decided {
		res.Status, res.Reason = TempError, f.path.troubleReason()
		res.Suspected = f.path.suspected()
		return false
	}
	if f.record == nil {
		res.Reason = f.path.absentReason()
		return false
	}
	res.RecordDomain = f.recordDomain
	if f.record.Processing == ProcessNothing {
		res.Reason = "the DMARC record of " + f.recordDomain + " has no usable policy and no address for reports"
		return false
	}
	switch {
	case f.recordDomain == a.domain:
		a.apply(res, f.record.P, "p")
	case a.exists == existenceDenied:
		a.apply(res, f.record.NP, "np")
	case a.exists == existenceHidden:
		a.apply(res, milder(f.record.SP, f.record.NP), "")
	default:
		a.apply(res, f.record.SP, "sp")
	}
	return true
}

// apply fills in the policy for the author; tag is the one that is meant for
// such a name, but the record may only have those that stand in for it.
func (a *Author) apply(res *Result, published Policy, tag string) {
	rec := a.found.record
	res.Policy, res.ADKIM, res.ASPF = rec.InForce(published), rec.ADKIM, rec.ASPF
	res.Testing = res.Policy != published
	if _, ok := rec.Published[tag]; tag == "np" && !ok {
		tag = "sp"
	}
	if _, ok := rec.Published[tag]; tag == "sp" && !ok {
		tag = "p"
	}
	res.PolicyTag = tag
}

// milder returns the policy that asks for less.
func milder(a, b Policy) Policy {
	if a == PolicyNone || b == PolicyNone {
		return PolicyNone
	}
	if a == PolicyQuarantine || b == PolicyQuarantine {
		return PolicyQuarantine
	}
	return PolicyReject
}
