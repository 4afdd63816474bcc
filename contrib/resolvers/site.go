//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// site is what one cell runs in: the server with the zone, the programs before it,
// and the options of our own resolver.
type site struct {
	program   program // of the cell
	lines     string  // of its trouble
	zone      string
	server    *dnstest.Server
	processes []*process
	options   dnscache.Options
	closers   []func()
}

// newSite starts the server.
func newSite(p program, zone string) (*site, error) {
	s := &site{program: p, zone: zone}
	var err error
	if s.server, err = dnstest.NewServer(zone); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() { s.server.Close() })
	return s, nil
}

// run starts a program before a server, and returns it when it answers. If it was
// given no address, it has one on which nobody listens.
func (s *site) run(ctx context.Context, p program, o setting) (*process, error) {
	if !o.behind.IsValid() {
		o.behind = netip.MustParseAddrPort(s.server.Addr())
	}
	if !o.addr.IsValid() {
		var err error
		if o.addr, err = freeAddr(); err != nil {
			return nil, err
		}
	}
	x := &process{program: p, setting: o}
	s.processes = append(s.processes, x)
	return x, x.start(ctx)
}

// alone runs the program of the cell, and has our resolver ask it.
func (s *site) alone(ctx context.Context) error {
	x, err := s.run(ctx, s.program, setting{lines: s.lines})
	if err == nil {
		s.options.Upstreams = []string{x.setting.addr.String()}
	}
	return err
}

// close ends all that the site has started.
func (s *site) close() {
	for _, x := range s.processes {
		x.stop()
	}
	for _, f := range s.closers {
		f()
	}
}

// freeAddr returns an address on loopback on which nobody listens. It is below the
// ports that the kernel gives to clients, so that it stays free. named listens only on
// addresses of an interface, which of 127.0.0.0/8 is the first.
func freeAddr() (netip.AddrPort, error) {
	for range 100 {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(20000+rand.IntN(10000)))
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
		if err != nil {
			continue
		}
		t, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(a))
		u.Close()
		if err == nil {
			t.Close()
			return a, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no free port on loopback")
}
