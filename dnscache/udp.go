package dnscache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// maxMismatches bounds the datagrams that one query reads although they do not answer it.
// More of them are an attack, which TCP prevents.
const maxMismatches = 64

// udpClient sends queries over UDP.
type udpClient struct {
	buffers sync.Pool // *[4096]byte
}

func newUDPClient() *udpClient {
	return &udpClient{buffers: sync.Pool{New: func() any { return new([4096]byte) }}}
}

// exchange sends q from a new socket, and so from a new port, and returns the response.
// useTCP is true if the query should be repeated over TCP: the response is truncated or has
// the question in another case, or there were too many mismatches. A response with the
// question in another case is returned too.
//
// A query whose response is late is sent again from the same socket with the same id, so
// that the response to any of them counts, and a forged one has no more ports to guess.
func (u *udpClient) exchange(ctx context.Context, addr netip.AddrPort, q query, e *estimate) (resp *dns.Msg, useTCP bool, err error) {
	m := q.message()
	buf := u.buffers.Get().(*[4096]byte)
	defer u.buffers.Put(buf)
	var out [512]byte // most queries fit, and reads overwrite the other buffer
	packed, err := m.PackBuffer(out[:])
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrName, err)
	}
	conn, err := dialUDP(ctx, addr)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	defer interruptWith(ctx, conn)()
	e.begin()
	sent, err := newTransmission(ctx, conn, packed, e)
	if err != nil {
		return nil, false, err
	}
	for range maxMismatches {
		n, err := sent.read(buf[:])
		if err != nil {
			return nil, false, err
		}
		resp, err := readResponse(m, buf[:n])
		switch {
		case errors.Is(err, errMismatch):
			continue
		case resp != nil && resp.Truncated, n == len(buf):
			return nil, true, nil
		case err != nil:
			return nil, false, err
		case q.mixCase && len(resp.Question) == 1 && !keepsCase(m, resp):
			return resp, true, nil
		}
		sent.answered()
		return resp, false, nil
	}
	return nil, true, nil
}

// dialUDP returns a socket that receives only from addr.
func dialUDP(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr)) // never waits
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// interruptWith ends the reads and writes of conn when ctx ends, until the
// returned function is called.
func interruptWith(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}
