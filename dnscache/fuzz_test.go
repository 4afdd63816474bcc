package dnscache

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// FuzzMessage takes any octets as the response to a question. They are refused, or
// read as an answer that keeps what Answer promises.
func FuzzMessage(f *testing.F) {
	for _, zone := range [][]string{
		{`a.test. 60 IN TXT "v=spf1" "\000\255"`},
		{`a.test. 60 IN CNAME b.test.`, `b.test. 60 IN TXT "x"`},
		{`a.test. 60 IN CNAME a.test.`},
		{`test. 60 IN DNAME \000\.\255.invalid.`, `a.invalid. 60 IN MX 10 .`},
		{`a.test. 60 IN MX 10 x.`, `a.test. 60 IN MX 5 y.`, `a.test. 60 IN PTR p.`, `a.test. 60 IN A 192.0.2.1`, `a.test. 60 IN AAAA ::ffff:192.0.2.1`},
		{`a.test. 60 IN TLSA 3 1 1 00ff`, `a.test. 60 IN CAA 128 issue "\000;"`},
	} {
		m := new(dns.Msg)
		m.SetQuestion("a.test.", dns.TypeTXT)
		m.Response = true
		m.Id = 7
		for _, s := range zone {
			rr, err := dns.NewRR(s)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		soa, _ := dns.NewRR("test. 60 IN SOA a. b. 1 2 3 4 5")
		m.Ns = append(m.Ns, soa)
		for _, compress := range []bool{false, true} {
			m.Compress = compress
			b, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			for _, t := range []Type{A, NS, PTR, MX, TXT, AAAA, TLSA, CAA} {
				// The type in the question is the one asked for.
				c := append([]byte(nil), b...)
				c[12+8], c[12+9] = byte(t>>8), byte(t)
				f.Add(c, uint16(t))
			}
		}
	}
	f.Add([]byte{0, 7, 0x80, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0xc0, 0x0c}, uint16(TXT))
	f.Fuzz(func(t *testing.T, b []byte, typ uint16) {
		q := query{name: "a.test.", t: Type(typ)}
		m := q.message()
		m.Id = 7
		resp, err := readResponse(m, b)
		if err != nil || resp.Truncated {
			return
		}
		if f := failed(resp); f != nil {
			if f.reason == nil || f.outcome.Known() {
				t.Fatalf("failure %v, %v", f.outcome, f.reason)
			}
			return
		}
		c := newChain(q.name)
		if c.read(resp, q.t) != nil || !c.done {
			if c.links > maxChain+1 {
				t.Fatalf("followed %d links", c.links)
			}
			return
		}
		a := c.answer(q.t)
		if !a.Outcome.Known() {
			t.Fatalf("outcome %v", a.Outcome)
		}
		if n := len(a.TXT) + len(a.Addrs) + len(a.MX) + len(a.Names) + len(a.Data); (n > 0) != (a.Outcome == Found) {
			t.Fatalf("%v with %d records", a.Outcome, n)
		}
		if !sort.SliceIsSorted(a.MX, func(i, j int) bool { return a.MX[i].Preference < a.MX[j].Preference }) {
			t.Fatalf("unsorted: %v", a.MX)
		}
		names := append([]string{a.Canonical}, a.Names...)
		for _, x := range a.MX {
			names = append(names, x.Host)
		}
		for _, n := range names {
			if n != "" && !presented(n) {
				t.Fatalf("name %q could not be read from a snapshot", n)
			}
			if n != strings.ToLower(n) || strings.ContainsFunc(n, func(r rune) bool { return r <= ' ' && r != ' ' || r > '~' }) {
				t.Fatalf("name %q", n)
			}
		}
		for _, ip := range a.Addrs {
			if !ip.IsValid() || ip.Is4In6() || ip.Is4() != (q.t == A) {
				t.Fatalf("address %v", ip)
			}
		}
		if e := newEntry(newKey(1, "a.test", TXT), a, 0, time.Time{}, 1, 0); e.cost < 200 {
			t.Fatalf("costs %d", e.cost)
		}
	})
}

// FuzzName takes any octets as the name of a question. A name that has a key can be
// packed, and unpacks as it was written.
func FuzzName(f *testing.F) {
	for _, s := range []string{"a.test", "A.", `x\.y`, "\x00\xff", "a..b", strings.Repeat("a.", 126) + "a", `"; ()@'$`, "*.a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var b [maxName]byte
		if norm, ok := normalize(&b, name); normalized(name) != (ok && string(norm) == name) {
			t.Fatalf("normalized says %v of %q", normalized(name), name)
		}
		norm, ok := keyName(name)
		if !ok {
			return
		}
		if want := strings.TrimSuffix(LowerASCII(name), "."); norm != want || len(norm) > maxName {
			t.Fatalf("%q, want %q", norm, want)
		}
		p := presentation(norm)
		var packed [300]byte
		n, err := dns.PackDomainName(p, packed[:], 0, nil, false)
		if err != nil {
			t.Fatalf("%q, presented as %q: %v", name, p, err)
		}
		back, _, err := dns.UnpackDomainName(packed[:n], 0)
		if err != nil || back != p {
			t.Fatalf("%q comes back as %q, %v", p, back, err)
		}
		if wireLength(p) != n {
			t.Fatalf("%q takes %d, not %d", p, n, wireLength(p))
		}
		if !subdomain(p, p) || !subdomain("x."+p, p) || subdomain("x"+p, p) || subdomain(`x\.`+p, p) || !subdomain(`x\\.`+p, p) {
			t.Fatalf("subdomain is wrong for %q", p)
		}
	})
}

