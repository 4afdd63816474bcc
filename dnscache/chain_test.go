package dnscache

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// response returns a response to a question for the TXT records of name. It is
// packed and unpacked, so that it is as one off the wire.
func response(t *testing.T, name string, rcode int, answer, authority []string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeTXT)
	m.Response, m.Rcode = true, rcode
	for _, s := range []struct {
		to   *[]dns.RR
		text []string
	}{{&m.Answer, answer}, {&m.Ns, authority}} {
		for _, text := range s.text {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(err)
			}
			*s.to = append(*s.to, rr)
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReadMessage(t *testing.T) {
	t.Parallel()
	links := func(n int) (rrs []string) {
		for i := range n {
			rrs = append(rrs, fmt.Sprintf("c%d.test. 60 IN CNAME c%d.test.", i, i+1))
		}
		return append(rrs, fmt.Sprintf("c%d.test. 60 IN TXT x", n))
	}
	const soa = "test. 60 IN SOA ns.test. hm.test. 1 2 3 4 30"
	long := strings.Repeat(strings.Repeat("l", 60)+".", 4)
	for _, c := range []struct {
		name, ask         string
		rcode             int
		answer, authority []string
		outcome           Outcome // 0: to be asked further at owner
		owner             string
		ttl               uint32
		err               error
	}{
		{"record", "c0.test.", 0, links(0), nil, Found, "c0.test.", 60, nil},
		{"another class", "c0.test.", 0, []string{"c0.test. 60 CH TXT x"}, []string{soa}, NoData, "c0.test.", 30, nil},
		{"another name", "c0.test.", 0, []string{"xc0.test. 60 IN TXT x"}, []string{soa}, NoData, "c0.test.", 30, nil},
		{"another type", "c0.test.", 0, []string{"c0.test. 60 IN A 192.0.2.1"}, []string{soa}, NoData, "c0.test.", 30, nil},
		{"11 links", "c0.test.", 0, links(11), nil, Found, "c11.test.", 60, nil},
		{"12 links", "c0.test.", 0, links(12), nil, 0, "", 0, errChain},
		{"records in any order", "c0.test.", 0, []string{"c1.test. 60 IN TXT x", "c0.test. 60 IN CNAME c1.test."}, nil, Found, "c1.test.", 60, nil},
		{"record beside a CNAME", "c0.test.", 0, []string{"c0.test. 60 IN CNAME c1.test.", "c0.test. 60 IN TXT x"}, nil, Found, "c0.test.", 60, nil},
		{"part of a chain", "c0.test.", 0, []string{"c0.test. 60 IN CNAME c1.other."}, nil, 0, "c1.other.", 60, nil},
		{"RFC 2308 2.1 SOA of a zone that is not above the end says nothing of it", "c0.test.", 0, []string{"c0.test. 60 IN CNAME c1.other."}, []string{soa}, 0, "c1.other.", 60, nil},
		{"SOA of another zone gives no TTL", "c0.test.", 3, nil, []string{"other. 60 IN SOA ns. hm. 1 2 3 4 30"}, NXDomain, "c0.test.", 0, nil},
		{"NXDOMAIN without SOA", "c0.test.", 3, nil, nil, NXDomain, "c0.test.", 0, nil},
		{"no data without SOA", "c0.test.", 0, nil, nil, NoData, "c0.test.", 0, nil},
		{"referral", "c0.test.", 0, nil, []string{"test. 60 IN NS ns.test."}, 0, "", 0, errLame},
		{"NXDOMAIN with what was asked for", "c0.test.", 3, links(0), nil, 0, "", 0, errConflict},
		{"RFC 6672 DNAME without its CNAME", "a.b.c0.test.", 0, []string{"c0.test. 60 IN DNAME d.test.", "a.b.d.test. 50 IN TXT x"}, nil, Found, "a.b.d.test.", 50, nil},
		{"DNAME does not rename its owner", "c0.test.", 0, []string{"c0.test. 60 IN DNAME d.test."}, []string{soa}, NoData, "c0.test.", 30, nil},
		{"DNAME to the root", "a.c0.test.", 0, []string{"c0.test. 60 IN DNAME .", "a. 50 IN TXT x"}, nil, Found, "a.", 50, nil},
		{"DNAME that makes the name too long", long + "c0.test.", 0, []string{"c0.test. 60 IN DNAME longer.test."}, nil, 0, "", 0, errLong},
		{"an escaped dot is no border", `a\.c0.test.`, 0, []string{"c0.test. 60 IN DNAME d.test."}, []string{soa}, NoData, `a\.c0.test.`, 30, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := newChain(c.ask)
			err := got.read(response(t, c.ask, c.rcode, c.answer, c.authority), TXT)
			if !errors.Is(err, c.err) || (err != nil) != (c.err != nil) {
				t.Fatalf("err %v, want %v", err, c.err)
			}
			if err == nil && (got.outcome != c.outcome || got.done != (c.outcome != 0) || got.owner != c.owner || got.ttl != c.ttl) {
				t.Errorf("%v (done %v) at %s for %d s, want %v at %s for %d s", got.outcome, got.done, got.owner, got.ttl, c.outcome, c.owner, c.ttl)
			}
		})
	}
}

