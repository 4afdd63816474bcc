package spf

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/postvet/postvet/dnscache"
)

// hosts is the mechanism a (RFC 7208 section 5.3).
func (e *evaluation) hosts(t *Term, target string) (bool, *verdict) {
	if impossible(target) != "" {
		return false, nil // section 4.8 leaves it open; a name that cannot exist has no address
	}
	a := e.lookup(target, e.family())
	if a.Outcome.Temporary() {
		return false, e.trouble(target, e.family(), a)
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
		return false, e.trouble(target, dnscache.MX, a)
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
			return false, failed(PermError, fmt.Sprintf("%s has more than %d mail exchangers (%s)", shown(target), maxHosts, shown(t.Text)))
		}
		host := targetName(x.Host)
		if impossible(host) != "" { // among them the null MX of RFC 7505
			continue
		}
		addrs := e.lookup(host, e.family())
		if addrs.Outcome.Temporary() {
			return false, e.trouble(host, e.family(), addrs)
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
		return false, e.trouble(target, dnscache.A, a)
	}
	return len(a.Addrs) > 0, e.void(t, target, dnscache.A, a)
}

// pointer is the mechanism ptr (RFC 7208 section 5.5). Trouble with the DNS of
// the client makes it not match.
func (e *evaluation) pointer(t *Term, target string) (bool, *verdict) {
	a := e.clientPTR()
	if bad := e.void(t, e.client.reverse, dnscache.PTR, a); bad != nil {
		return false, bad
	}
	for i := range e.client.names {
		if below(e.client.names[i].name, target) && e.validated(i) {
			return true, nil
		}
	}
	return false, nil
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
	for _, a := range addrs {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// clientNames are the names that the client's reverse DNS claims, at most ten,
// with what is known of their addresses.
type clientNames struct {
	asked   bool
	reverse string
	answer  *dnscache.Answer
	names   []clientName
}

type clientName struct {
	name           string
	checked, valid bool
}

// clientPTR asks for the client's names, once per check. RFC 7208 section
// 4.6.4: of more than ten names all but the first ten are ignored; the client
// may not choose an error for somebody else's domain.
func (e *evaluation) clientPTR() *dnscache.Answer {
	c := &e.client
	if c.asked {
		return c.answer
	}
	c.asked = true
	c.reverse = reverseName(e.ip)
	c.answer = e.lookup(c.reverse, dnscache.PTR)
	for i, n := range c.answer.Names {
		if i == maxHosts {
			break
		}
		c.names = append(c.names, clientName{name: lower(strings.TrimSuffix(n, "."))})
	}
	return c.answer
}

// validated reports whether the addresses of the client's i-th name have the
// client's among them. A name whose look-up fails is passed over (section 5.5).
func (e *evaluation) validated(i int) bool {
	n := &e.client.names[i]
	if !n.checked {
		n.checked = true
		for _, a := range e.lookup(n.name, e.family()).Addrs {
			n.valid = n.valid || a == e.ip
		}
	}
	return n.valid
}

// validatedName is the value of %{p} (RFC 7208 section 7.3): the domain itself
// if it is one of the client's validated names, else one below it, else any,
// else "unknown".
func (e *evaluation) validatedName(domain string) string {
	e.clientPTR()
	choices := [...]func(name string) bool{
		func(name string) bool { return name == domain },
		func(name string) bool { return below(name, domain) },
		func(string) bool { return true },
	}
	for _, suits := range choices {
		for i := range e.client.names {
			if suits(e.client.names[i].name) && e.validated(i) {
				return e.client.names[i].name
			}
		}
	}
	return "unknown"
}

// below reports whether name is domain or a subdomain of it.
func below(name, domain string) bool {
	return strings.HasSuffix(name, domain) &&
		(len(name) == len(domain) || name[len(name)-len(domain)-1] == '.')
}

// reverseName is the name of an address in the reverse tree of the DNS.
func reverseName(ip netip.Addr) string {
	p := part{reverse: true}
	if ip.Is4() {
		return p.transform(ip.String()) + ".in-addr.arpa"
	}
	return lower(p.transform(dotted(ip))) + ".ip6.arpa"
}
