package route

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/message"
)

// TestRecipient is RFC 5321 sections 4.1.2 and 4.1.3, with RFC 6531 section 3.3.
func TestRecipient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, address, local, domain, literal string
		err                                   error
	}{
		{"4.1.2 a mailbox", "ann@Example.ORG", "ann", "example.org", "", nil},
		{"4.1.2 in angle brackets", "<ann@example.org>", "ann", "example.org", "", nil},
		{"4.1.2 a final dot", "ann@example.org.", "ann", "example.org", "", nil},
		{"4.1.2 atext", "a!#$%&'*+-/=?^_`{|}~.b@example.org", "a!#$%&'*+-/=?^_`{|}~.b", "example.org", "", nil},
		{"4.1.2 quoted", `"a b@c"@example.org`, `"a b@c"`, "example.org", "", nil},
		{"4.1.2 quoted pair", `"a\"b"@example.org`, `"a\"b"`, "example.org", "", nil},
		{"4.1.2 one label", "root@localhost", "root", "localhost", "", nil},
		{"RFC 6531 3.3 beyond ASCII", "jürgen@bücher.example", "jürgen", "xn--bcher-kva.example", "", nil},
		{"4.1.3 IPv4", "ann@[192.0.2.1]", "ann", "", "192.0.2.1", nil},
		{"4.1.3 IPv6", "ann@[IPv6:2001:DB8::1]", "ann", "", "2001:db8::1", nil},
		{"4.1.3 IPv6 without its tag", "ann@[2001:db8::1]", "ann", "", "", errLiteral},
		{"4.1.3 IPv4 with the tag of IPv6", "ann@[IPv6:192.0.2.1]", "ann", "", "", errLiteral},
		{"4.1.3 a zone", "ann@[IPv6:fe80::1%eth0]", "ann", "", "", errLiteral},
		{"4.1.3 no end", "ann@[192.0.2.1", "ann", "", "", errLiteral},
		{"4.1.3 empty", "ann@[]", "ann", "", "", errLiteral},
		{"4.1.3 no brackets", "ann@192.0.2.1", "ann", "192.0.2.1", "", errDomain},
		{"nothing", "", "", "", "", errNoDomain},
		{"a domain alone", "example.org", "example.org", "", "", errNoDomain},
		{"no domain", "ann@", "ann", "", "", errDomain},
		{"no local part", "@example.org", "", "example.org", "", errLocal},
		{"two dots", "a..b@example.org", "a..b", "example.org", "", errLocal},
		{"a dot in front", ".a@example.org", ".a", "example.org", "", errLocal},
		{"a blank", "a b@example.org", "a b", "example.org", "", errLocal},
		{"a quote that does not end", `"a@example.org`, `"a@example.org`, "", "", errLocal},
		{"4.5.3.1.1 65 octets", strings.Repeat("a", 65) + "@example.org", strings.Repeat("a", 65), "example.org", "", errLocal},
		{"no domain name", "ann@exa mple.org", "ann", "", "", errDomain},
		{"an empty label", "ann@example..org", "ann", "", "", errDomain},
		{"an escape", "ann@\x1b[2J.org", "ann", "", "", errDomain},
		{"a name that is too long", "ann@" + strings.Repeat("a.", 200) + "org", "ann", "", "", errDomain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := parseRecipient(tt.address)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			literal := ""
			if r.literal.IsValid() {
				literal = r.literal.String()
			}
			if r.local != tt.local || r.domain != tt.domain || literal != tt.literal {
				t.Errorf("%+v", r)
			}
		})
	}
}

// FuzzRecipient: an address is refused or has a domain that can be looked up, or an
// address in its place.
func FuzzRecipient(f *testing.F) {
	for _, s := range []string{"ann@example.org", `"a b"@example.org`, "ann@[IPv6:2001:db8::1]", "jürgen@bücher.example", "@a,@b:c@d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRecipient(s)
		if err != nil {
			return
		}
		if (r.domain == "") != r.literal.IsValid() || r.local == "" || len(r.local) > maxLocal {
			t.Fatalf("%q is %+v", s, r)
		}
		if again, ok := message.NormalizeDomain(r.domain); r.domain != "" && (!ok || again != r.domain) {
			t.Fatalf("%q has the domain %q", s, r.domain)
		}
	})
}

// TestUnreachable is the registries of RFC 6890.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]bool{
		"0.1.2.3": true, "10.1.2.3": true, "100.64.0.1": true, "100.128.0.1": false, "127.1.2.3": true, "169.254.1.1": true,
		"172.15.0.1": false, "172.16.0.1": true, "172.32.0.1": false, "192.0.0.8": true, "192.0.2.1": true, "192.0.3.1": false,
		"192.88.99.1": true, "192.168.1.1": true, "198.18.0.1": true, "198.20.0.1": false, "198.51.100.1": true, "203.0.113.1": true,
		"224.0.0.1": true, "255.255.255.255": true, "8.8.8.8": false, "185.0.2.1": false,
		"::": true, "::1": true, "::ffff:10.0.0.1": true, "::ffff:8.8.8.8": false, "64:ff9b::808:808": false, "64:ff9b::a00:1": true, "2001::1": true, "2002:a00:1::1": true, "64:ff9b:1::1": true,
		"100::1": true, "2001:db8::1": true, "2001:4860::8888": false, "3fff::1": true, "fc00::1": true, "fd12::1": true, "fe80::1": true, "fec0::1": true, "ff02::1": true,
		"2a00:1450::1": false,
	} {
		if got := unreachable(netip.MustParseAddr(ip)); (got != "") != want {
			t.Errorf("%s: %q", ip, got)
		}
	}
}
