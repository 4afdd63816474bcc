package dnscache_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// said compares answers by what the DNS said.
var said = cmp.Options{
	cmpopts.IgnoreUnexported(dnscache.Answer{}),
	cmpopts.IgnoreFields(dnscache.Answer{}, "Err", "Expires", "Cached"),
	cmpopts.EquateComparable(netip.Addr{}),
	cmpopts.EquateEmpty(),
}

var zone = strings.Join([]string{
	`example.test. IN SOA ns.example.test. hm.example.test. 1 2 3 4 60`,
	`example.test. TXT "v=spf1 " "-all"`,
	`example.test. TXT "other"`,
	`example.test. MX 20 b.example.test.`,
	`example.test. MX 10 Z.example.test.`,
	`example.test. MX 20 a.example.test.`,
	`example.test. NS ns2.example.test.`,
	`example.test. NS ns1.example.test.`,
	`null.example.test. MX 0 .`,
	`a.example.test. A 192.0.2.1`,
	`a.example.test. A 192.0.2.2`,
	`a.example.test. AAAA 2001:db8::1`,
	`_25._tcp.example.test. TLSA 3 1 1 00ab`,
	`_25._tcp.example.test. TLSA 2 0 2 (  )`,
	`_25._tcp.example.test. TLSA 3 1 1 00AB`,
	`example.test. CAA 128 issue "ca.example; x=\"\255"`,
	`example.test. CAA 0 iodef "mailto:a@example.test"`,
	`mapped.example.test. AAAA ::ffff:192.0.2.1`,
	`1.2.0.192.in-addr.arpa. PTR Host.Example.test.`,
	`1.2.0.192.in-addr.arpa. PTR other\.dot.example.test.`,
	`bytes.example.test. TXT "\000\009\032\034\092\127\255" "\"\\" "ü"`,
	`empty.example.test. TXT ""`,
	`big.example.test. TXT ` + strings.Repeat(`"`+strings.Repeat("k", 250)+`" `, 30),
	`alias.example.test. CNAME b.alias.example.test.`,
	`b.alias.example.test. CNAME a.example.test.`,
	`gone.example.test. CNAME nowhere.example.test.`,
	`blank.example.test. CNAME null.example.test.`,
	`loop.example.test. CNAME loop2.example.test.`,
	`loop2.example.test. CNAME loop.example.test.`,
	`self.example.test. CNAME self.example.test.`,
	`old.example.test. DNAME new.example.test.`,
	`host.new.example.test. A 192.0.2.9`,
	`we\032ird\"\\.example.test. TXT "odd"`,
	`\195\188.example.test. TXT "umlaut"`,
	`under_score.example.test. TXT "under"`,
	`*.wild.example.test. TXT "wild"`,
	`$FAULT fail.example.test * SERVFAIL`,
	`$FAULT refuse.example.test * REFUSED`,
	`$FAULT silent.example.test * TIMEOUT`,
	`cut.example.test. TXT "over tcp"`,
	`$FAULT cut.example.test * TRUNCATE`,
	`plain.example.test. TXT "no edns"`,
	`$FAULT plain.example.test * NOEDNS`,
	`$FAULT lame.example.test * LAME`,
	`$FAULT garbage.example.test * GARBAGE`,
	`part.example.test. CNAME part2.example.test.`,
	`part2.example.test. CNAME a.example.test.`,
	`$FAULT part.example.test * PARTIAL`,
	`$FAULT part2.example.test * PARTIAL`,
	`partgone.example.test. CNAME nowhere.example.test.`,
	`$FAULT partgone.example.test * PARTIAL`,
	`partloop.example.test. CNAME partloop2.example.test.`,
	`partloop2.example.test. CNAME partloop.example.test.`,
	`$FAULT partloop.example.test * PARTIAL`,
	`$FAULT partloop2.example.test * PARTIAL`,
	`badid.example.test. A 192.0.2.3`,
	`$FAULT badid.example.test * WRONGID`,
	`badq.example.test. A 192.0.2.4`,
	`$FAULT badq.example.test * WRONGQUESTION`,
	`stray.example.test. A 192.0.2.5`,
	`$FAULT stray.example.test * STRAY`,
	`strayonly.example.test. TXT "x"`,
	`$FAULT strayonly.example.test * STRAY`,
	`ad.example.test. TXT "signed"`,
	`$FAULT ad.example.test * AD`,
	`late.example.test. TXT "late"`,
	`$FAULT late.example.test * DELAY:30ms`,
}, "\n")

