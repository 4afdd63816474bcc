package dnscache

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxChain bounds the CNAMEs followed for one question, over all its messages.
const maxChain = 11

var (
	errChain    = errors.New("CNAME chain loops or is longer than 11")
	errLame     = errors.New("lame: a referral instead of an answer")
	errNonsense = errors.New("NXDOMAIN together with the record asked for")
	errLong     = errors.New("DNAME makes the name too long")
)

// chain is how far a question has been followed: over the CNAMEs of one
// message, and over several messages where a server gives only part of them.
type chain struct {
	owner string // the name that is now asked for, as presentation writes it
	links int
	ttl   uint32 // the least TTL so far
	done  bool   // outcome is known; otherwise owner is to be asked
	// The end, if done.
	outcome Outcome
	records []dns.RR
}

// read follows the chain through one message with rcode NOERROR or NXDOMAIN.
// Only records of class IN whose owner is on the chain are looked at; whatever
// else a message carries is not an answer to this question.
func (c *chain) read(m *dns.Msg, t Type) error {
	for {
		var alias *dns.CNAME
		var dname *dns.DNAME
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET {
				continue
			}
			if h.Rdlength == 0 {
				continue // miekg/dns takes empty data for any type; nothing is said
			}
			if d, ok := rr.(*dns.DNAME); ok && dname == nil {
				if o := lower(h.Name); o != c.owner && within(c.owner, o) {
					dname = d
				}
			}
			if lower(h.Name) != c.owner {
				continue
			}
			if Type(h.Rrtype) == t {
				c.records = append(c.records, rr)
				c.lessTTL(h.Ttl)
			} else if a, ok := rr.(*dns.CNAME); ok && alias == nil {
				alias = a
			}
		}
		switch {
		case len(c.records) > 0:
			if m.Rcode == dns.RcodeNameError {
				return errNonsense
			}
			c.done, c.outcome = true, Found
			return nil
		case alias != nil:
			c.owner = lower(alias.Target)
			c.lessTTL(alias.Hdr.Ttl)
		case dname != nil:
			// RFC 6672 section 2.2; servers add the CNAME themselves, this is
			// for those that forget it.
			prefix := strings.TrimSuffix(c.owner, lower(dname.Hdr.Name))
			c.owner = prefix + strings.TrimPrefix(lower(dname.Target), ".")
			c.lessTTL(dname.Hdr.Ttl)
			if wireLength(c.owner) > 255 {
				return errLong
			}
		default:
			return c.end(m)
		}
		if c.links++; c.links > maxChain {
			return errChain
		}
	}
}

// end judges a message that has nothing (more) for the name at the end of the
// chain.
func (c *chain) end(m *dns.Msg) error {
	var soa *dns.SOA
	referral := false
	for _, rr := range m.Ns {
		switch rr := rr.(type) {
		case *dns.SOA:
			if soa == nil && rr.Hdr.Class == dns.ClassINET && within(c.owner, lower(rr.Hdr.Name)) {
				soa = rr
			}
		case *dns.NS:
			referral = true
		}
	}
	switch {
	case m.Rcode == dns.RcodeNameError:
		// RFC 6604 section 3: the code is about the last name of the chain.
		c.outcome = NXDomain
	case soa != nil:
		c.outcome = NoData
	case c.atAlias(m):
		return nil // only part of the chain was given: ask for the rest
	case referral && !m.Authoritative:
		return errLame // RFC 2308 section 2.2: NS without SOA is a referral
	default:
		c.outcome = NoData
	}
	c.done = true
	// RFC 2308 section 5: the lesser of the SOA's own TTL and its MINIMUM; an
	// answer without SOA is not to be kept.
	if soa == nil {
		c.ttl = 0
		return nil
	}
	c.lessTTL(soa.Hdr.Ttl)
	c.lessTTL(soa.Minttl)
	return nil
}

