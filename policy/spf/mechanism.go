package spf

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// hosts is the mechanism a (RFC 7208 section 5.3).
func (e *evaluation) hosts(t *Term, target string) (bool, *verdict) {
	if impossible(target) != "" {
		return false, nil // section 4.8 leaves it open; a name that cannot exist has no address
	}
	a := e.lookup(target, e.family())
	if a.Outcome.Temporary() {
		return false, e.tempError(target, e.family(), a)
	}
	return e.near(t, a.Addrs), e.void(t, target, e.family(), a)
}

// exchangers is the mechanism mx (RFC 7208 section 5.4). Without MX records it
// does not match; the target's own address is no substitute.
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
		// Section 4.6.4: not more than ten may be asked for their addresses.
		// Those who match within the first ten are none the worse for an
		// eleventh.
		if i == maxHosts {
			return false, failed(PermError, fmt.Sprintf("%s has more than %d mail exchangers (%s)", foreign.Word(target, maxCited), maxHosts, foreign.Word(t.Text, maxCited)))
		}
		host := targetName(x.Host)
		if impossible(host) != "" { // among them the null MX of RFC 7505
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

// exists matches if the target has an A record, whatever the client's address
// family (RFC 7208 section 5.7).
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

// family is the type of address records that the client's address is compared
// with.
func (e *evaluation) family() dnscache.Type {
	if e.ip.Is4() {
		return dnscache.A
	}
	return dnscache.AAAA
}

// near reports whether one of the addresses is in the client's network of the
// term's size.
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
