package dnstest_test

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// Answers and denials are signed for those who ask for signatures, but not the records
// that are to be bogus.
func TestSign(t *testing.T) {
	t.Parallel()
	s, err := dnstest.NewServer("a.test. TXT x\nbogus.test. TXT y\n")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	anchor, err := s.Sign("bogus.test")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(name string, typ uint16, do bool) *dns.Msg {
		t.Helper()
		m := new(dns.Msg)
		m.SetQuestion(name, typ)
		m.SetEdns0(1232, do)
		resp, _, err := (&dns.Client{Timeout: 20 * time.Second}).Exchange(m, s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	var key *dns.DNSKEY
	for _, rr := range ask(".", dns.TypeDNSKEY, true).Answer {
		if k, ok := rr.(*dns.DNSKEY); ok {
			key = k
		}
	}
	if key == nil || key.ToDS(dns.SHA256).String() != anchor {
		t.Fatalf("key %v, anchor %s", key, anchor)
	}
	for _, c := range []struct {
		name   string
		typ    uint16
		do     bool
		signed int // sets of records
	}{
		{".", dns.TypeDNSKEY, true, 1},
		{".", dns.TypeNS, true, 1},
		{"a.test.", dns.TypeTXT, true, 1},
		{"a.test.", dns.TypeTXT, false, 0},
		{"a.test.", dns.TypeMX, true, 2}, // SOA and NSEC
		{"none.test.", dns.TypeTXT, true, 2},
		{"bogus.test.", dns.TypeTXT, true, 0},
		{"bogus.test.", dns.TypeDS, true, 2},
	} {
		resp := ask(c.name, c.typ, c.do)
		sets := map[string][]dns.RR{}
		var sigs []*dns.RRSIG
		for _, rr := range append(resp.Answer, resp.Ns...) {
			if sig, ok := rr.(*dns.RRSIG); ok {
				sigs = append(sigs, sig)
				continue
			}
			k := rr.Header().Name + dns.TypeToString[rr.Header().Rrtype]
			sets[k] = append(sets[k], rr)
		}
		if len(sigs) != c.signed {
			t.Errorf("%s %s: %d signatures, want %d", c.name, dns.TypeToString[c.typ], len(sigs), c.signed)
		}
		for _, sig := range sigs {
			if err := sig.Verify(key, sets[sig.Hdr.Name+dns.TypeToString[sig.TypeCovered]]); err != nil {
				t.Errorf("%s %s: %v", c.name, dns.TypeToString[c.typ], err)
			}
		}
	}
}