// atAlias reports whether the message's own question is not the chain's end.
func (c *chain) atAlias(m *dns.Msg) bool {
	return len(m.Question) == 1 && lower(m.Question[0].Name) != c.owner
}

func (c *chain) lessTTL(ttl uint32) {
	if ttl > 1<<31-1 {
		ttl = 0 // RFC 2181 section 8
	}
	c.ttl = min(c.ttl, ttl)
}

// answer turns the end of a chain into what callers see.
func (c *chain) answer(t Type) Answer {
	a := Answer{Outcome: c.outcome}
	if c.links > 0 {
		a.Canonical = handed(c.owner)
	}
	if c.outcome != Found {
		return a
	}
	// Exactly as much room as needed: it is kept, and counted.
	n := len(c.records)
	switch t {
	case TXT:
		a.TXT = make([]string, 0, n)
	case A, AAAA:
		a.Addrs = make([]netip.Addr, 0, n)
	case MX:
		a.MX = make([]Exchange, 0, n)
	case PTR, NS:
		a.Names = make([]string, 0, n)
	}
	for _, rr := range c.records {
		switch rr := rr.(type) {
		case *dns.A:
			if v, ok := netip.AddrFromSlice(rr.A); ok && v.Unmap().Is4() {
				a.Addrs = append(a.Addrs, v.Unmap())
			}
		case *dns.AAAA:
			// An IPv4-mapped address has no business on the wire (RFC 4038
			// section 4.2), and would pass for IPv4.
			if v, ok := netip.AddrFromSlice(rr.AAAA); ok && v.Is6() && !v.Is4In6() {
				a.Addrs = append(a.Addrs, v)
			}
		case *dns.TXT:
			a.TXT = append(a.TXT, joined(rr.Txt))
		case *dns.MX:
			a.MX = append(a.MX, Exchange{rr.Preference, handed(rr.Mx)})
		case *dns.PTR:
			a.Names = append(a.Names, handed(rr.Ptr))
		case *dns.NS:
			a.Names = append(a.Names, handed(rr.Ns))
		}
	}
	slices.SortFunc(a.MX, func(x, y Exchange) int {
		if x.Preference != y.Preference {
			return int(x.Preference) - int(y.Preference)
		}
		return strings.Compare(x.Host, y.Host)
	})
	if len(a.TXT)+len(a.Addrs)+len(a.MX)+len(a.Names) == 0 {
		return Answer{Outcome: NoData, Canonical: a.Canonical}
	}
	return a
}

// joined returns a TXT record's character-strings as one string of octets.
func joined(txt []string) string {
	if len(txt) == 1 {
		return unescape(txt[0])
	}
	n := 0
	for _, s := range txt {
		n += len(s)
	}
	var b strings.Builder
	b.Grow(n)
	for _, s := range txt {
		b.WriteString(unescape(s))
	}
	return b.String()
}

// askable reports whether answer knows how to read records of type t.
func askable(t Type) bool {
	switch t {
	case A, NS, PTR, MX, TXT, AAAA:
		return true
	}
	return false
}

// fault returns the outcome and the reason of a response that is no answer, or
// 0 for one that is.
func fault(m *dns.Msg) (Outcome, error) {
	switch m.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		return 0, nil
	case dns.RcodeRefused:
		return Refused, errors.New("REFUSED" + extended(m))
	}
	name, ok := dns.RcodeToString[m.Rcode]
	if !ok {
		name = fmt.Sprintf("RCODE %d", m.Rcode)
	}
	return ServFail, errors.New(name + extended(m))
}

// extended names the extended error of a response (RFC 8914); its free text is
// left out, for it comes from anyone.
func extended(m *dns.Msg) string {
	opt := m.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			if s := dns.ExtendedErrorCodeToString[e.InfoCode]; s != "" {
				return " (" + s + ")"
			}
			return fmt.Sprintf(" (extended error %d)", e.InfoCode)
		}
	}
	return ""
}
