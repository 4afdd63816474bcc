//go:build linux

package main

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// relay stands before a program and plays what resolvers and firewalls do.
type relay struct {
	// reply returns a response to a query over UDP, nil to hand it on.
	reply func(query []byte) []byte
	// loses reports whether a query over UDP is lost.
	loses func(query []byte) bool
	// change changes a response over UDP in place.
	change func(response []byte)
	// answers is how many queries it carries on each connection over TCP. Without any it
	// accepts none.
	answers int

	target  string
	running sync.WaitGroup
}

// relayTime bounds how long an answer may take.
const relayTime = 5 * time.Second

// loss returns a relay that loses a part of the queries.
func loss(percent int) *relay {
	return &relay{loses: func([]byte) bool { return rand.IntN(100) < percent }}
}

// before puts a relay before an upstream, and returns its address.
func (s *site) before(upstream int, r *relay) (string, error) {
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	r.target = s.options.Upstreams[upstream]
	front, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return "", err
	}
	s.closers = append(s.closers, func() { front.Close() })
	r.running.Go(func() { r.datagrams(front) })
	if r.answers > 0 {
		l, err := net.Listen("tcp", addr.String())
		if err != nil {
			return "", err
		}
		s.closers = append(s.closers, func() { l.Close() })
		r.running.Go(func() { r.connections(l) })
	}
	s.closers = append(s.closers, r.running.Wait)
	s.options.Upstreams[upstream] = addr.String()
	return addr.String(), nil
}

// datagrams carries datagrams until front is closed. Each query has a socket of its own,
// for as long as an answer may take.
func (r *relay) datagrams(front *net.UDPConn) {
	var b [4096]byte
	for {
		n, from, err := front.ReadFromUDPAddrPort(b[:])
		if err != nil {
			return
		}
		if n < 12 || r.loses != nil && r.loses(b[:n]) {
			continue
		}
		if r.reply != nil {
			if m := r.reply(b[:n]); m != nil {
				front.WriteToUDPAddrPort(m, from)
				continue
			}
		}
		back, err := net.Dial("udp", r.target)
		if err != nil {
			continue // it is lost too
		}
		back.SetDeadline(time.Now().Add(relayTime))
		back.Write(b[:n])
		r.running.Go(func() {
			defer back.Close()
			var b [4096]byte
			n, err := back.Read(b[:])
			if err != nil {
				return
			}
			if r.change != nil {
				r.change(b[:n])
			}
			front.WriteToUDPAddrPort(b[:n], from)
		})
	}
}

// connections carries connections until l is closed.
func (r *relay) connections(l net.Listener) {
	for {
		front, err := l.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() {
			defer front.Close()
			back, err := net.Dial("tcp", r.target)
			if err != nil {
				return
			}
			defer back.Close()
			for range r.answers {
				back.SetDeadline(time.Now().Add(relayTime))
				front.SetDeadline(time.Now().Add(relayTime))
				if carry(back, front) != nil || carry(front, back) != nil {
					return
				}
			}
		})
	}
}

// carry carries one message over TCP.
func carry(to io.Writer, from io.Reader) error {
	var length [2]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return err
	}
	b := make([]byte, 2+binary.BigEndian.Uint16(length[:]))
	copy(b, length[:])
	if _, err := io.ReadFull(from, b[2:]); err != nil {
		return err
	}
	_, err := to.Write(b)
	return err
}

// hasEDNS reports whether a query has a record in its additional section.
func hasEDNS(query []byte) bool { return binary.BigEndian.Uint16(query[10:]) > 0 }

// questionEnd returns where the question of a message ends; 0 if it has none.
func questionEnd(m []byte) int {
	for at := 12; at < len(m); at += 1 + int(m[at]) {
		if m[at] == 0 && at+5 <= len(m) {
			return at + 5
		}
	}
	return 0
}

// truncated returns an empty response with TC.
func truncated(query []byte) []byte {
	m := append([]byte(nil), query[:questionEnd(query)]...)
	if len(m) < 12 {
		return nil
	}
	m[2] |= 0x82
	clear(m[6:12])
	return m
}

// lowerQuestion writes the question of a message in lower case.
func lowerQuestion(m []byte) {
	for i := 12; i < questionEnd(m)-4; i++ {
		if 'A' <= m[i] && m[i] <= 'Z' {
			m[i] += 'a' - 'A'
		}
	}
}
