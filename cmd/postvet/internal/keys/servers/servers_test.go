package servers

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// ports has the addresses of servers that listen on other ports than 53.
func describe(v *View, err error, ports *strings.Replacer) string {
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s zone %s\n", v.Name, v.Zone)
	for _, a := range v.Answers {
		fmt.Fprintf(&b, "%s:", a.Server)
		for _, r := range a.Records {
			fmt.Fprintf(&b, " %s", r.Text)
		}
		if a.Alias != "" {
			fmt.Fprintf(&b, " alias %s", a.Alias)
		}
		if a.Err != nil {
			fmt.Fprintf(&b, " %v", a.Err)
		}
		b.WriteByte('\n')
	}
	return ports.Replace(b.String())
}

const name = "s1._domainkey.example.org"

// TestAsk asks two servers that agree, differ or fail.
func TestAsk(t *testing.T) {
	t.Parallel()
	alias := name + ". CNAME x.example.net.\n"
	tests := []struct {
		name          string
		first, second string
		want          string
	}{
		{"both", dnstest.TXT(name, "k"), dnstest.TXT(name, "k"), name + " zone \nA: k\nB: k\n"},
		{"one lags behind", dnstest.TXT(name, "k"), "", name + " zone \nA: k\nB:\n"},
		{"one fails", dnstest.TXT(name, "k"), "$FAULT * * SERVFAIL\n", name + " zone \nA: k\nB: the server fails (SERVFAIL)\n"},
		{"one is a resolver", dnstest.TXT(name, "k"), "$FAULT * * LAME\n", name + " zone \nA: k\nB: the server is not authoritative for the name, it refers to others\n"},
		{"two records", dnstest.TXT(name, "k") + dnstest.TXT(name, "l"), dnstest.TXT(name, "k"), name + " zone \nA: k l\nB: k\n"},
		{"an alias", alias + dnstest.TXT("x.example.net", "k"), alias + dnstest.TXT("x.example.net", "l"), "x.example.net zone \nA: k\nB: l\n"},
		{"an alias on one", alias + dnstest.TXT("x.example.net", "k"), dnstest.TXT(name, "k"), name + " zone \nA: alias x.example.net\nB: k\n"},
		{"aliases in a circle", alias + "x.example.net. CNAME " + name + ".\n", alias + "x.example.net. CNAME " + name + ".\n", "error: " + name + ": more than 8 aliases and referrals"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, b := start(t, tt.first), start(t, tt.second)
			s := &Servers{Only: []string{a, b}}
			v, err := s.Ask(t.Context(), name)
			if d := cmp.Diff(tt.want, describe(v, err, strings.NewReplacer(a, "A", b, "B"))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func start(t *testing.T, zone string) string {
	t.Helper()
	s, err := dnstest.NewServer(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Addr()
}

// TestFind: the resolver is asked for the zone and its servers, and never for the name or
// for _domainkey.
func TestFind(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, zone, ask, want string }{
		{"the domain is a zone", "example.org. NS ns.example.org.\nns.example.org. A 192.0.2.1\nns.example.org. AAAA 2001:db8::1\n", name, "zone example.org: ns.example.org (192.0.2.1), ns.example.org (2001:db8::1)"},
		{"the zone is above", "example.org. NS b.example.net.\nexample.org. NS a.example.net.\nb.example.net. A 192.0.2.2\n", "s._domainkey.mail.example.org", "zone example.org: a.example.net (it has no address), b.example.net (192.0.2.2)"},
		{"no zone", "", name, "no name servers found"},
		{"no NS for a failure", "$FAULT example.org NS SERVFAIL\n", name, "the NS records of example.org could not be looked up: servfail"},
		{"no address for a failure", "example.org. NS ns.example.org.\n$FAULT ns.example.org A SERVFAIL\n", name, "zone example.org: ns.example.org (its address could not be looked up: servfail)"},
		{"an alias without _domainkey", "example.net. NS ns.example.org.\nns.example.org. A 192.0.2.1\n", "dkim.example.net", "zone example.net: ns.example.org (192.0.2.1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server, r := dnstest.Start(t, tt.zone)
			targets, zone, err := (&Servers{Resolver: r}).find(t.Context(), above(tt.ask))
			var got []string
			for _, x := range targets {
				text := x.String()
				if x.err != nil {
					text += " (" + x.err.Error() + ")"
				}
				got = append(got, text)
			}
			text := "zone " + zone + ": " + strings.Join(got, ", ")
			if err != nil {
				text = err.Error()
			}
			if d := cmp.Diff(tt.want, text); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			for _, q := range server.Queries() {
				if q.Name == tt.ask || strings.HasPrefix(q.Name, "_domainkey.") {
					t.Errorf("the resolver was asked for %s", q.Name)
				}
			}
		})
	}
}

// TestAddresses: a server is an address or a name, with or without a port.
func TestAddresses(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, "ns.example.org. A 192.0.2.1\n")
	s := &Servers{Resolver: r}
	for _, tt := range []struct{ server, want string }{
		{"192.0.2.9", "192.0.2.9:53"},
		{"192.0.2.9:5353", "192.0.2.9:5353"},
		{"2001:db8::1", "[2001:db8::1]:53"},
		{"[2001:db8::1]:54", "[2001:db8::1]:54"},
		{"NS.example.org.", "192.0.2.1:53"},
		{"ns.example.org:54", "192.0.2.1:54"},
		{"ns.example.org:x", `error: "ns.example.org:x" has no valid port`},
		{"none.example.org", "error: none.example.org: it has no address"},
	} {
		list, err := s.Addresses(t.Context(), tt.server)
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else if len(list) == 1 && list[0] != (netip.AddrPort{}) {
			got = list[0].String()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.server, got, tt.want)
		}
	}
}

// TestSeveralAddresses: of several addresses of a server, one that answers is enough. Of
// one that does not answer at all, the failure is reported.
func TestSeveralAddresses(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddrPort(start(t, dnstest.TXT(name, "k")))
	closed := netip.AddrPortFrom(addr.Addr(), 1)
	got := ask(t.Context(), []target{{name: "a", addr: addr}, {name: "a", addr: closed}, {name: "b", addr: closed}}, name)
	if len(got) != 2 || got[0].err != nil || got[1].target.name != "b" || got[1].err == nil {
		t.Errorf("%+v", got)
	}
}
