package dnstest

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// zone holds the records and faults of a server. The records do not change. The
// server's mutex protects the faults.
type zone struct {
	rrs    map[string]map[uint16][]dns.RR
	names  map[string]bool   // names that exist, with all names above them
	faults map[string]faults // "name/TYPE" or "name/*"
}

func parseZone(text string) (*zone, error) {
	z := &zone{rrs: map[string]map[uint16][]dns.RR{}, names: map[string]bool{".": true}, faults: map[string]faults{}}
	var records strings.Builder
	records.WriteString("$ORIGIN .\n$TTL 60\n")
	sc := bufio.NewScanner(strings.NewReader(text))
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) == 0 || f[0] != "$FAULT" {
			records.WriteString(sc.Text() + "\n")
			continue
		}
		records.WriteString("\n") // keeps the line numbers of errors
		if len(f) != 4 {
			return nil, fmt.Errorf("dnstest: %q: want $FAULT name TYPE FAULT", sc.Text())
		}
		fs, err := Fault(f[3]).parse()
		if err != nil {
			return nil, err
		}
		z.faults[faultKey(f[1], f[2])] = fs
		if f[1] != "*" {
			z.addName(canonical(f[1]))
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("dnstest: %w", err)
	}
	zp := dns.NewZoneParser(strings.NewReader(records.String()), ".", "")
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		n := canonical(rr.Header().Name)
		if z.rrs[n] == nil {
			z.rrs[n] = map[uint16][]dns.RR{}
		}
		z.rrs[n][rr.Header().Rrtype] = append(z.rrs[n][rr.Header().Rrtype], rr)
		z.addName(n)
	}
	if err := zp.Err(); err != nil {
		return nil, fmt.Errorf("dnstest: %w", err)
	}
	z.addRoot()
	return z, nil
}

// addRoot makes the root have a name server, as it has wherever a resolver works. A
// resolver that denies this is not believed.
func (z *zone) addRoot() {
	if z.rrs["."] == nil {
		z.rrs["."] = map[uint16][]dns.RR{}
	}
	if len(z.rrs["."][dns.TypeNS]) == 0 {
		z.rrs["."][dns.TypeNS] = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 60}, Ns: "ns.invalid."}}
	}
}

// addName makes a name and all names above it exist.
func (z *zone) addName(n string) {
	for n != "." {
		z.names[n] = true
		n = parent(n)
	}
}

// answer adds the zone's answer for a question to m. With partial it returns only the
// first record of a CNAME chain.
func (z *zone) answer(m *dns.Msg, name string, typ uint16, partial bool) {
	for links := 0; ; links++ {
		rrs := z.at(name)
		if len(rrs[typ]) > 0 {
			m.Answer = append(m.Answer, owned(rrs[typ], name)...)
			return
		}
		alias := rrs[dns.TypeCNAME]
		if len(alias) == 0 {
			if d, to := z.renamed(name); d != nil {
				c := &dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl}, Target: to}
				m.Answer = append(m.Answer, d)
				alias = []dns.RR{c}
			}
		}
		if len(alias) == 0 {
			if rrs == nil && !z.names[name] {
				m.Rcode = dns.RcodeNameError
			}
			m.Ns = append(m.Ns, z.soa(name))
			return
		}
		m.Answer = append(m.Answer, owned(alias, name)...)
		if name = canonical(alias[0].(*dns.CNAME).Target); partial || links == 20 {
			return
		}
	}
}

// at returns the records of a name, or of the wildcard that matches it (RFC 4592
// section 3.3).
func (z *zone) at(name string) map[uint16][]dns.RR {
	if z.names[name] {
		return z.rrs[name]
	}
	for n := parent(name); ; n = parent(n) {
		if n == "." {
			return z.rrs["*."]
		}
		if z.names[n] {
			return z.rrs["*."+n]
		}
	}
}

// renamed returns the closest DNAME above a name, and the name that it is replaced by
// (RFC 6672 section 2.2).
func (z *zone) renamed(name string) (*dns.DNAME, string) {
	for n := name; n != "."; {
		n = parent(n)
		if ds := z.rrs[n][dns.TypeDNAME]; len(ds) > 0 {
			d := ds[0].(*dns.DNAME)
			return d, strings.TrimSuffix(name, n) + strings.TrimPrefix(d.Target, ".")
		}
	}
	return nil, ""
}

// soa returns the SOA record for a negative answer.
func (z *zone) soa(name string) dns.RR {
	for n := name; ; n = parent(n) {
		if s := z.rrs[n][dns.TypeSOA]; len(s) > 0 {
			return s[0]
		}
		if n == "." {
			return &dns.SOA{
				Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60},
				Ns:  "ns.invalid.", Mbox: "hostmaster.invalid.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60,
			}
		}
	}
}

// faultsFor returns the most specific faults for a question: those of its name, of the
// closest wildcard above it, or of "*".
func (z *zone) faultsFor(name, typ string) faults {
	owners := []string{name}
	for n := parent(canonical(name)); n != "."; n = parent(n) {
		owners = append(owners, "*."+n)
	}
	for _, owner := range append(owners, "*") {
		for _, t := range []string{typ, "*"} {
			if fs, ok := z.faults[faultKey(owner, t)]; ok {
				return fs
			}
		}
	}
	return nil
}

// owned returns records with name as their owner in place of a wildcard.
func owned(rrs []dns.RR, name string) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		if canonical(rr.Header().Name) != name {
			rr = dns.Copy(rr)
			rr.Header().Name = name
		}
		out[i] = rr
	}
	return out
}

// parent returns the name without its first label.
func parent(n string) string {
	i, end := dns.NextLabel(n, 0)
	if end || i >= len(n) {
		return "."
	}
	return n[i:]
}

// canonical returns a name in lower case, with a final dot, and with unusual octets
// escaped as miekg/dns does in names off the wire.
func canonical(name string) string {
	name = dns.Fqdn(name)
	var b [256]byte
	if n, err := dns.PackDomainName(name, b[:], 0, nil, false); err == nil {
		if s, _, err := dns.UnpackDomainName(b[:n], 0); err == nil {
			name = s
		}
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

func bare(name string) string { return strings.TrimSuffix(name, ".") }

func faultKey(name, typ string) string {
	if name != "*" {
		name = bare(canonical(name))
	}
	return name + "/" + strings.ToUpper(typ)
}
