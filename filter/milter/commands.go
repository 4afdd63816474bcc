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
		c.hand(byte(gomilter.CodeOptNeg), c.offer)
		c.offer = nil
		return nil
	}
	c.settle()
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
		// libmilter takes what comes with the end for a last chunk.
		if err := c.body(n); err != nil {
			return err
		}
		c.hand(cmd, packet(cmd, nil))
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

// handle takes a command that is neither header nor body.
//
// HELO, MAIL, RCPT, the end of the header and Abort are all that a message has
// between connect and its end. go-milter would decode them as is done here, and
// make each answer in a buffer of its own, which was a third of the memory that a
// message took.
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
		c.hand(cmd, packet(cmd, connect))
	case gomilter.CodeQuit:
		c.hand(cmd, packet(cmd, nil))
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
		// go-milter would close the connection for an unknown SMTP command.
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

// abort ends a message under way. Postfix says so after every message, Sendmail
// only after RSET: it just begins another message.
func (c *Conn) abort() {
	if c.state.message {
		c.session.Abort()
		c.setInMessage(false)
	}
}

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

// hand makes a packet what go-milter reads next.
func (c *Conn) hand(cmd byte, p []byte) {
	c.expect(cmd)
	c.handed = p
}

// path returns the address in the payload of MAIL or RCPT, without its brackets.
// ESMTP arguments follow behind a NUL.
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
