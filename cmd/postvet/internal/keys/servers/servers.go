// Package servers asks all authoritative name servers of a name for its TXT records.
//
// A key may sign once every verifier finds its record, whichever server its resolver
// asks, so one server that lags behind is enough to make it wait. The resolver is asked
// only for the zone and its servers, never for the name itself: it would remember that
// there is no such record for as long as the zone says.
package servers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/authority"
)

// Resolver finds zones and the addresses of their servers.
type Resolver interface {
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Servers asks. It is safe for concurrent use.
type Servers struct {
	Resolver Resolver
	// Only are servers to ask instead of those that NS records name, as host:port or
	// addresses: for networks in which these cannot be reached.
	Only []string
}

// View is what the servers say about a name.
type View struct {
	// Name is the name that has the records, behind all aliases. Zone is its zone, if
	// known.
	Name, Zone string
	Answers    []Answer
	// NegativeTTL is how long others may remember that there was no record.
	NegativeTTL time.Duration
}

// Answer is what one server says.
type Answer struct {
	Server  string // its name and address
	Records []authority.Record
	// Alias is the target of a CNAME, if the others have another one or none.
	Alias string
	// Err is why there is no answer.
	Err error
}

// Bounds of one question.
const (
	maxNames     = 13 // servers of a zone
	maxAddresses = 4  // of a server
	maxSteps     = 8  // aliases and referrals
	maxLabels    = 20 // on the way up to the zone
	parallel     = 8
)

// ErrNoZone is the error of a name whose zone has no NS records that our resolver finds.
var ErrNoZone = errors.New("no name servers found")

// Ask asks all servers of a name's zone. It follows aliases and referrals. The error is
// that the servers could not be found; that one of them fails stands in its Answer.
func (s *Servers) Ask(ctx context.Context, name string) (*View, error) {
	targets, zone, err := s.find(ctx, above(name))
	if err != nil {
		return nil, err
	}
	v := &View{Name: name, Zone: zone}
	for range maxSteps {
		replies := ask(ctx, targets, v.Name)
		if servers, below := referral(replies, v.Zone); servers != nil {
			if targets, err = s.addresses(ctx, servers); err != nil {
				return nil, err
			}
			v.Zone = below
			continue
		}
		alias := replies[0].alias()
		if alias != "" && !slices.ContainsFunc(replies, func(r answered) bool { return r.err != nil || r.alias() != alias }) {
			if targets, zone, err = s.find(ctx, above(alias)); err != nil {
				return nil, err
			}
			v.Name, v.Zone = alias, zone
			continue
		}
		v.collect(replies)
		if v.NegativeTTL == 0 { // a server that shows a record does not say it
			v.askNegativeTTL(ctx, replies)
		}
		return v, nil
	}
	return nil, fmt.Errorf("%s: more than %d aliases and referrals", name, maxSteps)
}

// collect takes the last answers.
func (v *View) collect(replies []answered) {
	for _, r := range replies {
		a := Answer{Server: r.target.String(), Err: r.err, Alias: r.alias()}
		if r.err == nil {
			if len(r.reply.Servers) > 0 {
				a.Err = errors.New("the server is not authoritative for the name, it refers to others")
			}
			a.Records = r.reply.Records
			v.NegativeTTL = max(v.NegativeTTL, r.reply.NegativeTTL)
			v.Zone = cmp.Or(v.Zone, r.reply.Zone)
		}
		v.Answers = append(v.Answers, a)
	}
}

// askNegativeTTL takes it from the first server that says it.
func (v *View) askNegativeTTL(ctx context.Context, replies []answered) {
	for _, r := range replies {
		if r.err != nil {
			continue
		}
		if ttl, err := authority.NegativeTTL(ctx, r.target.addr, v.Name); err == nil {
			v.NegativeTTL = ttl
			return
		}
	}
}

// target is an address of a server.
type target struct {
	name string
	addr netip.AddrPort
	err  error // why there is no address
}

func (t target) String() string {
	switch {
	case t.err != nil:
		return t.name
	case t.name == "":
		return t.addr.String()
	case t.addr.Port() == 53:
		return t.name + " (" + t.addr.Addr().String() + ")"
	}
	return t.name + " (" + t.addr.String() + ")"
}

type answered struct {
	target target
	reply  *authority.Reply
	err    error
}

func (a answered) alias() string {
	if a.reply == nil {
		return ""
	}
	return a.reply.Alias
}

// ask asks all targets at the same time. Of several addresses of one server, those that do
// not answer are left out if another one does: this machine may have no IPv6.
func ask(ctx context.Context, targets []target, name string) []answered {
	all := make([]answered, len(targets))
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, t := range targets {
		all[i].target = t
		if all[i].err = t.err; t.err != nil {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			all[i].reply, all[i].err = authority.Ask(ctx, t.addr, name)
		})
	}
	wg.Wait()
	answers := map[string]bool{}
	for _, a := range all {
		answers[a.target.name] = answers[a.target.name] || a.err == nil && a.target.name != ""
	}
	return slices.DeleteFunc(all, func(a answered) bool { return a.err != nil && answers[a.target.name] })
}

