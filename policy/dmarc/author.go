package dmarc

import (
	"cmp"
	"context"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// Author is the result of the lookups for an Author Domain.
type Author struct {
	domain  string
	problem string // why there is nothing to evaluate; "" if there is
	explain bool
	method  Discovery
	found   *discovery
	exists  existence
}

// existence says whether the Author Domain exists (RFC 9989 section 3.2.13).
type existence uint8

const (
	existsUnchecked existence = iota // the policy does not depend on it, so it was not looked up
	existsUnknown                    // a DNS failure
	existsYes                        // anything but NXDOMAIN
	existsNo                         // NXDOMAIN
)

// LookupAuthor performs the tree walk for the Author Domain and, if np=
// matters, looks up whether the domain exists. It returns at the latest when
// ctx ends.
//
// It looks up nothing for an empty Author Domain, which stands for an absent or
// ambiguous author. The result then is None with nothing aligned; the caller
// knows the reason.
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
		a.exists = existsUnknown
	case answer.Outcome == dnscache.NXDomain && answer.Canonical == "":
		a.exists = existsNo
	default:
		// A name with a CNAME exists, wherever that leads (RFC 8020 section 2).
		a.exists = existsYes
	}
	return a
}

// maxRecordText bounds the text of a record in a Result.
const maxRecordText = 4096

// govern sets the record and its policy. It reports whether there is a policy
// to apply.
func (a *Author) govern(res *Result) bool {
	f := a.found
	if !f.decided {
		res.Status, res.Reason = TempError, f.path.lookupReason()
		res.Suspected = f.path.suspected()
		res.Unknown = f.path.unknown
		return false
	}
	if f.record == nil {
		res.Reason = f.path.absentReason()
		return false
	}
	res.RecordDomain, res.Record = f.recordDomain, foreign.Cut(f.record.Text, maxRecordText)
	res.Published, res.Discovery = f.record, cmp.Or(a.method, TreeWalk)
	if f.record.Processing == ProcessNothing {
		// RFC 9989 section 9.2: "none" means that no record exists.
		res.Status = PermError
		res.Reason = "the DMARC record of " + f.recordDomain + " has no usable policy and no address for reports"
		return false
	}
	switch {
	case f.recordDomain == a.domain:
		a.apply(res, f.record.P, "p")
	case a.exists == existsNo:
		a.apply(res, f.record.NP, "np")
	case a.exists == existsUnknown:
		a.apply(res, milder(f.record.SP, f.record.NP), "")
	default:
		a.apply(res, f.record.SP, "sp")
	}
	return true
}

// apply sets the policy for the author. tag is the tag for such a name; if the
// record lacks it, its substitute applies.
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

// milder returns the less strict policy.
func milder(a, b Policy) Policy {
	if a == PolicyNone || b == PolicyNone {
		return PolicyNone
	}
	if a == PolicyQuarantine || b == PolicyQuarantine {
		return PolicyQuarantine
	}
	return PolicyReject
}
