package addrlist_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/addrlist"
)

const every = addrlist.Addresses | addrlist.Names | addrlist.Signers

func parse(t *testing.T, text string) *addrlist.List {
	t.Helper()
	var b addrlist.Builder
	if err := b.File("list", []byte(text), every); err != nil {
		t.Fatal(err)
	}
	return b.List()
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	l := parse(t, `
127.0.0.1
[192.0.2.1]            # brackets, as opendkim allows
10.0.0.0/8
!10.1.0.0/16           # an exception
10.1.2.3               # and one from it
198.51.100.7
!198.51.100.7          # the same entry with and without
2001:DB8::/32
[2001:db9::]/32
::ffff:203.0.113.9
::ffff:172.16.0.0/108
`)
	for ip, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.2": false, "192.0.2.1": true, "::ffff:192.0.2.1": true,
		"10.200.0.1": true, "10.1.0.1": false, "10.1.2.3": true, "198.51.100.7": false,
		"2001:db8::25": true, "2001:db8::25%eth0": true, "2001:db9::1": true, "2001:dba::1": false,
		"203.0.113.9": true, "172.16.31.1": true, "172.32.0.1": false,
	} {
		if got := l.Address(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
	if l.Address(netip.Addr{}) || (*addrlist.List)(nil).Address(netip.MustParseAddr("10.0.0.1")) {
		t.Error("an invalid address or a nil list has a member")
	}
	if l.Len() != 10 {
		t.Errorf("%d entries", l.Len())
	}
}

// opendkim.conf(5) defines for PeerList that a name matches itself and ".name"
// the names below it. The nearest entry decides.
func TestNames(t *testing.T) {
	t.Parallel()
	l := parse(t, "MX.Example.ORG., .example.net\n!bad.example.net\n.ok.bad.example.net\n*.example.com\nlocalhost\nbücher.example\n")
	for name, want := range map[string]bool{
		"mx.example.org": true, "a.mx.example.org": false, "example.org": false,
		"example.net": false, "a.example.net": true, "b.a.example.net": true,
		"bad.example.net": false, "x.bad.example.net": true, "ok.bad.example.net": true, "x.ok.bad.example.net": true,
		"example.com": false, "a.example.com": true, "localhost": true, "xn--bcher-kva.example": true,
		"": false, ".example.net": false, "aexample.net": false, "net": false, "a..example.net": true,
	} {
		if got := l.Name(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
	if l.Signer("mx.example.org") || l.HasSigners() || !l.HasNames() || (*addrlist.List)(nil).Name("localhost") {
		t.Error("a name matches a signer, or the empty name matches")
	}
}

func TestSigners(t *testing.T) {
	t.Parallel()
	l := parse(t, "dkim:lists.example\nDKIM:.esp.example\n!dkim:spam.esp.example")
	for domain, want := range map[string]bool{
		"lists.example": true, "a.lists.example": false, "a.esp.example": true, "spam.esp.example": false, "esp.example": false,
	} {
		if got := l.Signer(domain); got != want || l.Name(domain) {
			t.Errorf("%q: %v, want %v", domain, got, want)
		}
	}
}

func TestBadLines(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, want string }{
		{"127.0.0.1\n\n10.0.0.300\n", `list:3: "10.0.0.300" is no address and no prefix; write an address such as "192.0.2.0/24", a name such as "mx.example.org", or a signer such as "dkim:example.org"`},
		{"192.168.0.1/24", `list:1: "192.168.0.1/24" has bits beyond its length; write "192.168.0.0/24", or "192.168.0.1" for the one address`},
		{"10.0.0.1 10.0.0.2", `list:1: "10.0.0.1 10.0.0.2" has several words; write one entry a line, and remarks after "#"`},
		{"fe80::1%eth0", `list:1: "fe80::1%eth0" is no address`},
		{"::ffff:0.0.0.0/90", `is no address and no prefix`},
		{"[10.0.0.1", `is no address and no prefix`},
		{"[10.0.0.1]x", `is no address and no prefix`},
		{"10.0.0.0/33", `is no address and no prefix`},
		{"a..example", `list:1: "a..example" is no name`},
		{"*", `"*" is no name`},
		{".", `"." is no name`},
		{"!", `"!" is an empty entry`},
		{"!!a.example", `"!!a.example" is no name`},
		{"dkim:", `"dkim:" is no name`},
		{"user@example.org", `"user@example.org" is no name`},
		{"a\x00b.example", `"a\x00b.example" is no name`},
		{"/etc/postvet/other", `is no address and no prefix`},
		{strings.Repeat("a.", 3000), "a line of 6000 octets"},
	} {
		var b addrlist.Builder
		err := b.File("list", []byte(tc.text), every)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%.40q: got %v, want %s", tc.text, err, tc.want)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		entry string
		kinds addrlist.Kind
		want  string
	}{
		{"mx.example.org", addrlist.Addresses, `"mx.example.org" is no address and no prefix; write one such as "192.0.2.0/24" or "2001:db8::/32"`},
		{"192.0.2.1", addrlist.Names, `"192.0.2.1" is no name; write a name such as "mx.example.org" or ".example.org"`},
		{"dkim:example.org", addrlist.Addresses | addrlist.Names, `"dkim:example.org": signers are not allowed here; write an address such as "192.0.2.0/24" or a name such as "mx.example.org" or ".example.org"`},
	} {
		var b addrlist.Builder
		if err := b.Add(tc.entry, tc.kinds); err == nil || err.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}

func large(n int) []byte {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d.%d.%d.0/24\n", 1+i>>16, i>>8&255, i&255)
		fmt.Fprintf(&text, "2001:db8:%x:%x::/64\n", i>>16, i&0xffff)
		fmt.Fprintf(&text, "d%d.example.org\n.d%d.example.net\n", i, i)
	}
	return []byte(text.String())
}

// TestLookupAllocatesNothing looks up in a list of 100,000 entries.
func TestLookupAllocatesNothing(t *testing.T) {
	l := parse(t, string(large(25_000)))
	if l.Len() != 100_000 {
		t.Fatalf("%d entries", l.Len())
	}
	ip := netip.MustParseAddr("1.1.77.9")
	if n := testing.AllocsPerRun(100, func() {
		if !l.Address(ip) || !l.Name("a.b.d77.example.net") || l.Name("a.b.d77.example.org") {
			t.Fatal("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAddress(b *testing.B) {
	var build addrlist.Builder
	if err := build.File("list", large(25_000), every); err != nil {
		b.Fatal(err)
	}
	l, ip := build.List(), netip.MustParseAddr("1.1.77.9")
	b.ReportAllocs()
	for b.Loop() {
		l.Address(ip)
	}
}

func BenchmarkName(b *testing.B) {
	var build addrlist.Builder
	if err := build.File("list", large(25_000), every); err != nil {
		b.Fatal(err)
	}
	l := build.List()
	b.ReportAllocs()
	for b.Loop() {
		l.Name("very.deep.below.d77.example.net")
	}
}

func BenchmarkParse(b *testing.B) {
	text := large(25_000)
	b.ReportAllocs()
	for b.Loop() {
		var build addrlist.Builder
		if err := build.File("list", text, every); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzFile looks for texts that cause a panic or an error without place or
// remedy.
func FuzzFile(f *testing.F) {
	for _, s := range []string{"127.0.0.1\n!10.0.0.0/8 # x\n[::1]\n.example.org, dkim:a.example", "10.0.0.1 x", "[", "!", "bücher.example\r\n", "\xef\xbb\xbf::1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var b addrlist.Builder
		if err := b.File("f", text, every); err != nil {
			if err.Line < 1 || err.Problem == "" || err.Remedy == "" || strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
				t.Fatalf("%q", err.Error())
			}
			return
		}
		l := b.List()
		l.Address(netip.MustParseAddr("10.1.2.3"))
		l.Name("a.example.org")
		l.Signer("a.example.org")
	})
}