func TestLookup(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, zone)
	type answer = dnscache.Answer
	addrs := func(ss ...string) (as []netip.Addr) {
		for _, s := range ss {
			as = append(as, netip.MustParseAddr(s))
		}
		return as
	}
	for _, c := range []struct {
		name, ask string
		typ       dnscache.Type
		want      answer
	}{
		{
			"strings of a record are joined, records are not", "example.test", dnscache.TXT,
			answer{Outcome: dnscache.Found, TXT: []string{"v=spf1 -all", "other"}},
		},
		{
			"final dot and case do not matter", "A.Wild.EXAMPLE.Test.", dnscache.TXT,
			answer{Outcome: dnscache.Found, TXT: []string{"wild"}},
		},
		{
			"MX by preference, then host, in lower case", "example.test", dnscache.MX,
			answer{Outcome: dnscache.Found, MX: []dnscache.Exchange{{10, "z.example.test"}, {20, "a.example.test"}, {20, "b.example.test"}}},
		},
		{
			"RFC 7505 null MX", "null.example.test", dnscache.MX,
			answer{Outcome: dnscache.Found, MX: []dnscache.Exchange{{0, ""}}},
		},
		{
			"NS in the order received", "example.test", dnscache.NS,
			answer{Outcome: dnscache.Found, Names: []string{"ns2.example.test", "ns1.example.test"}},
		},
		{
			"TLSA is the octets of the record, each once", "_25._tcp.example.test", dnscache.TLSA,
			answer{Outcome: dnscache.Found, Data: []string{"\x03\x01\x01\x00\xab", "\x02\x00\x02"}},
		},
		{
			"CAA too", "example.test", dnscache.CAA,
			answer{Outcome: dnscache.Found, Data: []string{"\x80\x05issueca.example; x=\"\xff", "\x00\x05iodefmailto:a@example.test"}},
		},
		{"A", "a.example.test", dnscache.A, answer{Outcome: dnscache.Found, Addrs: addrs("192.0.2.1", "192.0.2.2")}},
		{"AAAA", "a.example.test", dnscache.AAAA, answer{Outcome: dnscache.Found, Addrs: addrs("2001:db8::1")}},
		{"mapped IPv4 is no AAAA", "mapped.example.test", dnscache.AAAA, answer{Outcome: dnscache.NoData}},
		{
			"PTR keeps an escaped dot", "1.2.0.192.in-addr.arpa", dnscache.PTR,
			answer{Outcome: dnscache.Found, Names: []string{"host.example.test", `other\.dot.example.test`}},
		},
		{
			"TXT is raw bytes", "bytes.example.test", dnscache.TXT,
			answer{Outcome: dnscache.Found, TXT: []string{"\x00\t \"\\\x7f\xff\"\\ü"}},
		},
		{"empty TXT", "empty.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{""}}},
		{"too big for UDP", "big.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{strings.Repeat("k", 7500)}}},
		{"RFC 2308 2.2 no data", "a.example.test", dnscache.TXT, answer{Outcome: dnscache.NoData}},
		{"empty non-terminal", "0.192.in-addr.arpa", dnscache.PTR, answer{Outcome: dnscache.NoData}},
		{"RFC 2308 2.1 NXDOMAIN", "none.example.test", dnscache.TXT, answer{Outcome: dnscache.NXDomain}},
		{
			"CNAME chain", "alias.example.test", dnscache.A,
			answer{Outcome: dnscache.Found, Addrs: addrs("192.0.2.1", "192.0.2.2"), Canonical: "a.example.test"},
		},
		{"chain to no data", "blank.example.test", dnscache.A, answer{Outcome: dnscache.NoData, Canonical: "null.example.test"}},
		{"RFC 6604 chain to NXDOMAIN", "gone.example.test", dnscache.A, answer{Outcome: dnscache.NXDomain, Canonical: "nowhere.example.test"}},
		{"chain loops", "loop.example.test", dnscache.A, answer{Outcome: dnscache.ServFail, Cause: dnscache.CauseName}},
		{"chain to itself", "self.example.test", dnscache.A, answer{Outcome: dnscache.ServFail, Cause: dnscache.CauseName}},
		{
			"RFC 6672 DNAME", "host.old.example.test", dnscache.A,
			answer{Outcome: dnscache.Found, Addrs: addrs("192.0.2.9"), Canonical: "host.new.example.test"},
		},
		{
			"part of a chain at a time", "part.example.test", dnscache.A,
			answer{Outcome: dnscache.Found, Addrs: addrs("192.0.2.1", "192.0.2.2"), Canonical: "a.example.test"},
		},
		{"part of a chain to NXDOMAIN", "partgone.example.test", dnscache.A, answer{Outcome: dnscache.NXDomain, Canonical: "nowhere.example.test"}},
		{"part of a chain that loops", "partloop.example.test", dnscache.A, answer{Outcome: dnscache.ServFail, Cause: dnscache.CauseName}},
		{"space, quote and backslash in a name", `We ird"\.example.test`, dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{"odd"}}},
		{"backslash is no escape", `we\032ird\"\\.example.test`, dnscache.TXT, answer{Outcome: dnscache.NXDomain}},
		{"bytes over 127 in a name", "ü.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{"umlaut"}}},
		{"underscore", "Under_Score.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{"under"}}},
		{"RFC 4592 wildcard", "x.y.wild.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{"wild"}}},
		{"SERVFAIL", "fail.example.test", dnscache.TXT, answer{Outcome: dnscache.ServFail, Cause: dnscache.CauseName}},
		{"REFUSED", "refuse.example.test", dnscache.TXT, answer{Outcome: dnscache.Refused, Cause: dnscache.CauseName}},
		{"silence", "silent.example.test", dnscache.TXT, answer{Outcome: dnscache.Timeout, Cause: dnscache.CauseName}},
		{"truncation", "cut.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{"over tcp"}}},
		{"RFC 6891 7 server without EDNS", "plain.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{"no edns"}}},
		{"referral", "lame.example.test", dnscache.TXT, answer{Outcome: dnscache.ServFail, Cause: dnscache.CauseName}},
		{"garbage", "garbage.example.test", dnscache.TXT, answer{Outcome: dnscache.ServFail, Cause: dnscache.CauseName}},
		{"another id first", "badid.example.test", dnscache.A, answer{Outcome: dnscache.Found, Addrs: addrs("192.0.2.3")}},
		{"another question first", "badq.example.test", dnscache.A, answer{Outcome: dnscache.Found, Addrs: addrs("192.0.2.4")}},
		{"records of other names", "stray.example.test", dnscache.A, answer{Outcome: dnscache.Found, Addrs: addrs("192.0.2.5")}},
		{"nothing but records of other names", "strayonly.example.test", dnscache.A, answer{Outcome: dnscache.NoData}},
		{"AD from loopback", "ad.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{"signed"}, Authentic: true}},
		{"late answer", "late.example.test", dnscache.TXT, answer{Outcome: dnscache.Found, TXT: []string{"late"}}},
		{"a type nobody reads", "a.example.test", 255, answer{Outcome: dnscache.ServFail}},
	} {
		runUndisturbed(t, c.name, func(t testing.TB) {
			got := r.Lookup(t.Context(), c.ask, c.typ)
			if d := cmp.Diff(&c.want, got, said); d != "" {
				t.Errorf("%s %v (-want +got), err %v:\n%s", c.ask, c.typ, got.Err, d)
			}
			if got.Outcome.Known() != (got.Err == nil) {
				t.Errorf("outcome %v with err %v", got.Outcome, got.Err)
			}
			if got.Cached {
				t.Error("the first answer is from the cache")
			}
			if c.typ == 255 {
				return
			}
			again := r.Lookup(t.Context(), c.ask, c.typ)
			if d := cmp.Diff(&c.want, again, said); d != "" || !again.Cached {
				t.Errorf("the second time, cached %v (-want +got):\n%s", again.Cached, d)
			}
		})
	}
}

func TestLookupImpossibleName(t *testing.T) { undisturbed(t, lookupImpossibleName) }

func lookupImpossibleName(t testing.TB) {
	s, r := dnstest.Start(t, zone)
	label := strings.Repeat("a", 63)
	for _, c := range []struct{ name, ask string }{
		{"empty", ""},
		{"root", "."},
		{"leading dot", ".example.test"},
		{"two dots", "a..example.test"},
		{"two dots at the end", "example.test.."},
		{"label of 64", label + "a.test"},
		{"name of 254", strings.Repeat("a.", 126) + "aa"},
		{"megabyte", strings.Repeat("a", 1<<20)},
	} {
		if a := r.Lookup(t.Context(), c.ask, dnscache.TXT); a.Outcome != dnscache.NXDomain || a.Err != dnscache.ErrName {
			t.Errorf("%s: got %v, %v", c.name, a.Outcome, a.Err)
		}
	}
	if q := s.Queries(); len(q) != 0 {
		t.Errorf("asked for impossible names: %v", q)
	}
	for _, ask := range []string{
		strings.Join([]string{label, label, label, label[:61]}, "."),
		strings.Repeat("a.", 126) + "a.",
	} {
		if a := r.Lookup(t.Context(), ask, dnscache.TXT); a.Outcome != dnscache.NXDomain || a.Err != nil {
			t.Errorf("name of %d: got %v, %v", len(ask), a.Outcome, a.Err)
		}
	}
	if q := s.Queries(); len(q) != 2 {
		t.Errorf("longest names were asked %d times", len(q))
	}
}

// Names with any octet are asked for, and found in the cache.
func TestNameOctets(t *testing.T) { undisturbed(t, nameOctets) }

func nameOctets(t testing.TB) {
	s, r := dnstest.Start(t, "")
	for c := range 256 {
		if c == '.' {
			continue
		}
		r.Flush(".") // 'A' and 'a' are one
		r.Lookup(t.Context(), "x"+string([]byte{byte(c)})+".test", dnscache.TXT)
		q := s.Queries()
		s.Forget()
		if len(q) != 1 || !strings.HasSuffix(q[0].Name, ".test") {
			t.Fatalf("octet %d: %v", c, q)
		}
		if a := r.Lookup(t.Context(), "x"+string([]byte{byte(c)})+".TEST", dnscache.TXT); !a.Cached {
			t.Errorf("octet %d is not found again", c)
		}
	}
}

func TestTruncationUsesTCP(t *testing.T) { undisturbed(t, truncationUsesTCP) }

func truncationUsesTCP(t testing.TB) {
	s, r := dnstest.Start(t, zone)
	r.Lookup(t.Context(), "cut.example.test", dnscache.TXT)
	want := []dnstest.Query{{Name: "cut.example.test", Type: "TXT", Net: "udp"}, {Name: "cut.example.test", Type: "TXT", Net: "tcp"}}
	if d := cmp.Diff(want, s.Queries()); d != "" {
		t.Error(d)
	}
}

func TestEDNSIsNotTriedAgainAtOnce(t *testing.T) { undisturbed(t, eDNSIsNotTriedAgainAtOnce) }

func eDNSIsNotTriedAgainAtOnce(t testing.TB) {
	s, r := dnstest.Start(t, "a.test. TXT a\nb.test. TXT b\n$FAULT * * NOEDNS")
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	r.Lookup(t.Context(), "b.test", dnscache.TXT)
	if n := len(s.Queries()); n != 3 {
		t.Errorf("%d queries, want a with and without EDNS, b without: %v", n, s.Queries())
	}
}

func TestExpiresIsTheLeastTTL(t *testing.T) { undisturbed(t, expiresIsTheLeastTTL) }

func expiresIsTheLeastTTL(t testing.TB) {
	now := time.Unix(1_800_000_000, 0)
	s, err := dnstest.NewServer("a.test. 300 CNAME b.test.\nb.test. 100 CNAME c.test.\nc.test. 200 TXT x")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Resolver(dnscache.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := r.Lookup(t.Context(), "a.test", dnscache.TXT).Expires; !got.Equal(now.Add(100 * time.Second)) {
		t.Errorf("expires after %v", got.Sub(now))
	}
}
