package dnscache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/miekg/dns"
)

// udpSize is the EDNS0 buffer size that avoids fragments (DNS flag day 2020).
const udpSize = 1232

var (
	errMismatch  = errors.New("response with another id or question")
	errMalformed = errors.New("malformed response")
)

// query is a query to an upstream.
type query struct {
	name    string // as presentation writes it
	t       Type
	edns    bool
	ad      bool // ask for the AD bit (RFC 6840 section 5.7)
	cd      bool // ask for what does not pass validation too
	mixCase bool // write letters in random case (draft-vixie-dnsext-dns0x20)
	pad     bool
	// keepalive asks how long the connection may be idle (RFC 7828).
	keepalive bool
}

// message returns the query with a random id.
func (q query) message() *dns.Msg {
	m := &dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: uint16(rand.Uint32()), RecursionDesired: true, AuthenticatedData: q.ad, CheckingDisabled: q.cd},
		Question: []dns.Question{{Name: q.name, Qtype: uint16(q.t), Qclass: dns.ClassINET}},
	}
	if q.mixCase {
		m.Question[0].Name = mixedCase(q.name)
	}
	if q.edns {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(udpSize)
		if q.keepalive {
			opt.Option = append(opt.Option, &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE})
		}
		m.Extra = []dns.RR{opt}
	}
	if q.pad {
		pad(m)
	}
	return m
}

// mixedCase returns a name with its letters in random case. A forged response must guess it.
func mixedCase(name string) string {
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

// padBlock is the block size of queries over TLS. Their length is a multiple of it, so that
// it does not reveal the name (RFC 8467 section 4.1).
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

// keepsCase reports whether a response has the question of m in the same case.
func keepsCase(m, resp *dns.Msg) bool {
	return len(resp.Question) == 1 && resp.Question[0].Name == m.Question[0].Name
}

// readResponse unpacks b if it is a response to m. The error is errMismatch if b
// responds to another question or to none, and errMalformed if it responds to m
// but cannot be read. A truncated response is returned as far as it can be read.
func readResponse(m *dns.Msg, b []byte) (*dns.Msg, error) {
	if len(b) < 12 || binary.BigEndian.Uint16(b) != m.Id || b[2]&0x80 == 0 || b[2]>>3&0xf != dns.OpcodeQuery {
		return nil, errMismatch
	}
	resp := new(dns.Msg)
	err := resp.Unpack(b)
	switch {
	case len(resp.Question) == 1:
		q, r := m.Question[0], resp.Question[0]
		if q.Qtype != r.Qtype || q.Qclass != r.Qclass || LowerASCII(q.Name) != LowerASCII(r.Name) {
			return nil, errMismatch
		}
	case len(resp.Question) > 1:
		return nil, errMismatch
	case err == nil && resp.Rcode != dns.RcodeSuccess && resp.Rcode != dns.RcodeNameError:
		return resp, nil // refusals often lack the question
	case err == nil:
		return nil, errMismatch
	}
	if err != nil && !resp.Truncated {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return resp, nil
}
