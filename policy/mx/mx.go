// Package mx answers whether a domain accepts mail, so that an answer to its
// mail, and the notice that a message could not be delivered, can arrive at all.
//
// A domain accepts mail if it has a mail exchanger with an address, or without
// any exchanger an address of its own (RFC 5321 section 5.1). One that publishes
// a single exchanger named "." says that it does not (RFC 7505).
//
// # Cost
//
// A domain with an exchanger costs one question and, if that was right, the two
// for the addresses of the first exchanger, at the same time. At most five
// exchangers are looked at, those that would be tried first.
package mx

import (
	"context"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// Resolver is what the check needs of the DNS.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and does not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is what was found about a domain.
type Status string

// The results.
const (
	// None: there is no domain to ask about, such as an address literal.
	None Status = "none"
	// Accepts: mail for the domain can be delivered to a host with an address.
	Accepts Status = "accepts"
	// NullMX: the domain says that it accepts no mail.
	NullMX Status = "null-mx"
	// NoAddress: the domain exists, and there is no host to deliver to.
	NoAddress Status = "no-address"
	// NoDomain: the domain does not exist.
	NoDomain Status = "no-domain"
	// TempError: DNS trouble hides the answer. It is no evidence.
	TempError Status = "temperror"
)

// Result is what the check found.
type Result struct {
	// Domain is the domain in lower-case A-labels; "" if there is none.
	Domain string `json:"domain"`
	Status Status `json:"result"`
	// Reason says in plain words how the result came about, on one line of
	// printable ASCII.
	Reason string `json:"reason"`
}

// maxExchangers is how many exchangers are looked at. RFC 5321 section 5.1 leaves
// to the client how many it tries; no domain needs more that do not work.
const maxExchangers = 5

// Check looks a domain up. It returns when ctx ends, with temperror.
func Check(ctx context.Context, r Resolver, domain string) Result {
	if domain == "" || strings.HasPrefix(domain, "[") {
		return Result{Status: None, Reason: "no domain"}
	}
	name, ok := message.NormalizeDomain(domain)
	if !ok {
		return Result{Status: None, Reason: "not a domain name"}
	}
	a := r.Lookup(ctx, name, dnscache.MX)
	res := Result{Domain: name}
	switch {
	case !known(a):
		res.Status, res.Reason = TempError, "look-up of the MX records: "+a.Outcome.String()
	case a.Outcome == dnscache.NXDomain && a.Canonical == "":
		res.Status, res.Reason = NoDomain, "no such domain"
	case a.Outcome == dnscache.NXDomain:
		res.Status, res.Reason = NoAddress, "the domain is an alias of a name that does not exist"
	case a.Outcome == dnscache.NoData || len(a.MX) == 0:
		res.Status, res.Reason = implicit(ctx, r, name)
	case len(a.MX) == 1 && a.MX[0].Host == "":
		res.Status, res.Reason = NullMX, "null MX record"
	default:
		res.Status, res.Reason = explicit(ctx, r, a.MX)
	}
	return res
}

// known reports whether an answer is evidence: found or, if it is fresh, that
// there is nothing.
func known(a *dnscache.Answer) bool {
	return a.Outcome == dnscache.Found || a.Outcome.Known() && !a.Stale
}

// implicit judges a domain without exchangers by its addresses.
func implicit(ctx context.Context, r Resolver, name string) (Status, string) {
	found, trouble := addresses(ctx, r, name)
	switch {
	case found:
		return Accepts, "no MX record, but an address"
	case trouble != "":
		return TempError, trouble
	}
	return NoAddress, "neither an MX record nor an address"
}

// explicit judges a domain by its exchangers, in the order in which they would
// be tried. A null MX beside others means nothing (RFC 7505 section 3).
func explicit(ctx context.Context, r Resolver, exchangers []dnscache.Exchange) (Status, string) {
	trouble, asked := "", 0
	for _, x := range exchangers {
		host, ok := message.NormalizeDomain(x.Host)
		if !ok {
			continue // an address, or bytes that no host name has
		}
		if asked++; asked > maxExchangers {
			return Accepts, "an exchanger is named; no address of the first five"
		}
		found, why := addresses(ctx, r, host)
		if found {
			return Accepts, "exchanger " + host
		}
		if trouble == "" {
			trouble = why
		}
	}
	if trouble != "" {
		return TempError, trouble
	}
	return NoAddress, "no exchanger has an address"
}

// addresses reports whether a host has an address of either family, or what
// keeps it from being known.
func addresses(ctx context.Context, r Resolver, host string) (found bool, trouble string) {
	families := []dnscache.Question{{Name: host, Type: dnscache.A}, {Name: host, Type: dnscache.AAAA}}
	for i, a := range dnscache.LookupAll(ctx, r, families) {
		if len(a.Addrs) > 0 {
			return true, ""
		}
		if trouble == "" && !known(a) {
			trouble = "look-up of the " + families[i].Type.String() + " records of " + host + ": " + a.Outcome.String()
		}
	}
	return false, trouble
}
