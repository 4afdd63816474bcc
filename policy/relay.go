package policy

import (
	"fmt"
	"net/netip"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/message"
)

// maxHops bounds how many Received fields are read. Postfix ends a loop after 50,
// Sendmail after 25.
const maxHops = 50

// origin is the client behind a trusted relay.
type origin struct {
	ip   netip.Addr
	helo string
	hops int // trusted hops, the relay that connected included
	// problem says why no client is known; "" if one is.
	problem string
	// inside reports that there is no client because the message was made on a relay.
	inside bool
}

// lookThrough finds the client behind the relay that connected.
//
// Every host puts its own Received field on top, but our MTA does not show its field
// to milters. So the relay that connected wrote the topmost field, which names the
// relay's client. If this client is a relay in the list too, it wrote the next field,
// and so on. The first field that names an address outside the list is the last one
// that a trusted host wrote. Only this field says who the client is, since the sender
// can write anything below it.
//
// A client on loopback is a program on the relay itself, such as a content filter.
// The same relay then wrote the next field. A private address outside the list is an
// unknown host of our network, which is not evaluated.
func lookThrough(relays *addrlist.List, connected netip.Addr, h message.Header) origin {
	o := origin{hops: 1}
	at := connected // the host that wrote the next field
	fields, wrote := 0, false
	for _, f := range h {
		if !f.Is("Received") {
			continue
		}
		if fields++; fields > maxHops {
			o.problem = fmt.Sprintf("more than %d hops through trusted relays", maxHops)
			return o
		}
		r := message.ParseReceived(f)
		switch {
		case r.Problem != "":
			o.problem = fmt.Sprintf("the field of relay %s: %s", at, r.Problem)
			return o
		case r.Local:
			return o.handedIn(at, h, fields)
		case r.Relayed:
			continue
		case r.IP.IsLoopback():
			wrote = true
			continue
		case relays.Address(r.IP):
			at, wrote = r.IP, false
			o.hops++
			continue
		case !public(r.IP):
			o.problem = fmt.Sprintf("relay %s had it from %s, a private address that is not in trust.relays", at, r.IP)
			return o
		}
		o.ip, o.helo = r.IP, r.Helo
		return o
	}
	if !wrote {
		o.problem = fmt.Sprintf("relay %s wrote no Received field that says where it had it from", at)
		return o
	}
	o.problem, o.inside = madeOn(at), true
	return o
}

func madeOn(relay netip.Addr) string { return fmt.Sprintf("the message was made on relay %s", relay) }

// handedIn ends a walk at a program that submitted the message on a relay without
// SMTP. If there is no field below, the message was made there. Otherwise it is not
// known where the message was made: a filter may have submitted mail from outside
// again, or a user may have written the field.
func (o origin) handedIn(at netip.Addr, h message.Header, fields int) origin {
	if h.Count("Received") > fields {
		o.problem = fmt.Sprintf("on relay %s a program handed it in again", at)
		return o
	}
	o.problem, o.inside = madeOn(at), true
	return o
}

// shared is the address space between a provider and its customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// public reports whether an address can be that of a client outside.
func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip)
}
