package spf

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// hosts evaluates the mechanism a (RFC 7208 section 5.3).
func (e *evaluation) hosts(t *Term, target string) (bool, *verdict) {
	if impossible(target) != "" {
		return false, nil // section 4.8 leaves the result to us; a name that cannot exist has no address
	}
	a := e.lookup(target, e.family())
	if a.Outcome.Temporary() {
		return false, e.tempError(target, e.family(), a)
	}
	return e.near(t, a.Addrs), e.void(t, target, e.family(), a)
}

// exchangers evaluates the mechanism mx (RFC 7208 section 5.4). It does not
// match without MX records: section 5.4 excludes the implicit MX of RFC 5321.
func (e *evaluation) exchangers(t *Term, target string) (bool, *verdict) {
	if impossible(target) != "" {
		return false, nil
	}
	a := e.lookup(target, dnscache.MX)
	if a.Outcome.Temporary() {
		return false, e.tempError(target, dnscache.MX, a)
	}
	if bad := e.void(t, target, dnscache.MX, a); bad != nil {
		return false, bad
	}
	e.startHosts(a.MX)
	for i, x := range a.MX {
		// Section 4.6.4: the addresses of at most ten exchangers are looked up.
		// A client that matches within the first ten passes even if there are
		// more.
		if i == maxHosts {
			return false, failed(PermError, fmt.Sprintf("%s has more than %d mail exchangers (%s)", foreign.Word(target, maxCited), maxHosts, foreign.Word(t.Text, maxCited)))
		}
		host := targetName(x.Host)
		if impossible(host) != "" { // includes the null MX of RFC 7505
			continue
		}
		addrs := e.lookup(host, e.family())
		if addrs.Outcome.Temporary() {
			return false, e.tempError(host, e.family(), addrs)
		}
		if e.near(t, addrs.Addrs) {
			return true, nil
		}
	}
	return false, nil
}

// exists evaluates the mechanism exists: it matches if the target has an A
// record, whatever the client's address family (RFC 7208 section 5.7).
func (e *evaluation) exists(t *Term, target string) (bool, *verdict) {
	if impossible(target) != "" {
		return false, nil
	}
	a := e.lookup(target, dnscache.A)
	if a.Outcome.Temporary() {
		return false, e.tempError(target, dnscache.A, a)
	}
	return len(a.Addrs) > 0, e.void(t, target, dnscache.A, a)
}

// family returns the type of address records that are compared with the
// client's address.
func (e *evaluation) family() dnscache.Type {
	if e.ip.Is4() {
		return dnscache.A
	}
	return dnscache.AAAA
}

// near reports whether one of the addresses is in the client's network, which
// has the prefix length of the term.
func (e *evaluation) near(t *Term, addrs []netip.Addr) bool {
	bits := t.Prefix6
	if e.ip.Is4() {
		bits = t.Prefix4
	}
	network, err := e.ip.Prefix(bits)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addrs, network.Contains)
}
