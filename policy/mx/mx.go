// Package mx finds out whether a domain accepts mail. If the domain of a sender
// does not, replies and delivery status notifications cannot reach it.
//
// A domain accepts mail if it has a mail exchanger with an address or, without
// any exchanger, an address of its own (RFC 5321 section 5.1). A domain that
// publishes a single exchanger named "." accepts no mail (RFC 7505).
//
// [Check] takes a domain and returns a [Result]. DNS failures are the result
// temperror, never an error value.
//
// # Cost
//
// The usual domain takes one lookup of its MX records and two parallel lookups
// for the addresses of its first exchanger. At most five exchangers are looked
// up, in the order of their preference.
package mx

import (
	"cmp"
	"context"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// Resolver is the part of a DNS resolver that the check uses.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and must not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is the result of a check.
type Status string

// The results.
const (
	// None: there is no domain to look up, for example because it is an address
	// literal.
	None Status = "none"
	// Accepts: mail for the domain can be delivered to a host with an address.
	Accepts Status = "accepts"
	// NullMX: the domain publishes that it accepts no mail (RFC 7505).
	NullMX Status = "null-mx"
	// NoAddress: the domain exists, but no host to deliver to has an address.
	NoAddress Status = "no-address"
	// NoDomain: the domain does not exist.
	NoDomain Status = "no-domain"
	// TempError: a DNS failure prevents the check. It says nothing about the
	// domain.
	TempError Status = "temperror"
)

// Result is the result of a check with its reason.
type Result struct {
	// Domain is the domain in lower-case A-labels; "" if there is none.
	Domain string `json:"domain"`
	Status Status `json:"result"`
	// Reason explains the result in words, on one line of printable ASCII.
	Reason string `json:"reason"`
}

// maxExchangers bounds the exchangers that are looked up. RFC 5321 section 5.1
// lets the client choose how many it tries; five without an address are enough
// to stop.
const maxExchangers = 5

// Check looks up whether a domain accepts mail. It returns temperror when ctx
// ends.
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
	case !conclusive(a):
		res.Status, res.Reason = TempError, "lookup of the MX records: "+cmp.Or(a.Reason(), a.Outcome.String())
	case a.Outcome == dnscache.NXDomain && a.Canonical == "":
		res.Status, res.Reason = NoDomain, "no such domain"
	case a.Outcome == dnscache.NXDomain:
		res.Status, res.Reason = NoAddress, "the domain is an alias of a name that does not exist"
	case a.Outcome == dnscache.NoData || len(a.MX) == 0:
		res.Status, res.Reason = checkImplicit(ctx, r, name)
	case len(a.MX) == 1 && a.MX[0].Host == "":
		res.Status, res.Reason = NullMX, "null MX record"
	default:
		res.Status, res.Reason = checkExchangers(ctx, r, a.MX)
	}
	return res
}

// conclusive reports whether an answer proves something: that records exist or,
// if it is not stale, that none exist.
func conclusive(a *dnscache.Answer) bool {
	return a.Outcome == dnscache.Found || a.Outcome.Known() && !a.Stale
}

// checkImplicit checks a domain without exchangers by its own addresses (RFC
// 5321 section 5.1).
func checkImplicit(ctx context.Context, r Resolver, name string) (Status, string) {
	found, failure := addresses(ctx, r, name)
	switch {
	case found:
		return Accepts, "no MX record, but an address"
	case failure != "":
		return TempError, failure
	}
	return NoAddress, "neither an MX record nor an address"
}

// checkExchangers checks a domain by its exchangers in the order of their
// preference. A null MX beside other exchangers has no meaning (RFC 7505
// section 3).
func checkExchangers(ctx context.Context, r Resolver, exchangers []dnscache.Exchange) (Status, string) {
	failure, asked := "", 0
	for _, x := range exchangers {
		host, ok := message.NormalizeDomain(x.Host)
		if !ok {
			continue // an address, or no valid host name
		}
		if asked++; asked > maxExchangers {
			return Accepts, "an exchanger is named; no address of the first five"
		}
		found, why := addresses(ctx, r, host)
		if found {
			return Accepts, "exchanger " + host
		}
		if failure == "" {
			failure = why
		}
	}
	if failure != "" {
		return TempError, failure
	}
	return NoAddress, "no exchanger has an address"
}

// addresses reports whether a host has an IPv4 or IPv6 address. failure says
// why this is not known; "" if it is.
func addresses(ctx context.Context, r Resolver, host string) (found bool, failure string) {
	families := []dnscache.Question{{Name: host, Type: dnscache.A}, {Name: host, Type: dnscache.AAAA}}
	for i, a := range dnscache.LookupAll(ctx, r, families) {
		if len(a.Addrs) > 0 {
			return true, ""
		}
		if failure == "" && !conclusive(a) {
			failure = "lookup of the " + families[i].Type.String() + " records of " + host + ": " + cmp.Or(a.Reason(), a.Outcome.String())
		}
	}
	return false, failure
}