// miekg/dns accepts empty data for any type. An MX record with such data is no null
// MX.
func TestEmptyDataSaysNothing(t *testing.T) {
	t.Parallel()
	for _, typ := range []Type{A, NS, PTR, MX, TXT, AAAA, TLSA, CAA} {
		m := new(dns.Msg)
		m.SetQuestion("a.test.", uint16(typ))
		m.Response = true
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		b[7] = 1 // one answer: the question's name, type, class, a TTL, no data
		b = append(b, 0xc0, 12, byte(typ>>8), byte(typ), 0, 1, 0, 0, 0, 60, 0, 0)
		if err := m.Unpack(b); err != nil {
			continue
		}
		c := newChain("a.test.")
		if err := c.read(m, typ); err != nil || c.outcome != NoData {
			t.Errorf("%v: %v, %v", typ, c.outcome, err)
		}
	}
}

func TestReadResponse(t *testing.T) {
	t.Parallel()
	q := query{name: "a.test.", t: TXT, edns: true}.message()
	reply := func(change func(*dns.Msg)) []byte {
		m := new(dns.Msg).SetReply(q)
		change(m)
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		err  error
	}{
		{"reply", reply(func(*dns.Msg) {}), nil},
		{"another case", reply(func(m *dns.Msg) { m.Question[0].Name = "A.Test." }), nil},
		{"another id", reply(func(m *dns.Msg) { m.Id++ }), errMismatch},
		{"a query", reply(func(m *dns.Msg) { m.Response = false }), errMismatch},
		{"another opcode", reply(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), errMismatch},
		{"another name", reply(func(m *dns.Msg) { m.Question[0].Name = "b.test." }), errMismatch},
		{"another type", reply(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }), errMismatch},
		{"another class", reply(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), errMismatch},
		{"two questions", reply(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), errMismatch},
		{"success without the question", reply(func(m *dns.Msg) { m.Question = nil }), errMismatch},
		{"failure without the question", reply(func(m *dns.Msg) { m.Question, m.Rcode = nil, dns.RcodeFormatError }), nil},
		{"a byte too few", reply(func(*dns.Msg) {})[:11], errMismatch},
		{"nothing", nil, errMismatch},
		{"half an answer", reply(func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "a.test.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{"x"}}}
		})[:30], errMalformed},
	} {
		if _, err := readResponse(q, c.b); !errors.Is(err, c.err) || (err != nil) != (c.err != nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
	}
}

func TestQueriesDiffer(t *testing.T) {
	t.Parallel()
	ids, cases := map[uint16]bool{}, map[string]bool{}
	for range 200 {
		m := query{name: "a-name-of-some-length.test.", t: TXT, mixCase: true}.message()
		ids[m.Id], cases[m.Question[0].Name] = true, true
		if LowerASCII(m.Question[0].Name) != "a-name-of-some-length.test." {
			t.Fatal(m.Question[0].Name)
		}
	}
	if len(ids) < 190 || len(cases) < 190 {
		t.Errorf("%d ids, %d cases of 200", len(ids), len(cases))
	}
}

func TestWhoseADBitIsBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addr           string
		trust          Trust
		trusted, mixed bool
	}{
		{"127.0.0.1:53", TrustLocal, true, false},
		{"127.8.8.8:53", TrustLocal, true, false},
		{"[::1]:53", TrustLocal, true, false},
		{"[::ffff:127.0.0.1]:53", TrustLocal, true, false},
		{"127.0.0.1:53", TrustAll, true, false},
		{"127.0.0.1:53", TrustNone, false, false},
		{"192.0.2.1:53", TrustLocal, false, true},
		{"192.0.2.1:53", TrustAll, true, true},
		{"192.0.2.1:53", TrustNone, false, true},
		{"[2001:db8::1]:53", TrustLocal, false, true},
	} {
		u := newUpstream(endpoint{addr: netip.MustParseAddrPort(c.addr)}, &upstreams{opt: Options{TrustAD: c.trust}})
		if u.trusted != c.trusted || u.mix.wanted.Load() != c.mixed {
			t.Errorf("%s, TrustAD %v: trusted %v, mixed case %v", c.addr, c.trust, u.trusted, u.mix.wanted.Load())
		}
	}
}

// Entries that are no longer usable are evicted first, even if they were used often.
func TestExpiredGoesFirst(t *testing.T) {
	t.Parallel()
	s := newStore(64 << 10)
	old := textEntry(s, "old.test", "x", 0, time.Second)
	s.put(old, 0)
	for range maxUses {
		old.touch()
	}
	now := int64(time.Minute)
	for i := 0; ; i++ {
		if _, _, evicted := s.usage(); evicted > 0 {
			break
		}
		s.put(textEntry(s, fmt.Sprintf("new%d.test", i), "x", now, time.Minute), now)
	}
	if lookIn(s, "old.test") != nil {
		t.Error("kept")
	}
}
