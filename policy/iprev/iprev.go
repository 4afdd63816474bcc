// Package iprev checks the reverse DNS of an SMTP client (RFC 8601 section 3).
// The check passes if the PTR records of the client's address give a name that
// has this address.
//
// [Check] takes an address and returns a [Result] with the name. The DNS work
// is bounded: at most ten names are looked up. DNS failures are the result
// temperror, never an error value.
package iprev

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// Resolver is the part of a DNS resolver that the check uses.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and must not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of the method "iprev" (RFC 8601 section 2.7.3).
type Status string

// The results.
const (
	// Pass: a name of the address resolves to it.
	Pass Status = "pass"
	// Fail: the address has names, but none of them resolves to it.
	Fail Status = "fail"
	// TempError: a lookup failed; a later check may succeed.
	TempError Status = "temperror"
	// PermError: the check is impossible, for example because there is no PTR
	// record.
	PermError Status = "permerror"
)

// Result is the result of a check.
type Result struct {
	Status Status `json:"result"`
	// Reason explains the result in words.
	Reason string `json:"reason"`
	// Name is the first name that resolves to the address; "" if none does. It
	// consists of lower-case letters, digits, hyphens, underscores and dots.
	Name string `json:"name"`
}

// Bounds on the DNS work of one check.
const (
	// maxNames bounds the PTR names that are looked up. RFC 8601 section 3
	// suggests a limit and leaves its size to us; we take that of RFC 7208
	// section 4.6.4.
	maxNames = 10
	// maxAtOnce bounds the names that are looked up at the same time.
	maxAtOnce = 4
)

// Check looks up the names of an address and the addresses of at most ten of
// these names. Of the names that resolve to the address, the result has the
// first in the order received. A DNS failure for one name does not matter if
// another passes. Check returns temperror when ctx ends.
func Check(ctx context.Context, r Resolver, ip netip.Addr) Result {
	if !ip.IsValid() {
		return Result{Status: PermError, Reason: "no address"}
	}
	ip = ip.Unmap().WithZone("")
	ptr := r.Lookup(ctx, dnscache.ReverseName(ip), dnscache.PTR)
	switch {
	case ptr.Outcome.Void():
		return Result{Status: PermError, Reason: "no PTR record"}
	case ptr.Outcome != dnscache.Found:
		return Result{Status: TempError, Reason: "lookup of the PTR record: " + ptr.Reason()}
	}
	names := usable(ptr.Names)
	if len(names) == 0 {
		return Result{Status: Fail, Reason: "no usable name in the PTR records"}
	}
	return confirm(ctx, r, ip, names)
}

// usable returns the first ten different names that are valid domain names. The
// owner of the reverse zone may write any bytes into it.
func usable(names []string) []string {
	var good []string
	for _, n := range names {
		n, ok := message.NormalizeASCII(n)
		if !ok || slices.Contains(good, n) {
			continue
		}
		if good = append(good, n); len(good) == maxNames {
			break
		}
	}
	return good
}

// confirm looks up the addresses of the names until one resolves to ip.
func confirm(ctx context.Context, r Resolver, ip netip.Addr, names []string) Result {
	t := dnscache.A
	if ip.Is6() {
		t = dnscache.AAAA
	}
	failure := ""
	for batch := range slices.Chunk(names, maxAtOnce) {
		if ctx.Err() != nil {
			failure = cmp.Or(failure, "out of time")
			break
		}
		questions := make([]dnscache.Question, len(batch))
		for i, name := range batch {
			questions[i] = dnscache.Question{Name: name, Type: t}
		}
		for i, answer := range dnscache.LookupAll(ctx, r, questions) {
			switch {
			case resolvesTo(answer, ip):
				return Result{Status: Pass, Reason: batch[i] + " leads back to " + ip.String(), Name: batch[i]}
			case answer.Outcome.Temporary() && failure == "":
				failure = "lookup of the " + t.String() + " records of " + batch[i] + ": " + answer.Reason()
			}
		}
	}
	if failure != "" {
		return Result{Status: TempError, Reason: failure}
	}
	return Result{Status: Fail, Reason: "no name of the PTR records leads back to " + ip.String()}
}

// resolvesTo reports whether an answer has the address.
func resolvesTo(a *dnscache.Answer, ip netip.Addr) bool {
	return slices.ContainsFunc(a.Addrs, func(addr netip.Addr) bool { return addr.Unmap() == ip })
}
