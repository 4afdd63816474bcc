package milter

import (
	"encoding/binary"
	"errors"
	"fmt"

	gomilter "github.com/emersion/go-milter"
)

// wantedActions and wantedProtocol are the actions and protocol options that we ask for.
// Each bit is asked for only if the MTA offers it, because Sendmail refuses a milter for
// an unknown bit, and Postfix for an unknown action.
//
// The MTA waits for our answer only at MAIL, at RCPT if the Session may refuse there, and
// at the end of the message; also at RCPT and DATA with Options.AnswerEnvelope. Postfix delays commands that need no answer; the answer to
// MAIL makes it send them, so that the lookups begin.
//
// We do not ask for NR_DATA and NR_UNKN, because go-milter answers these commands anyway
// and the MTA would take that answer for the verdict. We do not ask for RCPT_REJ either.
const (
	wantedActions = gomilter.OptAddHeader | gomilter.OptChangeHeader | gomilter.OptQuarantine | gomilter.OptSetSymList |
		gomilter.OptAddRcpt | gomilter.OptRemoveRcpt // to redirect

	wantedProtocol = gomilter.OptNoUnknown | gomilter.OptNoData |
		gomilter.OptNoConnReply | gomilter.OptNoHeloReply | gomilter.OptNoRcptReply |
		gomilter.OptNoHeaderReply | gomilter.OptNoEOHReply | gomilter.OptNoBodyReply |
		gomilter.OptHeaderLeadingSpace
)

// maxVersion is the protocol version of libmilter 8.14 and later.
const maxVersion = 6

// macroLists are the macros that we ask for, by stage. They replace the MTA's list.
// Sendmail uses the list of EOM only if there is one for EOH. Postfix knows the queue id
// late, and Sendmail sends it early, so we ask for it at each stage.
var macroLists = []struct {
	stage  gomilter.Stage
	macros string
}{
	{gomilter.StageConnect, "j {daemon_name} {client_addr} {client_name} {client_ptr} {client_port} v _"},
	{gomilter.StageHelo, "{tls_version} {cipher} {cipher_bits}"},
	{gomilter.StageMailFrom, "i {auth_type} {auth_authen} {auth_author} {mail_addr} {tls_version}"},
	{gomilter.StageRcptTo, "i {rcpt_addr}"},
	{gomilter.StageData, "i"},
	{gomilter.StageEOM, "i {auth_authen} {auth_type}"},
	{gomilter.StageEOH, "i"},
}

// agreement is the result of the negotiation.
type agreement struct {
	version  uint32
	actions  gomilter.OptAction
	protocol gomilter.OptProtocol
}

// negotiate reads the MTA's offer, which go-milter then reads and answers.
func (c *Conn) negotiate() (err error) {
	defer c.recovered(&err)
	cmd, n, err := c.packetHeader()
	if err != nil {
		return err
	}
	if gomilter.Code(cmd) != gomilter.CodeOptNeg || n > maxPacket {
		return fmt.Errorf("%w: the first packet is %q of %d octets, not an offer", errProtocol, cmd, n)
	}
	data, err := c.payload(n)
	if err != nil {
		return err
	}
	if c.agreed, err = agree(data, c.server.opt.AnswerEnvelope || c.session.AnswersRcpt(), c.server.opt.AnswerEnvelope); err != nil {
		return err
	}
	c.reportMissing()
	c.offer = packet(cmd, data)
	return nil
}

// agree returns the answer to an offer. answersRcpt is true if recipients may be refused.
// answersData is true if the MTA is to send DATA and to wait there.
func agree(offer []byte, answersRcpt, answersData bool) (agreement, error) {
	if len(offer) < 12 {
		return agreement{}, errors.New("malformed option negotiation")
	}
	version := binary.BigEndian.Uint32(offer)
	if version < 2 {
		return agreement{}, fmt.Errorf("the MTA speaks version %d of the protocol, at least 2 is needed", version)
	}
	a := agreement{
		version:  min(version, maxVersion),
		actions:  wantedActions & gomilter.OptAction(binary.BigEndian.Uint32(offer[4:])),
		protocol: wantedProtocol & gomilter.OptProtocol(binary.BigEndian.Uint32(offer[8:])),
	}
	if answersRcpt {
		a.protocol &^= gomilter.OptNoRcptReply
	}
	if answersData {
		a.protocol &^= gomilter.OptNoData
	}
	if version < 6 {
		a.actions &^= gomilter.OptSetSymList
	}
	return a, nil
}

// answer returns the packet that answers the offer. It is the same on each connection,
// since a proxy between us and the MTA may compare them: go-milter would name the stages
// of the macros in another order each time, and version 2 always.
func (a agreement) answer() []byte {
	data := binary.BigEndian.AppendUint32(nil, a.version)
	data = binary.BigEndian.AppendUint32(data, uint32(a.actions))
	data = binary.BigEndian.AppendUint32(data, uint32(a.protocol))
	if a.can(gomilter.OptSetSymList) {
		for _, l := range macroLists {
			data = binary.BigEndian.AppendUint32(data, uint32(l.stage))
			data = append(append(data, l.macros...), 0)
		}
	}
	return packet(byte(gomilter.CodeOptNeg), data)
}

func (a agreement) can(x gomilter.OptAction) bool { return a.actions&x != 0 }

// exactHeader reports whether header values are exchanged with all white space after the
// colon. Otherwise the MTA removes one space from the values it sends, and adds one to the
// values it receives.
func (a agreement) exactHeader() bool { return a.protocol&gomilter.OptHeaderLeadingSpace != 0 }

// replyDue reports whether the MTA waits for an answer to a command.
func (a agreement) replyDue(cmd byte) bool {
	switch gomilter.Code(cmd) {
	case gomilter.CodeAbort, gomilter.CodeQuit, gomilter.CodeQuitNewConn, gomilter.CodeMacro:
		return false
	}
	return a.protocol&noReply(cmd) == 0
}

// noReply returns the bit that declines to answer a command, 0 if we do not ask for one.
func noReply(cmd byte) gomilter.OptProtocol {
	switch gomilter.Code(cmd) {
	case gomilter.CodeConn:
		return gomilter.OptNoConnReply
	case gomilter.CodeHelo:
		return gomilter.OptNoHeloReply
	case gomilter.CodeRcpt:
		return gomilter.OptNoRcptReply
	case gomilter.CodeHeader:
		return gomilter.OptNoHeaderReply
	case gomilter.CodeEOH:
		return gomilter.OptNoEOHReply
	case gomilter.CodeBody:
		return gomilter.OptNoBodyReply
	}
	return 0
}

// ExactHeader reports whether the white space of header fields arrives unchanged,
// so that simple canonicalization (RFC 6376 section 3.4.1) is reliable.
func (c *Conn) ExactHeader() bool { return c.agreed.exactHeader() }

// CanAddFields reports whether the MTA lets us insert header fields.
func (c *Conn) CanAddFields() bool { return c.agreed.can(gomilter.OptAddHeader) }

// CanRemoveFields reports whether the MTA lets us delete header fields.
func (c *Conn) CanRemoveFields() bool { return c.agreed.can(gomilter.OptChangeHeader) }

// CanReplaceRecipients reports whether the MTA lets us add and delete recipients.
func (c *Conn) CanReplaceRecipients() bool {
	return c.agreed.can(gomilter.OptAddRcpt) && c.agreed.can(gomilter.OptRemoveRcpt)
}

// CanQuarantine reports whether the MTA can hold a message.
func (c *Conn) CanQuarantine() bool { return c.agreed.can(gomilter.OptQuarantine) }
