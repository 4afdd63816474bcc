package spf

import (
	"context"
	"net/netip"
	"strings"
	"sync"

	"github.com/postvet/postvet/dnscache"
)

// zone is a DNS in memory. It serves what master-file text cannot express
// (8-bit names, a type that times out beside one that answers), and thousands
// of cases that cannot wait for real timeouts. A missing name does not exist
// unless a name below it does.
type zone struct {
	names map[string]*zoneName

	mu    sync.Mutex
	asked []string // "name/TYPE"
}

type zoneName struct {
	answers map[dnscache.Type]*dnscache.Answer
	cname   string
	isCNAME bool
	// fault is the outcome of each type without an answer; 0 for none.
	fault dnscache.Outcome
}

func newZone() *zone { return &zone{names: map[string]*zoneName{}} }

func (z *zone) at(name string) *zoneName {
	name = strings.TrimSuffix(dnscache.LowerASCII(name), ".")
	n := z.names[name]
	if n == nil {
		n = &zoneName{answers: map[dnscache.Type]*dnscache.Answer{}}
		z.names[name] = n
		if _, parent, ok := strings.Cut(name, "."); ok && parent != "" {
			z.at(parent) // parents exist
		}
	}
	return n
}

func (n *zoneName) of(t dnscache.Type) *dnscache.Answer {
	a := n.answers[t]
	if a == nil {
		a = &dnscache.Answer{Outcome: dnscache.Found}
		n.answers[t] = a
	}
	return a
}

// txt, addr, mx and ptr add a record.
func (z *zone) txt(name, text string) *zone {
	a := z.at(name).of(dnscache.TXT)
	a.TXT = append(a.TXT, text)
	return z
}

func (z *zone) addr(name, ip string) *zone {
	t, addr := dnscache.A, netip.MustParseAddr(ip)
	if addr.Is6() {
		t = dnscache.AAAA
	}
	a := z.at(name).of(t)
	a.Addrs = append(a.Addrs, addr)
	return z
}

func (z *zone) mx(name string, pref uint16, host string) *zone {
	a := z.at(name).of(dnscache.MX)
	a.MX = append(a.MX, dnscache.Exchange{Preference: pref, Host: strings.TrimSuffix(host, ".")})
	return z
}

func (z *zone) ptr(name, target string) *zone {
	a := z.at(name).of(dnscache.PTR)
	a.Names = append(a.Names, strings.TrimSuffix(target, "."))
	return z
}

func (z *zone) fault(name string, t dnscache.Type, o dnscache.Outcome) *zone {
	z.at(name).answers[t] = &dnscache.Answer{Outcome: o}
	return z
}

func (z *zone) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if ctx.Err() != nil {
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
	name = strings.TrimSuffix(dnscache.LowerASCII(name), ".")
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked = append(z.asked, name+"/"+t.String())
	if impossible(name) != "" {
		return &dnscache.Answer{Outcome: dnscache.NXDomain, Err: dnscache.ErrName}
	}
	for range 8 {
		n := z.names[name]
		switch {
		case n == nil:
			return &dnscache.Answer{Outcome: dnscache.NXDomain}
		case n.answers[t] != nil:
			return n.answers[t]
		case n.fault != 0:
			return &dnscache.Answer{Outcome: n.fault}
		case !n.isCNAME:
			return &dnscache.Answer{Outcome: dnscache.NoData}
		}
		name = strings.TrimSuffix(dnscache.LowerASCII(n.cname), ".")
	}
	return &dnscache.Answer{Outcome: dnscache.ServFail} // a loop
}

func (z *zone) queries() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return append([]string(nil), z.asked...)
}
