package dnscache

import (
	"errors"
	"math"
	"strings"

	"github.com/miekg/dns"
)

// maxChain bounds the CNAMEs followed for one question, over all its messages.
const maxChain = 11

var (
	errChain    = errors.New("CNAME chain loops or is longer than 11")
	errLame     = errors.New("lame: a referral instead of an answer")
	errConflict = errors.New("NXDOMAIN together with the record asked for")
	errLong     = errors.New("DNAME makes the name too long")
)

// chain is the state of following a question over its CNAMEs. One message may have all
// of them, or a server may return only a part in each message.
type chain struct {
	owner     string // the name to ask for next, as presentation writes it
	links     int
	ttl       uint32 // the least so far
	authentic bool   // every message so far was authentic
	done      bool   // the end is known; otherwise owner must be queried
	// These describe the end, if done.
	outcome Outcome
	records []dns.RR
}

// newChain returns the chain of a question before the first query. The name is as
// presentation writes it.
func newChain(name string) chain {
	return chain{owner: name, ttl: math.MaxUint32, authentic: true}
}

// read follows the chain through one message with rcode NOERROR or NXDOMAIN. It
// looks only at records of class IN whose owner is on the chain, since other records do
// not belong to the question.
func (c *chain) read(m *dns.Msg, t Type) error {
	for {
		records, alias, dname := c.atOwner(m, t)
		switch {
		case len(records) > 0:
			if m.Rcode == dns.RcodeNameError {
				return errConflict
			}
			c.done, c.outcome, c.records = true, Found, records
			for _, rr := range records {
				c.limitTTL(rr.Header().Ttl)
			}
			return nil
		case alias != nil:
			c.owner = LowerASCII(alias.Target)
			c.limitTTL(alias.Hdr.Ttl)
		case dname != nil:
			// RFC 6672 section 2.2: servers add the CNAME to a DNAME. Some do not.
			prefix := strings.TrimSuffix(c.owner, LowerASCII(dname.Hdr.Name))
			c.owner = prefix + strings.TrimPrefix(LowerASCII(dname.Target), ".")
			c.limitTTL(dname.Hdr.Ttl)
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

// atOwner returns the records of a message for the chain's owner: those of the type, a
// CNAME, and a DNAME of a name above.
func (c *chain) atOwner(m *dns.Msg, t Type) (records []dns.RR, alias *dns.CNAME, dname *dns.DNAME) {
	for _, rr := range m.Answer {
		h := rr.Header()
		// miekg/dns accepts empty data for any type. Such a record is ignored.
		if h.Class != dns.ClassINET || h.Rdlength == 0 {
			continue
		}
		owner := LowerASCII(h.Name)
		if d, ok := rr.(*dns.DNAME); ok && dname == nil && owner != c.owner && subdomain(c.owner, owner) {
			dname = d
		}
		if owner != c.owner {
			continue
		}
		if Type(h.Rrtype) == t {
			records = append(records, rr)
		} else if a, ok := rr.(*dns.CNAME); ok && alias == nil {
			alias = a
		}
	}
	return records, alias, dname
}

// end sets the outcome from a message without a record for the chain's owner.
func (c *chain) end(m *dns.Msg) error {
	var soa *dns.SOA
	referral := false
	for _, rr := range m.Ns {
		switch rr := rr.(type) {
		case *dns.SOA:
			if soa == nil && rr.Hdr.Class == dns.ClassINET && subdomain(c.owner, LowerASCII(rr.Hdr.Name)) {
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
	case c.followed(m):
		return nil // the message has only a part of the chain; query the rest
	case referral && !m.Authoritative:
		return errLame // RFC 2308 section 2.2: NS without SOA is a referral
	default:
		c.outcome = NoData
	}
	c.done = true
	// RFC 2308 section 5: the TTL is the lesser of the SOA's own TTL and its MINIMUM.
	// An answer without SOA must not be cached.
	if soa == nil {
		c.ttl = 0
		return nil
	}
	c.limitTTL(soa.Hdr.Ttl)
	c.limitTTL(soa.Minttl)
	return nil
}

// followed reports whether the chain has moved on from the name in the question of m.
func (c *chain) followed(m *dns.Msg) bool {
	return len(m.Question) == 1 && LowerASCII(m.Question[0].Name) != c.owner
}

func (c *chain) limitTTL(ttl uint32) {
	if ttl > 1<<31-1 {
		ttl = 0 // RFC 2181 section 8
	}
	c.ttl = min(c.ttl, ttl)
}
