package dnscache

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// supported reports whether answer can read records of type t.
func supported(t Type) bool {
	switch t {
	case A, NS, PTR, MX, TXT, AAAA, TLSA, CAA:
		return true
	}
	return false
}

// answer returns the answer for callers from the end of a chain. It has a record once, even
// if a server sends it several times. RFC 2181 section 5 does not allow duplicates in a set,
// and evaluators would count two policies where there is one.
func (c *chain) answer(t Type) Answer {
	a := Answer{Outcome: c.outcome, Authentic: c.authentic}
	if c.links > 0 {
		a.Canonical = answerName(c.owner)
	}
	if c.outcome != Found {
		return a
	}
	if t == TXT && len(c.records) > 1 {
		c.records = dns.Dedup(c.records, nil) // before their strings are joined
	}
	// The slices have no spare capacity, since it would be kept in the cache.
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
	case TLSA, CAA:
		a.Data = make([]string, 0, n)
	}
	for _, rr := range c.records {
		a.add(rr)
	}
	a.Addrs, a.MX, a.Names, a.Data = distinct(a.Addrs), distinct(a.MX), distinct(a.Names), distinct(a.Data)
	slices.SortFunc(a.MX, func(x, y Exchange) int {
		return cmp.Or(cmp.Compare(x.Preference, y.Preference), strings.Compare(x.Host, y.Host))
	})
	if len(a.TXT)+len(a.Addrs)+len(a.MX)+len(a.Names)+len(a.Data) == 0 {
		return Answer{Outcome: NoData, Authentic: c.authentic, Canonical: a.Canonical}
	}
	return a
}

// distinct returns a list without duplicates, in its order.
func distinct[T comparable](list []T) []T {
	if len(list) < 2 {
		return list
	}
	seen := make(map[T]struct{}, len(list))
	once := slices.DeleteFunc(list, func(v T) bool {
		_, again := seen[v]
		seen[v] = struct{}{}
		return again
	})
	if len(once) < len(list) {
		return exact(once)
	}
	return once
}

// add adds the data of one record.
func (a *Answer) add(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.A:
		if ip, ok := netip.AddrFromSlice(rr.A); ok && ip.Unmap().Is4() {
			a.Addrs = append(a.Addrs, ip.Unmap())
		}
	case *dns.AAAA:
		// An IPv4-mapped address must not be in the DNS (RFC 4038 section 4.2). It
		// would be taken for IPv4.
		if ip, ok := netip.AddrFromSlice(rr.AAAA); ok && ip.Is6() && !ip.Is4In6() {
			a.Addrs = append(a.Addrs, ip)
		}
	case *dns.TXT:
		a.TXT = append(a.TXT, joined(rr.Txt))
	case *dns.MX:
		a.MX = append(a.MX, Exchange{rr.Preference, answerName(rr.Mx)})
	case *dns.PTR:
		a.Names = append(a.Names, answerName(rr.Ptr))
	case *dns.NS:
		a.Names = append(a.Names, answerName(rr.Ns))
	case *dns.TLSA, *dns.CAA:
		if data, ok := rdata(rr); ok {
			a.Data = append(a.Data, data)
		}
	}
}

// rdata returns the RDATA of a record that has no names in it, as octets. It reports false
// if the record cannot be written.
func rdata(rr dns.RR) (string, bool) {
	b := make([]byte, dns.Len(rr))
	end, err := dns.PackRR(rr, b, 0, nil, false)
	start := end - int(rr.Header().Rdlength)
	if err != nil || start < 0 {
		return "", false
	}
	return string(b[start:end]), true
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
