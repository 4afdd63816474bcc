package spf

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"

	other "blitiri.com.ar/go/spf"

	"github.com/postvet/postvet/dnscache"
)

// otherDNS serves a zone to blitiri.com.ar/go/spf. Its address lookups have no
// type. They answer for the client's family, and with A for the targets of
// exists, whose names begin with "e".
type otherDNS struct {
	z  *zone
	ip netip.Addr
}

func (d otherDNS) ask(ctx context.Context, name string, t dnscache.Type) (*dnscache.Answer, error) {
	a := d.z.Lookup(ctx, name, t)
	switch {
	case a.Outcome == dnscache.Found, a.Outcome == dnscache.NoData:
		return a, nil
	case a.Outcome == dnscache.NXDomain:
		return a, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return a, &net.DNSError{Err: a.Outcome.String(), Name: name, IsTemporary: true}
}

func (d otherDNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := d.ask(ctx, name, dnscache.TXT)
	return a.TXT, err
}

func (d otherDNS) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	a, err := d.ask(ctx, name, dnscache.MX)
	var mx []*net.MX
	for _, x := range a.MX {
		mx = append(mx, &net.MX{Pref: x.Preference, Host: x.Host + "."})
	}
	return mx, err
}

func (d otherDNS) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	t := dnscache.A
	if d.ip.Is6() && !strings.HasPrefix(name, "e") {
		t = dnscache.AAAA
	}
	a, err := d.ask(ctx, name, t)
	var addrs []net.IPAddr
	for _, ip := range a.Addrs {
		addrs = append(addrs, net.IPAddr{IP: ip.AsSlice()})
	}
	return addrs, err
}

func (d otherDNS) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	a, err := d.ask(ctx, dnscache.ReverseName(netip.MustParseAddr(addr)), dnscache.PTR)
	return a.Names, err
}

// generator generates zones with mostly valid records.
type generator struct {
	*rand.Rand
	z *zone
	// brokenMX is true if the address lookup of a mail exchanger fails.
	brokenMX bool
	client   netip.Addr
}

func pick[T any](g *generator, choices ...T) T { return choices[g.IntN(len(choices))] }

func (g *generator) ip() string {
	return pick(g, "192.0.2.1", "192.0.2.9", "192.0.2.200", "198.51.100.7", "203.0.113.1", "2001:db8::1", "2001:db8:1::9")
}

func (g *generator) domain() string { return fmt.Sprintf("d%d.example.org", g.IntN(6)) }

func (g *generator) host() string {
	return pick(g, "h0.example.org", "h1.example.org", "h2.example.org", "h3.example.org", "void1.example.org", "void2.example.org", "fault.example.org")
}

// usual returns a name that mostly exists. Otherwise most records would end at
// the void limit.
func (g *generator) usual() string {
	if g.IntN(4) > 0 {
		return fmt.Sprintf("h%d.example.org", g.IntN(4))
	}
	return g.host()
}

func (g *generator) lengths() string {
	return pick(g, "", "", "", "/24", "//64", "/24//64", "/0", "//0", "/32", "/30//127")
}

func (g *generator) term() string {
	q := pick(g, "", "", "", "+", "-", "~", "?")
	switch g.IntN(14) {
	case 0, 1:
		return q + pick(g, "a", "A") + ":" + g.usual() + g.lengths()
	case 2:
		return q + "a" + g.lengths()
	case 3, 4:
		return q + pick(g, "mx", "MX") + pick(g, "", ":"+g.domain(), ":"+g.usual()) + g.lengths()
	case 5, 6:
		return q + pick(g, "include:", "INCLUDE:") + g.domain()
	case 7:
		return q + "exists:" + pick(g, "e0.example.org", "e1.example.org", "e%{i}.example.org", "e.%{ir}.%{v}.example.org", "e.%{l1r-}.%{d2}", "e.%{o}", "e.%{S}.example.org", "e%%%_%-%{h}")
	case 8:
		return q + pick(g, "ptr", "ptr:example.org", "ptr:h1.example.org")
	case 9, 10:
		ip := g.ip()
		if strings.Contains(ip, ":") {
			return q + "ip6:" + ip + pick(g, "", "/32", "/64", "/128", "/0")
		}
		return q + "ip4:" + ip + pick(g, "", "/24", "/8", "/32", "/0")
	case 11:
		return pick(g, "x=y", "exp=h0.example.org", "ra=%{l}", "redirect="+g.domain(), "Redirect="+g.domain())
	case 12:
		if g.IntN(4) == 0 {
			return pick(g, "a:", "ip4:192.0.2", "a/33", "foo", "redirect=", "include:x", "ip4:2001:db8::1", "all/8", "exists:%{z}.example.org", "-x=y", "a:%{c}.example.org", "exp=%{d0}")
		}
		return ""
	}
	return q + "all"
}

