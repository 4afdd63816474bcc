package filter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-milter"
)

// The limits of what an MTA may send in one packet. Real ones send bodies in
// chunks of 65535 octets.
const (
	maxPacket  = 64 << 10 // commands
	maxMacros  = 1 << 20
	maxContent = 64 << 20 // header fields and body chunks; they are not kept whole
)

const codeUnknown milter.Code = 'U' // SMFIC_UNKNOWN

// offer reads the MTA's first packet, which must be its offer, and returns it
// whole.
func (w *wire) offer() ([]byte, error) {
	cmd, n, err := w.header()
	if err != nil {
		return nil, err
	}
	if milter.Code(cmd) != milter.CodeOptNeg || n > maxPacket {
		return nil, fmt.Errorf("%w: the first packet is %q of %d octets, not an offer", errProtocol, cmd, n)
	}
	data, err := w.payload(n)
	if err != nil {
		return nil, err
	}
	return packet(cmd, append([]byte(nil), data...)), nil
}

// header reads a packet's length and command; n is what follows.
func (w *wire) header() (cmd byte, n int, err error) {
	w.packetEnd = time.Time{}
	if _, err := w.in.Peek(1); err != nil {
		return 0, 0, err
	}
	w.packetEnd = time.Now().Add(w.srv.opt.PacketTimeout)
	h, err := w.in.Peek(4)
	if err != nil {
		return 0, 0, unexpected(err)
	}
	length := binary.BigEndian.Uint32(h)
	if length == 0 || length > maxContent {
		return 0, 0, fmt.Errorf("%w: a packet of %d octets", errProtocol, length)
	}
	if h, err = w.in.Peek(5); err != nil {
		return 0, 0, unexpected(err)
	}
	cmd = h[4]
	w.in.Discard(5)
	return cmd, int(length) - 1, nil
}

// payload reads n octets; they are valid until the next call. Memory is taken
// as they arrive, not as they are announced.
func (w *wire) payload(n int) ([]byte, error) {
	if cap(w.scratch) > keptScratch {
		w.scratch = nil
	}
	buf := w.scratch[:0]
	for len(buf) < n {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(n, max(2*cap(buf), 4<<10)))
			copy(grown, buf)
			buf = grown
		}
		m, err := io.ReadFull(w.in, buf[len(buf):min(n, cap(buf))])
		buf = buf[:len(buf)+m]
		if err != nil {
			return nil, unexpected(err)
		}
	}
	w.scratch = buf
	return buf, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next handles packets until there is one for go-milter.
func (w *wire) next() error {
	if w.replay != nil {
		w.hand(byte(milter.CodeOptNeg), w.replay)
		w.replay = nil
		return nil
	}
	w.settle()
	cmd, n, err := w.header()
	if err != nil {
		return err
	}
	switch milter.Code(cmd) {
	case milter.CodeHeader:
		return w.field(n)
	case milter.CodeBody:
		return w.chunk(cmd, n)
	case milter.CodeEOB:
		// libmilter takes what comes with the end for a last chunk.
		if err := w.body(n); err != nil {
			return err
		}
		w.hand(cmd, packet(cmd, nil))
		return nil
	}
	limit := maxPacket
	if milter.Code(cmd) == milter.CodeMacro {
		limit = maxMacros
	}
	if n > limit {
		return fmt.Errorf("%w: a packet %q of %d octets", errProtocol, cmd, n)
	}
	data, err := w.payload(n)
	if err != nil {
		return err
	}
	return w.take(cmd, data)
}

// take handles a packet that is neither header nor body.
func (w *wire) take(cmd byte, data []byte) error {
	switch milter.Code(cmd) {
	case milter.CodeMacro:
		w.session.macros.read(data)
	case milter.CodeConn:
		c, err := parseConnect(data)
		if err != nil {
			return err
		}
		w.hand(cmd, packet(cmd, c))
	case milter.CodeQuit:
		w.hand(cmd, packet(cmd, nil))
	// What follows is all that a message has between connect and its end.
	// go-milter would decode it as is done here, and make each answer in a
	// buffer of its own, which was a third of the memory that a message took.
	case milter.CodeHelo:
		w.expect(cmd)
		return w.respond(w.session.Helo(strings.TrimSuffix(string(data), "\x00"), nil))
	case milter.CodeMail:
		w.setInside(true)
		w.expect(cmd)
		return w.respond(w.session.MailFrom(path(data), nil))
	case milter.CodeRcpt:
		w.expect(cmd)
		return w.respond(w.session.RcptTo(path(data), nil))
	case milter.CodeEOH:
		w.expect(cmd)
		return w.respond(w.session.Headers(nil, nil))
	case milter.CodeAbort:
		w.expect(cmd)
		return w.session.Abort(nil)
	case milter.CodeData:
		w.expect(cmd)
		w.goOn()
	case codeUnknown:
		// An SMTP command that the MTA does not know; go-milter would close.
		w.expect(cmd)
		w.goOn()
	case milter.CodeQuitNewConn:
		// The next packet is the connect of another SMTP session.
		w.session.renew()
		w.setInside(false)
	case milter.CodeOptNeg:
		return fmt.Errorf("%w: a second option negotiation", errProtocol)
	default:
		return fmt.Errorf("%w: unknown command %q", errProtocol, cmd)
	}
	return nil
}

