package spf

import (
	"slices"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// clientBudget is how long the client's DNS may keep an evaluation waiting:
// the PTR look-up, and again the addresses of all its names together. Whoever
// has the reverse zone chooses the names, and must not use up the time that
// another's record is evaluated in.
const clientBudget = 5 * time.Second

// clientNames are the names that the client's reverse DNS claims, at most ten,
// with what is known of their addresses.
type clientNames struct {
	asked   bool
	reverse string
	answer  *dnscache.Answer
	names   []clientName
	// left is what is left of the budget for the names' addresses.
	left time.Duration
}

type clientName struct {
	name           string
	checked, valid bool
}

// pointer is the mechanism ptr (RFC 7208 section 5.5). Trouble with the DNS of
// the client makes it not match.
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

// validatedName is the value of %{p} (RFC 7208 section 7.3): the domain itself
// if it is one of the client's validated names, else one below it, else any,
// else "unknown".
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

// clientPTR asks for the client's names, once per check. RFC 7208 section
// 4.6.4: of more than ten names all but the first ten are ignored; the client
// may not choose an error for somebody else's domain. What is no host name is
// passed over: the reverse zone may hold any bytes.
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

// firstValid returns the first of the names whose addresses have the client's
// among them, nil if there is none. The look-ups of all that may be needed run
// at the same time. A name whose look-up fails or is late is passed over
// (section 5.5).
func (e *evaluation) firstValid(names []*clientName) *clientName {
	if !e.opt.sequential {
		e.startNames(names)
	}
	for _, n := range names {
		if !n.checked {
			n.checked, n.valid = true, e.leadsBack(n.name)
		}
		if n.valid {
			return n
		}
	}
	return nil
}

// startNames starts the look-ups of the names up to one that is known to be
// valid, but for a single one, which the evaluation asks for itself.
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

// leadsBack reports whether the addresses of one of the client's names have the
// client's among them.
func (e *evaluation) leadsBack(name string) bool {
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

// budget bounds the lookup of records of a type; 0 for no bound but the check's.
func budget(t dnscache.Type) time.Duration {
	if t == dnscache.PTR {
		return clientBudget
	}
	return 0
}

// lookupWithin asks the DNS, and waits no longer than limit unless that is 0.
func (e *evaluation) lookupWithin(limit time.Duration, name string, t dnscache.Type) *dnscache.Answer {
	if limit == 0 {
		return e.resolver.Lookup(e.ctx, name, t)
	}
	ctx, cancel := dnscache.WithTimeout(e.ctx, limit)
	defer cancel()
	return e.resolver.Lookup(ctx, name, t)
}