func (g *generator) zone() {
	g.z = newZone()
	for i := range 6 {
		d := fmt.Sprintf("d%d.example.org", i)
		record := "v=spf1"
		for range g.IntN(9) {
			record += " " + g.term()
		}
		switch g.IntN(20) {
		case 0:
			g.z.fault(d, dnscache.TXT, pick(g, dnscache.ServFail, dnscache.Timeout))
		case 1:
			g.z.txt(d, "nothing")
		case 2:
			g.z.txt(d, record).txt(d, "v=spf1 -all")
		default:
			g.z.txt(d, "other").txt(d, record)
		}
		for range g.IntN(3) {
			g.z.addr(d, g.ip())
		}
		n := g.IntN(4)
		if g.IntN(30) == 0 {
			n = 12
		}
		for j := range n {
			host := g.usual()
			g.brokenMX = g.brokenMX || host == "fault.example.org"
			g.z.mx(d, uint16(j), host)
		}
	}
	for i := range 4 {
		h := fmt.Sprintf("h%d.example.org", i)
		g.z.at(h)
		for range g.IntN(4) {
			g.z.addr(h, g.ip())
		}
	}
	g.z.at("void1.example.org")
	for _, t := range []dnscache.Type{dnscache.A, dnscache.AAAA, dnscache.MX} {
		g.z.fault("fault.example.org", t, dnscache.ServFail)
	}
	for _, e := range []string{"e0.example.org", "e192.0.2.1.example.org", "e.1.2.0.192.in-addr.example.org", "e.joe.example.org", "e.d0.example.org"} {
		if g.IntN(2) == 0 {
			g.z.addr(e, "127.0.0.2")
		}
	}
	for range g.IntN(4) {
		g.z.ptr(dnscache.ReverseName(netip.MustParseAddr(g.ip())), g.usual())
	}
}

// explained are the rules for intended differences from blitiri.com.ar/go/spf.
// Each says when it applies.
var explained = []struct {
	section, why string
	applies      func(g *generator, got Result, theirs other.Result, err error) bool
}{
	{
		"4.6", "syntax errors anywhere in a record are found before evaluation; the other meets them as it goes, and lets some pass",
		func(_ *generator, got Result, _ other.Result, _ error) bool {
			return got.Status == PermError && strings.Contains(got.Reason, "is wrong")
		},
	},
	{
		"4.6.4", "an eleventh mail exchanger is an error only for those who match none of the first ten; the other refuses at once",
		func(_ *generator, _ Result, _ other.Result, err error) bool {
			return errors.Is(err, other.ErrTooManyMXRecords)
		},
	},
	{
		"5.4", "a mail exchanger that matches ends the lookups; the other asks for all addresses first and meets their errors",
		func(g *generator, got Result, theirs other.Result, _ error) bool {
			return g.brokenMX && theirs == other.TempError
		},
	},
	{
		"4.6.4", "each ptr term with a void PTR lookup counts; the other counts the first alone",
		func(g *generator, got Result, _ other.Result, _ error) bool {
			return got.Voids > maxVoids && g.z.Lookup(context.Background(), dnscache.ReverseName(g.client), dnscache.PTR).Outcome.Void()
		},
	},
}

func TestDifferential(t *testing.T) {
	t.Parallel()
	const seed, rounds = 7208, 4000
	counts := make([]int, len(explained))
	results := map[Status]int{}
	cases, same := 0, 0
	for round := range rounds {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(round)))}
		g.zone()
		for range 3 {
			q := Query{
				Identity: MailFrom, IP: netip.MustParseAddr(g.ip()),
				Helo: "mail.example.org", Sender: pick(g, "joe", "a-joe", "x.y+z") + "@" + g.domain(),
			}
			g.client = q.IP
			got := Check(t.Context(), g.z, q, Options{})
			theirs, err := other.CheckHostWithSender(net.IP(q.IP.AsSlice()), q.Helo, q.Sender,
				other.WithContext(t.Context()), other.WithResolver(otherDNS{g.z, q.IP}))
			cases++
			results[got.Status]++
			if string(got.Status) == string(theirs) {
				same++
				continue
			}
			found := false
			for i, e := range explained {
				if found = e.applies(g, got, theirs, err); found {
					counts[i]++
					break
				}
			}
			if !found {
				var zone strings.Builder
				for name, n := range g.z.names {
					if a := n.answers[dnscache.TXT]; a != nil {
						fmt.Fprintf(&zone, "\n%s %q", name, a.TXT)
					}
				}
				t.Fatalf("round %d, %+v\n got %+v\nblitiri %s (%v)%s", round, q, got, theirs, err, zone.String())
			}
		}
	}
	t.Logf("seed %d: %d evaluations, %d the same; results %v", seed, cases, same, results)
	for i, e := range explained {
		t.Logf("%d differ by section %s: %s", counts[i], e.section, e.why)
		if counts[i] == 0 {
			t.Errorf("no case shows this difference: %s", e.why)
		}
	}
	if same < cases*3/4 {
		t.Errorf("only %d of %d evaluations are the same", same, cases)
	}
}
