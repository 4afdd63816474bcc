package dnstest

import (
	"crypto"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// signer signs answers (RFC 4034) as they are given, by one key of the root, as if the
// whole zone were the root's.
type signer struct {
	key      *dns.DNSKEY
	private  crypto.Signer
	unsigned []string // the records at these names and below have no signatures
}

// Sign makes the server sign what it answers to queries that ask for signatures, and
// returns the DS record of its key in the form of a zone file, which is what a validating
// resolver trusts. The records at some names and below stay without signatures, so that they
// are bogus: nothing says that they need none. Names that do not exist are shown as names
// without records (RFC 9824).
func (s *Server) Sign(unsigned ...string) (anchor string, err error) {
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		return "", err
	}
	g := &signer{key: key, private: private.(crypto.Signer)}
	for _, name := range unsigned {
		g.unsigned = append(g.unsigned, canonical(name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signer = g
	return key.ToDS(dns.SHA256).String(), nil
}

// sign completes an answer from a zone.
func (g *signer) sign(m *dns.Msg, z *zone, name string, typ uint16) {
	if name == "." && typ == dns.TypeDNSKEY {
		m.Answer, m.Ns = []dns.RR{g.key}, nil
	}
	if len(m.Answer) == 0 {
		m.Rcode = dns.RcodeSuccess
		m.Ns = []dns.RR{z.soa("."), g.denial(z, name, typ)}
	}
	m.Answer, m.Ns = g.signed(m.Answer), g.signed(m.Ns)
}

// denial returns the NSEC record that shows that a name has no records of a type, and that
// no zone begins there.
func (g *signer) denial(z *zone, name string, typ uint16) dns.RR {
	types := []uint16{dns.TypeRRSIG, dns.TypeNSEC}
	for t := range z.rrs[name] {
		if t != typ && t != dns.TypeNS && t != dns.TypeSOA && t != dns.TypeCNAME {
			types = append(types, t)
		}
	}
	slices.Sort(types)
	return &dns.NSEC{
		Hdr:        dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 60},
		NextDomain: `\000.` + strings.TrimPrefix(name, "."), TypeBitMap: types,
	}
}

// signed returns records with a signature behind each set of them.
func (g *signer) signed(rrs []dns.RR) []dns.RR {
	var all []dns.RR
	for len(rrs) > 0 {
		n := 1
		h := rrs[0].Header()
		for n < len(rrs) && rrs[n].Header().Name == h.Name && rrs[n].Header().Rrtype == h.Rrtype {
			n++
		}
		all = append(all, rrs[:n]...)
		if sig := g.signature(rrs[:n]); sig != nil {
			all = append(all, sig)
		}
		rrs = rrs[n:]
	}
	return all
}

// signature returns the signature of a set of records, nil if it has none.
func (g *signer) signature(set []dns.RR) dns.RR {
	h := set[0].Header()
	if h.Rrtype != dns.TypeNSEC && slices.ContainsFunc(g.unsigned, func(name string) bool { return dns.IsSubDomain(name, h.Name) }) {
		return nil
	}
	now := time.Now()
	sig := &dns.RRSIG{
		Algorithm: g.key.Algorithm, KeyTag: g.key.KeyTag(), SignerName: ".",
		Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(24 * time.Hour).Unix()),
	}
	if sig.Sign(g.private, set) != nil {
		return nil
	}
	return sig
}
