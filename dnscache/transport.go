package dnscache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// udpSize is the EDNS0 buffer size that avoids fragments (DNS flag day 2020).
const udpSize = 1232

// maxStrays bounds the datagrams that one query reads past because they are
// not its answer; who sends more is attacking, and TCP settles it.
const maxStrays = 64

var (
	errMismatch  = errors.New("response with another id or question")
	errMalformed = errors.New("malformed response")
)

// wire sends questions and receives what comes back; it judges nothing but
// whether a response belongs to its question.
type wire struct {
	buffers sync.Pool // *[4096]byte
}

// query is one question as it goes over the wire.
type query struct {
	name    string // as presentation writes it
	t       Type
	edns    bool
	ad      bool
	mixCase bool // RFC-less but widely used: random case as further entropy
	pad     bool
}

// message returns the query with a random id.
func (q query) message() *dns.Msg {
	m := &dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: uint16(rand.Uint32()), RecursionDesired: true, AuthenticatedData: q.ad},
		Question: []dns.Question{{Name: q.name, Qtype: uint16(q.t), Qclass: dns.ClassINET}},
	}
	if q.mixCase {
		m.Question[0].Name = mixed(q.name)
	}
	if q.edns {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(udpSize)
		m.Extra = []dns.RR{opt}
	}
	return m
}

// mixed returns name with letters in random case (draft-vixie-dnsext-dns0x20).
func mixed(name string) string {
	b := []byte(name)
	var bits uint64
	for i, c := range b {
		if i%64 == 0 {
			bits = rand.Uint64()
		}
		if 'a' <= c && c <= 'z' && bits&1 == 1 {
			b[i] = c - ('a' - 'A')
		}
		bits >>= 1
	}
	return string(b)
}

// udp sends q from a socket of its own, so from a fresh port, and returns the
// response. again asks for TCP: the response is truncated, or came in another
// case than it was asked in, or too many strays came.
func (w *wire) udp(ctx context.Context, addr netip.AddrPort, q query) (resp *dns.Msg, again bool, err error) {
	m := q.message()
	buf := w.buffers.Get().(*[4096]byte)
	defer w.buffers.Put(buf)
	packed, err := m.PackBuffer(buf[:])
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrName, err)
	}
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	defer interrupt(ctx, conn)()
	if _, err := conn.Write(packed); err != nil {
		return nil, false, err
	}
	for range maxStrays {
		n, err := conn.Read(buf[:])
		if err != nil {
			return nil, false, err
		}
		resp, err := belonging(m, buf[:n])
		switch {
		case errors.Is(err, errMismatch):
			continue
		case resp != nil && resp.Truncated, n == len(buf):
			return nil, true, nil
		case err != nil:
			return nil, false, err
		case q.mixCase && len(resp.Question) == 1 && resp.Question[0].Name != m.Question[0].Name:
			return nil, true, nil
		}
		return resp, false, nil
	}
	return nil, true, nil
}

// stream is udp over a connection, in the clear or over TLS. kept reports
// whether the response repeated the question in the case it was asked in.
func (q query) stream(ctx context.Context, ss *streams) (resp *dns.Msg, kept bool, err error) {
	m := q.message()
	if q.pad {
		pad(m)
	}
	packed, err := m.Pack()
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrName, err)
	}
	b, id, err := ss.exchange(ctx, packed)
	if err != nil {
		return nil, false, err
	}
	m.Id = id
	if resp, err = belonging(m, b); err != nil {
		return nil, false, err
	}
	return resp, len(resp.Question) == 1 && resp.Question[0].Name == m.Question[0].Name, nil
}

// padBlock is what the length of queries over TLS is a multiple of, so that it
// tells nobody the name (RFC 8467 section 4.1).
const padBlock = 128

func pad(m *dns.Msg) {
	opt := m.IsEdns0()
	if opt == nil {
		return
	}
	const header = 4 // of the option itself
	missing := (padBlock - (m.Len()+header)%padBlock) % padBlock
	opt.Option = append(opt.Option, &dns.EDNS0_PADDING{Padding: make([]byte, missing)})
}

// dial returns a socket that hears addr alone.
func dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// Connecting a datagram socket waits for nobody.
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	if d, ok := ctx.Deadline(); ok {
		conn.SetDeadline(d)
	}
	return conn, nil
}

// interrupt ends conn's reads and writes when ctx ends before the returned
// function is called.
func interrupt(ctx context.Context, conn net.Conn) func() bool {
	return context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

// belonging unpacks b if it is a response to m: errMismatch if it is to another
// question or to none, errMalformed if it is to m but cannot be read. A
// truncated response is returned as far as it could be read.
func belonging(m *dns.Msg, b []byte) (*dns.Msg, error) {
	if len(b) < 12 || binary.BigEndian.Uint16(b) != m.Id || b[2]&0x80 == 0 || b[2]>>3&0xf != dns.OpcodeQuery {
		return nil, errMismatch
	}
	resp := new(dns.Msg)
	err := resp.Unpack(b)
	switch {
	case len(resp.Question) == 1:
		q, r := m.Question[0], resp.Question[0]
		if q.Qtype != r.Qtype || q.Qclass != r.Qclass || lower(q.Name) != lower(r.Name) {
			return nil, errMismatch
		}
	case len(resp.Question) > 1:
		return nil, errMismatch
	case err == nil && resp.Rcode != dns.RcodeSuccess && resp.Rcode != dns.RcodeNameError:
		return resp, nil // refusals often come without the question
	case err == nil:
		return nil, errMismatch
	}
	if err != nil && !resp.Truncated {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return resp, nil
}
