package milter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	gomilter "github.com/emersion/go-milter"
)

// codeUnknown is SMFIC_UNKNOWN, an SMTP command that the MTA does not know.
const codeUnknown gomilter.Code = 'U'

// next handles packets until there is one for go-milter.
func (c *Conn) next() (err error) {
	defer c.recovered(&err)
	if c.reason != nil {
		return c.reason
	}
	if c.offer != nil {
		c.passOn(byte(gomilter.CodeOptNeg), c.offer)
		c.offer = nil
		return nil
	}
	c.replyIfOwed()
	cmd, n, err := c.packetHeader()
	if err != nil {
		return err
	}
	switch gomilter.Code(cmd) {
	case gomilter.CodeHeader:
		return c.header(n)
	case gomilter.CodeBody:
		c.expect(cmd)
		if err := c.body(n); err != nil {
			return err
		}
		c.goOn()
		return nil
	case gomilter.CodeEOB:
		// Like libmilter, take the payload of the end for a last chunk.
		if err := c.body(n); err != nil {
			return err
		}
		c.passOn(cmd, packet(cmd, nil))
		return nil
	}
	limit := maxPacket
	if gomilter.Code(cmd) == gomilter.CodeMacro {
		limit = maxMacros
	}
	if n > limit {
		return fmt.Errorf("%w: a packet %q of %d octets", errProtocol, cmd, n)
	}
	data, err := c.payload(n)
	if err != nil {
		return err
	}
	return c.handle(cmd, data)
}

// handle handles a command that is neither header nor body. It passes only the connect
// and the end of the connection to go-milter, which would answer every other command in a
// new buffer.
func (c *Conn) handle(cmd byte, data []byte) error {
	switch gomilter.Code(cmd) {
	case gomilter.CodeMacro:
		c.macros.read(data)
	case gomilter.CodeConn:
		connect, err := parseConnect(data)
		if err != nil {
			return err
		}
		c.abort()
		c.macros.connected()
		c.passOn(cmd, packet(cmd, connect))
	case gomilter.CodeQuit:
		c.passOn(cmd, packet(cmd, nil))
	case gomilter.CodeHelo:
		c.expect(cmd)
		c.abort()
		c.session.Helo(strings.TrimSuffix(string(data), "\x00"))
		c.goOn()
	case gomilter.CodeMail:
		c.expect(cmd)
		c.abort()
		c.setInMessage(true)
		c.macros.mailFrom()
		c.session.MailFrom(Sender{Path: path(data), User: c.macros.login(), TLS: c.macros.tls})
		c.goOn()
	case gomilter.CodeRcpt:
		c.expect(cmd)
		c.rcptTo(path(data))
	case gomilter.CodeEOH:
		c.expect(cmd)
		if c.state.message {
			c.session.EndOfHeader()
		}
		c.goOn()
	case gomilter.CodeAbort:
		c.expect(cmd)
		c.abort()
		c.macros.beginMail()
	case gomilter.CodeData, codeUnknown:
		// go-milter would close the connection at an unknown SMTP command.
		c.expect(cmd)
		c.goOn()
	case gomilter.CodeQuitNewConn:
		// The next packet is the connect of another SMTP session.
		c.abort()
		c.session.Close()
		c.macros, c.client = macros{}, netip.Addr{}
	case gomilter.CodeOptNeg:
		return fmt.Errorf("%w: a second option negotiation", errProtocol)
	default:
		return fmt.Errorf("%w: unknown command %q", errProtocol, cmd)
	}
	return nil
}

// abort ends a message that has no verdict. Postfix sends Abort after every message.
// Sendmail sends it only after RSET, and otherwise just begins another message.
func (c *Conn) abort() {
	if c.state.message {
		c.session.Abort()
		c.setInMessage(false)
	}
}

// rcptTo handles a recipient, and sends the session's reply if the MTA waits for one.
func (c *Conn) rcptTo(path string) {
	var r Reply
	if c.state.message {
		r = c.session.RcptTo(Recipient{Path: path, Addr: c.macros.recipient()})
	}
	if r.Text == "" || !c.owed {
		c.goOn()
		return
	}
	answer := final(r).Response()
	c.emit(packet(answer.Code, answer.Data))
}

// passOn has go-milter read a packet next.
func (c *Conn) passOn(cmd byte, p []byte) {
	c.expect(cmd)
	c.passed = p
}

// path returns the address in the payload of MAIL or RCPT without its brackets. A NUL and
// the ESMTP arguments follow it.
func path(data []byte) string {
	addr, _, _ := bytes.Cut(data, []byte{0})
	return string(bytes.Trim(addr, "<>"))
}

// packet returns a whole packet.
func packet(cmd byte, data []byte) []byte {
	p := make([]byte, 5, 5+len(data))
	binary.BigEndian.PutUint32(p, uint32(len(data)+1))
	p[4] = cmd
	return append(p, data...)
}