// FuzzSaved takes any octets as an answer of a snapshot. They are refused, or written
// again as they were read.
func FuzzSaved(f *testing.F) {
	for _, a := range []struct {
		t Type
		a Answer
	}{
		{TXT, Answer{Outcome: Found, TXT: []string{"v=spf1", ""}, Canonical: "b.test", Authentic: true}},
		{A, Answer{Outcome: Found, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}},
		{AAAA, Answer{Outcome: Found, Addrs: []netip.Addr{netip.MustParseAddr("2001:db8::1")}}},
		{MX, Answer{Outcome: Found, MX: []Exchange{{5, "a.test"}, {10, ""}}}},
		{PTR, Answer{Outcome: Found, Names: []string{"a.test"}}},
		{NS, Answer{Outcome: NoData}},
		{TLSA, Answer{Outcome: Found, Data: []string{"\x03\x01\x01\x00\xff", ""}}},
		{CAA, Answer{Outcome: Found, Data: []string{"\x80\x05issue;"}}},
		{anyType, Answer{Outcome: NXDomain}},
	} {
		f.Add(appendSaved(nil, newEntry(newKey(1, "a.test", a.t), a.a, 0, time.Time{}, time.Minute, 0), 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readSaved(b)
		if err != nil {
			return
		}
		if n := len(s.answer.TXT) + len(s.answer.Addrs) + len(s.answer.MX) + len(s.answer.Names) + len(s.answer.Data); (n > 0) != (s.answer.Outcome == Found) {
			t.Fatalf("%v with %d records", s.answer.Outcome, n)
		}
		for _, n := range append([]string{s.answer.Canonical}, s.answer.Names...) {
			if strings.ContainsFunc(n, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("name %q", n)
			}
		}
		e := newEntry(newKey(1, s.name, s.typ), s.answer, 0, time.Time{}, s.left, 0)
		e.inMain, e.foreign = s.inMain, s.foreign
		e.uses.Store(uint32(s.uses))
		again, err := readSaved(appendSaved(nil, e, 0))
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("%+v comes back as %+v, %v", s, again, err)
		}
	})
}

// FuzzImport takes any octets as the snapshot of another cache. They are refused and change
// nothing, or they put answers into the cache that it can serve and export again.
func FuzzImport(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	newCache := func(t testing.TB) *Resolver {
		r, err := New(Options{Upstreams: []string{"127.0.0.1:1"}, MaxBytes: 1 << 20, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	full := newCache(f)
	for i, name := range []string{"a.test", strings.Repeat("b.", 100) + "test"} {
		for _, a := range []Answer{
			{Outcome: Found, TXT: []string{"v=spf1", ""}, Canonical: "c.test", Authentic: true},
			{Outcome: NoData},
		} {
			e := newEntry(full.store.key(name, TXT), a, full.now(), full.start, time.Minute, 0)
			e.inMain = i == 0
			full.store.put(e, full.now())
		}
		e := newEntry(full.store.key(name, A), Answer{Outcome: Found, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}, full.now(), full.start, time.Minute, 0)
		full.store.put(e, full.now())
	}
	for _, r := range []io.Reader{full.Export(), full.snapshot()} {
		b, err := io.ReadAll(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:len(b)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body) // nobody finds one by chance
		for _, o := range []Origin{{}, {Asked: now, TrustAD: true}} {
			r := newCache(t)
			done, err := r.Import(bytes.NewReader(append(bytes.Clone(body), sum[:]...)), o)
			if err != nil {
				if r.Stats().Entries != 0 || !errors.Is(err, errSnapshot) {
					t.Fatalf("%d answers from a bad snapshot: %v", r.Stats().Entries, err)
				}
				continue
			}
			held, _ := r.Select(Selection{})
			if len(held) > done.Loaded {
				t.Fatalf("%d answers, %d loaded", len(held), done.Loaded)
			}
			for _, h := range held {
				if left := h.Answer.Expires.Sub(now); !h.Foreign || h.Answer.Outcome != Found || left <= 0 || left > maxForeignTTL {
					t.Fatalf("%+v has %v left", h, left)
				}
			}
			again, err := newCache(t).Import(r.Export(), o)
			if err != nil || again.Loaded != len(held) {
				t.Fatalf("%d answers come back as %+v, %v", len(held), again, err)
			}
		}
	})
}