// packet makes a whole packet.
func packet(cmd byte, data []byte) []byte {
	p := make([]byte, 5, 5+len(data))
	binary.BigEndian.PutUint32(p, uint32(len(data)+1))
	p[4] = cmd
	return append(p, data...)
}

// hand makes a packet what go-milter reads next.
func (w *wire) hand(cmd byte, p []byte) {
	w.expect(cmd)
	w.pending = p
}

// respond sends what the session answers to a command, if it does.
func (w *wire) respond(r milter.Response, err error) error {
	switch {
	case err != nil:
		return err
	case r == milter.RespContinue:
		w.reply(byte(milter.ActContinue))
	case r != nil:
		m := r.Response()
		w.emit(packet(m.Code, m.Data))
	}
	return nil
}

// path is the address in the payload of MAIL or RCPT, without its brackets. ESMTP
// arguments follow behind a NUL.
func path(data []byte) string {
	addr, _, _ := bytes.Cut(data, []byte{0})
	return string(bytes.Trim(addr, "<>"))
}

// goOn replies "continue" where the MTA waits for it.
func (w *wire) goOn() {
	if w.owed {
		w.reply(byte(milter.ActContinue))
	}
}

// maxBeyond is how much is read of a field for which the header has no room.
// Policy has to know its name.
const maxBeyond = 64 << 10

// field gives one header field to the session. Like libmilter it takes what
// stands before the first two NULs.
func (w *wire) field(n int) error {
	w.expect(byte(milter.CodeHeader))
	room := w.session.headerRoom()
	taken := min(n, max(room, maxBeyond))
	data, err := w.payload(taken)
	if err != nil {
		return err
	}
	if err := w.discard(n - taken); err != nil {
		return err
	}
	cut := taken < n
	name, rest, ok := bytes.Cut(data, []byte{0})
	if !ok && !cut || len(name) == 0 {
		return fmt.Errorf("%w: a header field without a name or a value", errProtocol)
	}
	value, _, whole := bytes.Cut(rest, []byte{0})
	both := string(data[:min(len(name)+1+len(value), len(data))]) // with the NUL between
	w.session.field(both[:len(name)], both[min(len(name)+1, len(both)):], n <= room, cut && !whole)
	w.goOn()
	return nil
}

// chunk streams one chunk of the body to the session.
func (w *wire) chunk(cmd byte, n int) error {
	w.expect(cmd)
	if err := w.body(n); err != nil {
		return err
	}
	w.goOn()
	return nil
}

// body hands n octets over as they lie in the buffer.
func (w *wire) body(n int) error {
	for n > 0 {
		if w.in.Buffered() == 0 {
			if _, err := w.in.Peek(1); err != nil {
				return unexpected(err)
			}
		}
		p, err := w.in.Peek(min(n, w.in.Buffered()))
		if err != nil {
			return unexpected(err)
		}
		w.session.BodyChunk(p, nil)
		w.in.Discard(len(p))
		n -= len(p)
	}
	return nil
}

func (w *wire) discard(n int) error {
	if _, err := w.in.Discard(n); err != nil {
		return unexpected(err)
	}
	return nil
}

// parseConnect checks the payload of a connect packet and makes of it what
// go-milter reads: host, NUL, family, and for '4' and '6' port, address, NUL.
func parseConnect(data []byte) ([]byte, error) {
	host, rest, ok := bytes.Cut(data, []byte{0})
	if !ok || len(rest) == 0 {
		return nil, fmt.Errorf("%w: malformed connect", errProtocol)
	}
	out := append(append([]byte(nil), host...), 0)
	family, rest := rest[0], rest[1:]
	switch milter.ProtoFamily(family) {
	case milter.FamilyInet, milter.FamilyInet6:
		if len(rest) < 2 {
			return nil, fmt.Errorf("%w: malformed connect", errProtocol)
		}
		addr, _, _ := bytes.Cut(rest[2:], []byte{0})
		out = append(out, family, rest[0], rest[1])
		return append(append(out, bareAddr(string(addr))...), 0), nil
	}
	// A unix socket's path says nothing to us, and Postfix puts two octets of
	// port before it that go-milter would take for an empty one.
	return append(out, byte(milter.FamilyUnknown)), nil
}
