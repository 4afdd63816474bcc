package filter

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/emersion/go-milter"
)

// What we ask for, each bit only if the MTA offers it: Sendmail refuses a
// milter for an unknown bit, Postfix for an unknown action.
//
// The MTA waits for us only where we might have something to say: at MAIL, so
// that what it knows by then reaches us and the look-ups begin (Postfix collects
// what needs no answer), at RCPT if the rules refuse there, and at the end.
//
// Not asked: NR_DATA and NR_UNKN, because go-milter answers these commands
// anyway and the MTA would take that answer for the verdict; RCPT_REJ.
const (
	wantedActions = milter.OptAddHeader | milter.OptChangeHeader | milter.OptQuarantine | milter.OptSetSymList |
		milter.OptAddRcpt | milter.OptRemoveRcpt // to redirect

	wantedProtocol = milter.OptNoUnknown | milter.OptNoData |
		milter.OptNoConnReply | milter.OptNoHeloReply | milter.OptNoRcptReply |
		milter.OptNoHeaderReply | milter.OptNoEOHReply | milter.OptNoBodyReply |
		milter.OptHeaderLeadingSpace
)

// maxVersion is the protocol version of libmilter 8.14 and later.
const maxVersion = 6

// macroLists are the macros that we ask for by stage; they replace the MTA's
// list. The list of EOM is used by Sendmail only if there is one for EOH.
// Postfix knows the queue id late and Sendmail tells it early, so it is asked
// for everywhere.
var macroLists = map[milter.Stage][]string{
	milter.StageConnect:  {"j", "{daemon_name}", "{client_addr}", "{client_name}", "{client_ptr}", "{client_port}", "v", "_"},
	milter.StageHelo:     {"{tls_version}", "{cipher}", "{cipher_bits}"},
	milter.StageMailFrom: {"i", "{auth_type}", "{auth_authen}", "{auth_author}", "{mail_addr}", "{tls_version}"},
	milter.StageRcptTo:   {"i", "{rcpt_addr}"},
	milter.StageData:     {"i"},
	milter.StageEOH:      {"i"},
	milter.StageEOM:      {"i", "{auth_authen}", "{auth_type}"},
}

// agreement is what was negotiated.
type agreement struct {
	version  uint32
	actions  milter.OptAction
	protocol milter.OptProtocol
}

var errOffer = errors.New("malformed option negotiation")

// negotiate reads the payload of the MTA's offer. early tells that recipients
// may be refused.
func negotiate(offer []byte, early bool) (agreement, error) {
	if len(offer) < 12 {
		return agreement{}, errOffer
	}
	version := binary.BigEndian.Uint32(offer)
	if version < 2 {
		return agreement{}, fmt.Errorf("the MTA speaks version %d of the protocol, at least 2 is needed", version)
	}
	a := agreement{
		version:  min(version, maxVersion),
		actions:  wantedActions & milter.OptAction(binary.BigEndian.Uint32(offer[4:])),
		protocol: wantedProtocol & milter.OptProtocol(binary.BigEndian.Uint32(offer[8:])),
	}
	if early {
		a.protocol &^= milter.OptNoRcptReply
	}
	if version < 6 {
		a.actions &^= milter.OptSetSymList
	}
	return a, nil
}

func (a agreement) can(x milter.OptAction) bool { return a.actions&x != 0 }

// silent reports whether the MTA waits for no reply to a stage.
func (a agreement) silent(bit milter.OptProtocol) bool { return a.protocol&bit != 0 }

// exactHeader tells that header values arrive, and are to be sent, with all
// white space after the colon. Otherwise the MTA eats and adds one blank.
func (a agreement) exactHeader() bool { return a.silent(milter.OptHeaderLeadingSpace) }

// replyDue reports whether the MTA waits for an answer to a command.
func (a agreement) replyDue(cmd byte) bool {
	switch milter.Code(cmd) {
	case milter.CodeAbort, milter.CodeQuit, milter.CodeQuitNewConn, milter.CodeMacro:
		return false
	}
	return !a.silent(noReply(cmd))
}

// noReply is the bit by which the answer to a command is left out, 0 if there is
// none or it is never asked for.
func noReply(cmd byte) milter.OptProtocol {
	switch milter.Code(cmd) {
	case milter.CodeConn:
		return milter.OptNoConnReply
	case milter.CodeHelo:
		return milter.OptNoHeloReply
	case milter.CodeRcpt:
		return milter.OptNoRcptReply
	case milter.CodeHeader:
		return milter.OptNoHeaderReply
	case milter.CodeEOH:
		return milter.OptNoEOHReply
	case milter.CodeBody:
		return milter.OptNoBodyReply
	}
	return 0
}

// server makes the go-milter server for one connection.
func (a agreement) server(backend milter.Milter) *milter.Server {
	return &milter.Server{
		NewMilter: func() milter.Milter { return backend },
		Actions:   a.actions,
		Protocol:  a.protocol,
		SymList:   macroLists,
	}
}
