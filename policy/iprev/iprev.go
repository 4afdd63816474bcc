// Package iprev verifies reverse DNS, RFC 8601 section 3: does the name that
// the address claims lead back to the address?
package iprev

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// Resolver is what the check needs of the DNS.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and does not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of RFC 8601 section 2.7.3.
type Status string

// The results.
const (
	// Pass: a name of the address leads back to it.
	Pass Status = "pass"
	// Fail: the address has names, and none of them leads back to it.
	Fail Status = "fail"
	// TempError: trouble on the way; a later try may find an answer.
	TempError Status = "temperror"
	// PermError: there is nothing to follow, such as no PTR record.
	PermError Status = "permerror"
)

// Result is what the check found.
type Result struct {
	Status Status `json:"result"`
	// Reason says in plain words how the result came about.
	Reason string `json:"reason"`
	// Name is the first name that leads back to the address; "" if none does.
	// It holds letters, digits, hyphens, underscores and dots, in lower case.
	Name string `json:"name"`
}

// Bounds on the DNS work of one check.
const (
	// maxNames is how many PTR names are followed. RFC 8601 section 3 leaves
	// the limit to us; it is that of RFC 7208 section 4.6.4.
	maxNames = 10
	// maxAtOnce is how many names are looked up at the same time.
	maxAtOnce = 4
)

// Check looks the address up and back. At most ten names are followed; of
// those that lead back the first in the order received is given. Trouble with
// one name does not count if another leads back. Check returns when ctx ends,
// with temperror.
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
		return Result{Status: TempError, Reason: "look-up of the PTR record: " + ptr.Outcome.String()}
	}
	names := usable(ptr.Names)
	if len(names) == 0 {
		return Result{Status: Fail, Reason: "no usable name in the PTR records"}
	}
	return follow(ctx, r, ip, names)
}

// usable returns the first ten different names that can be looked up and shown:
// whoever has the reverse zone may write any bytes into it.
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

// follow looks the names up until one leads back to the address.
func follow(ctx context.Context, r Resolver, ip netip.Addr, names []string) Result {
	t := dnscache.A
	if ip.Is6() {
		t = dnscache.AAAA
	}
	trouble := ""
	for batch := range slices.Chunk(names, maxAtOnce) {
		if ctx.Err() != nil {
			trouble = cmp.Or(trouble, "out of time")
			break
		}
		questions := make([]dnscache.Question, len(batch))
		for i, name := range batch {
			questions[i] = dnscache.Question{Name: name, Type: t}
		}
		for i, answer := range dnscache.LookupAll(ctx, r, questions) {
			switch {
			case leadsTo(answer, ip):
				return Result{Status: Pass, Reason: batch[i] + " leads back to " + ip.String(), Name: batch[i]}
			case answer.Outcome.Temporary() && trouble == "":
				trouble = "look-up of the " + t.String() + " records of " + batch[i] + ": " + answer.Outcome.String()
			}
		}
	}
	if trouble != "" {
		return Result{Status: TempError, Reason: trouble}
	}
	return Result{Status: Fail, Reason: "no name of the PTR records leads back to " + ip.String()}
}

func leadsTo(a *dnscache.Answer, ip netip.Addr) bool {
	return slices.ContainsFunc(a.Addrs, func(addr netip.Addr) bool { return addr.Unmap() == ip })
}
