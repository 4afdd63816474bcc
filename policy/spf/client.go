package spf

import (
	"slices"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// clientBudget bounds the time that the client's DNS may delay an evaluation:
// once for the PTR lookup, and once for the addresses of all its names
// together. The owner of the reverse zone chooses the names, and must not use
// up the time for evaluating another domain's record.
const clientBudget = 5 * time.Second

// clientNames are the names from the client's reverse DNS, at most ten, with
// what is known about their addresses.
type clientNames struct {
	asked   bool // the PTR lookup was made
	reverse string
	answer  *dnscache.Answer
	names   []clientName
	// left is the rest of the time for the names' addresses.
	left time.Duration
}

type clientName struct {
	name           string
	checked, valid bool
}

// pointer evaluates the mechanism ptr (RFC 7208 section 5.5). It does not match
// if the client's DNS fails.
func (e *evaluation) pointer(t *Term, target string) (bool, *verdict) {
	a := e.clientPTR()
	if bad := e.void(t, e.client.reverse, dnscache.PTR, a); bad != nil {
		return false, bad
	}
	var inside []*clientName
	for i := range e.client.names {
		if n := &e.client.names[i]; message.Below(n.name, target) {
			inside = append(inside, n)
		}
	}
	return e.firstValid(inside) != nil, nil
}

// validatedName returns the value of %{p} (RFC 7208 section 7.3): the domain
// itself if it is a validated name of the client, else a validated name below
// it, else any validated name, else "unknown".
func (e *evaluation) validatedName(domain string) string {
	e.clientPTR()
	names := make([]*clientName, len(e.client.names))
	for i := range names {
		names[i] = &e.client.names[i]
	}
	rank := func(n *clientName) int {
		switch {
		case n.name == domain:
			return 0
		case message.Below(n.name, domain):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(names, func(a, b *clientName) int { return rank(a) - rank(b) })
	if n := e.firstValid(names); n != nil {
		return n.name
	}
	return "unknown"
}

// clientPTR looks up the client's names, once per check. It uses the first ten
// names and ignores the rest (RFC 7208 section 4.6.4), so that a client cannot
// cause an error for another domain. It also ignores names that are no host
// names: the reverse zone may hold any bytes.
func (e *evaluation) clientPTR() *dnscache.Answer {
	c := &e.client
	if c.asked {
		return c.answer
	}
	c.asked, c.left = true, clientBudget
	c.reverse = dnscache.ReverseName(e.ip)
	c.answer = e.lookup(c.reverse, dnscache.PTR)
	for _, n := range c.answer.Names[:min(len(c.answer.Names), maxHosts)] {
		n, ok := message.NormalizeASCII(n)
		if ok && !slices.ContainsFunc(c.names, func(other clientName) bool { return other.name == n }) {
			c.names = append(c.names, clientName{name: n})
		}
	}
	return c.answer
}

// firstValid returns the first name that resolves to the client's address, or
// nil if none does. The lookups that may be needed run in parallel. A name
// whose lookup fails or is late does not count (RFC 7208 section 5.5).
func (e *evaluation) firstValid(names []*clientName) *clientName {
	if !e.opt.Sequential {
		e.startNames(names)
	}
	for _, n := range names {
		if !n.checked {
			n.checked, n.valid = true, e.resolvesToClient(n.name)
		}
		if n.valid {
			return n
		}
	}
	return nil
}

// startNames starts the lookups of the names up to one that is known to be
// valid. It leaves a single lookup to the evaluation.
func (e *evaluation) startNames(names []*clientName) {
	var open []*clientName
	for _, n := range names {
		if n.valid {
			break
		}
		if !n.checked {
			open = append(open, n)
		}
	}
	if len(open) < 2 || e.client.left <= 0 {
		return
	}
	for _, n := range open {
		e.launch(question{name: n.name, typ: e.family(), client: true}, false, e.client.left)
	}
}

// resolvesToClient reports whether a name of the client resolves to its
// address.
func (e *evaluation) resolvesToClient(name string) bool {
	began := time.Now()
	a := e.take(question{name: name, typ: e.family(), client: true})
	if a == nil {
		if e.client.left <= 0 {
			return false
		}
		a = e.lookupWithin(e.client.left, name, e.family())
	}
	e.client.left -= time.Since(began)
	e.waited = !a.Cached
	return slices.Contains(a.Addrs, e.ip)
}

// budget returns the time for a lookup of a type; 0 for the rest of the
// check's.
func budget(t dnscache.Type) time.Duration {
	if t == dnscache.PTR {
		return clientBudget
	}
	return 0
}

// lookupWithin looks up a name and waits at most limit; 0 is no limit.
func (e *evaluation) lookupWithin(limit time.Duration, name string, t dnscache.Type) *dnscache.Answer {
	if limit == 0 {
		return e.resolver.Lookup(e.ctx, name, t)
	}
	ctx, cancel := dnscache.WithTimeout(e.ctx, limit)
	defer cancel()
	return e.resolver.Lookup(ctx, name, t)
}
