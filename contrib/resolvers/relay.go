//go:build linux

package main

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// relay puts a relay before an upstream, which loses a part of the queries.
func (s *site) relay(upstream, percent int) error {
	target := net.UDPAddrFromAddrPort(address(s.options.Upstreams[upstream]))
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { relay(front, target, percent, &running) })
	s.closers = append(s.closers, func() {
		front.Close()
		running.Wait()
	})
	s.options.Upstreams[upstream] = front.LocalAddr().String()
	return nil
}

// relay carries datagrams until front is closed. Each query has a socket of its own,
// for as long as an answer may take.
func relay(front *net.UDPConn, target *net.UDPAddr, percent int, running *sync.WaitGroup) {
	var b [4096]byte
	for {
		n, from, err := front.ReadFromUDPAddrPort(b[:])
		if err != nil {
			return
		}
		if rand.IntN(100) < percent {
			continue
		}
		back, err := net.DialUDP("udp", nil, target)
		if err != nil {
			continue // it is lost too
		}
		back.SetDeadline(time.Now().Add(5 * time.Second))
		back.Write(b[:n])
		running.Go(func() {
			defer back.Close()
			var b [4096]byte
			if n, err := back.Read(b[:]); err == nil {
				front.WriteToUDPAddrPort(b[:n], from)
			}
		})
	}
}