// referral returns the servers of a zone below, if all that answer refer to one.
func referral(replies []answered, zone string) (servers []string, below string) {
	for _, r := range replies {
		switch {
		case r.err != nil:
		case len(r.reply.Servers) == 0 || len(r.reply.Zone) <= len(zone):
			return nil, ""
		default:
			servers, below = r.reply.Servers, r.reply.Zone
		}
	}
	return servers, below
}

// above returns where the search for the zone of a name begins: at the domain of a key, or
// else one label above. The resolver must not be asked for the name itself, nor for
// _domainkey, which does not exist before the first key.
func above(name string) string {
	if _, domain, ok := strings.Cut(name, "._domainkey."); ok {
		return domain
	}
	_, parent, _ := strings.Cut(name, ".")
	return parent
}

// find returns the servers of the zone that a name is in.
func (s *Servers) find(ctx context.Context, name string) ([]target, string, error) {
	if len(s.Only) > 0 {
		t, err := s.fixed(ctx)
		return t, "", err
	}
	for range maxLabels {
		if name == "" {
			break
		}
		a := s.Resolver.Lookup(ctx, name, dnscache.NS)
		switch {
		case a.Outcome == dnscache.Found && a.Canonical == "":
			t, err := s.addresses(ctx, a.Names)
			return t, name, err
		case a.Outcome.Temporary():
			return nil, "", fmt.Errorf("the NS records of %s could not be looked up: %s", name, a.Outcome)
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return nil, "", ErrNoZone
}

// addresses returns the addresses of servers.
func (s *Servers) addresses(ctx context.Context, names []string) ([]target, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	var all []target
	for _, name := range names[:min(len(names), maxNames)] {
		all = append(all, s.address(ctx, name, 53)...)
	}
	if len(all) == 0 {
		return nil, ErrNoZone
	}
	return all, nil
}

// address returns the addresses of one server.
func (s *Servers) address(ctx context.Context, name string, port uint16) []target {
	var all []target
	var failed error
	for _, t := range []dnscache.Type{dnscache.A, dnscache.AAAA} {
		a := s.Resolver.Lookup(ctx, name, t)
		if a.Outcome.Temporary() {
			failed = fmt.Errorf("its address could not be looked up: %s", a.Outcome)
		}
		for _, ip := range a.Addrs {
			if len(all) < maxAddresses {
				all = append(all, target{name: name, addr: netip.AddrPortFrom(ip, port)})
			}
		}
	}
	if len(all) == 0 {
		return []target{{name: name, err: cmp.Or(failed, errors.New("it has no address"))}}
	}
	return all
}

// fixed returns the servers that the administrator names.
func (s *Servers) fixed(ctx context.Context) ([]target, error) {
	var all []target
	for _, server := range s.Only {
		t, err := s.named(ctx, server)
		if err != nil {
			return nil, err
		}
		all = append(all, t...)
	}
	return all, nil
}

// named returns the addresses of a server that is written as an address or a name, with or
// without a port.
func (s *Servers) named(ctx context.Context, server string) ([]target, error) {
	host, port := server, uint64(53)
	if h, p, err := net.SplitHostPort(server); err == nil {
		host = h
		if port, err = strconv.ParseUint(p, 10, 16); err != nil || port == 0 {
			return nil, fmt.Errorf("%q has no valid port", server)
		}
	}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return []target{{addr: netip.AddrPortFrom(ip.Unmap(), uint16(port))}}, nil
	}
	return s.address(ctx, strings.TrimSuffix(strings.ToLower(host), "."), uint16(port)), nil
}

// Addresses returns the addresses of a server that is written as an address or a name,
// with or without a port.
func (s *Servers) Addresses(ctx context.Context, server string) ([]netip.AddrPort, error) {
	targets, err := s.named(ctx, server)
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for _, t := range targets {
		if t.err != nil {
			return nil, fmt.Errorf("%s: %w", server, t.err)
		}
		all = append(all, t.addr)
	}
	return all, nil
}
