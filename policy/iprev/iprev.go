// Package iprev verifies reverse DNS, RFC 8601 section 3: does the name that
// the address claims lead back to the address?
package iprev

import (
	"context"
	"net/netip"

	"github.com/postvet/postvet/dnscache"
)

// Resolver is what the check needs of the DNS.
type Resolver interface {
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

// follow looks the names up until one leads back to the address.
func follow(ctx context.Context, r Resolver, ip netip.Addr, names []string) Result {
	t := dnscache.A
	if ip.Is6() {
		t = dnscache.AAAA
	}
	trouble := ""
	for len(names) > 0 && ctx.Err() == nil {
		batch := names[:min(len(names), maxAtOnce)]
		names = names[len(batch):]
		for i, answer := range lookup(ctx, r, batch, t, ip) {
			switch {
			case leadsTo(answer, ip):
				return Result{Status: Pass, Reason: batch[i] + " leads back to " + ip.String(), Name: batch[i]}
			case answer.Outcome.Temporary() && trouble == "":
				trouble = "look-up of the " + t.String() + " records of " + batch[i] + ": " + answer.Outcome.String()
			}
		}
	}
	switch {
	case trouble != "":
		return Result{Status: TempError, Reason: trouble}
	case len(names) > 0:
		return Result{Status: TempError, Reason: "out of time"}
	}
	return Result{Status: Fail, Reason: "no name of the PTR records leads back to " + ip.String()}
}

// lookup asks for all names at once and returns the answers in the order of the
// names, up to the first that leads to the address; the look-ups of the names
// after it are given up. All have ended when it returns. A panic in one of them
// becomes a panic of the caller.
func lookup(ctx context.Context, r Resolver, names []string, t dnscache.Type, ip netip.Addr) []*dnscache.Answer {
	if len(names) == 1 {
		return []*dnscache.Answer{r.Lookup(ctx, names[0], t)}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type arrival struct {
		answer *dnscache.Answer
		panic  any
	}
	arriving := make([]chan arrival, len(names))
	for i, name := range names {
		arriving[i] = make(chan arrival, 1)
		go func() {
			var in arrival
			// A panic here would end the program; the caller may know better.
			defer func() {
				in.panic = recover()
				arriving[i] <- in
			}()
			in.answer = r.Lookup(ctx, name, t)
		}()
	}
	var answers []*dnscache.Answer
	var trouble any
	found := false
	for _, c := range arriving {
		in := <-c
		if in.panic != nil {
			trouble = in.panic
			cancel()
		}
		if found || trouble != nil {
			continue
		}
		answers = append(answers, in.answer)
		if found = leadsTo(in.answer, ip); found {
			cancel()
		}
	}
	if trouble != nil {
		panic(trouble)
	}
	return answers
}

func leadsTo(a *dnscache.Answer, ip netip.Addr) bool {
	if a.Outcome != dnscache.Found {
		return false
	}
	for _, addr := range a.Addrs {
		if addr.Unmap() == ip {
			return true
		}
	}
	return false
}
