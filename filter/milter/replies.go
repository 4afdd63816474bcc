package milter

import (
	"encoding/binary"

	gomilter "github.com/emersion/go-milter"
)

// expect records the command that the next reply answers.
func (c *Conn) expect(cmd byte) {
	c.command = cmd
	c.owed = c.agreed.replyDue(cmd)
}

// goOn replies "continue" if the MTA waits for a reply.
func (c *Conn) goOn() {
	if c.owed {
		c.reply(byte(gomilter.ActContinue))
	}
}

// replyIfOwed sends a reply if the last command did not get one. Otherwise the MTA would
// wait for it until its own timeout.
func (c *Conn) replyIfOwed() {
	if !c.owed {
		return
	}
	c.server.count.owed.Add(1)
	c.server.log.Error("a reply was due and none was given", c.zapQueue(), zapCommand(c.command))
	if gomilter.Code(c.command) == gomilter.CodeEOB {
		c.reply(byte(gomilter.ActTempFail))
		return
	}
	c.reply(byte(gomilter.ActContinue))
}

func (c *Conn) reply(code byte) { c.emit([]byte{0, 0, 0, 1, code}) }

// collect assembles the packets that go-milter writes in pieces of any size, and emits
// them.
func (c *Conn) collect(p []byte) {
	if len(c.partial) == 0 && len(p) >= 5 && int(binary.BigEndian.Uint32(p)) == len(p)-4 {
		c.emit(p)
		return
	}
	c.partial = append(c.partial, p...)
	for len(c.partial) >= 5 {
		n := int(binary.BigEndian.Uint32(c.partial)) + 4
		if len(c.partial) < n {
			return
		}
		c.emit(c.partial[:n])
		c.partial = append(c.partial[:0], c.partial[n:]...)
	}
}

// emit sends a packet if the MTA waits for it. Otherwise the MTA would take it for the
// answer to its next command.
func (c *Conn) emit(p []byte) {
	code := p[4]
	if modification(code) {
		if gomilter.Code(c.command) == gomilter.CodeEOB && c.owed {
			c.out.append(p)
		} else {
			c.stray(code)
		}
		return
	}
	if !c.owed {
		if code != byte(gomilter.ActContinue) && c.saved == nil {
			c.saved = append([]byte(nil), p...)
		}
		c.stray(code)
		return
	}
	c.owed = false
	switch gomilter.Code(c.command) {
	case gomilter.CodeOptNeg:
		p = c.agreed.answer()
	case gomilter.CodeMail:
		c.saved = nil
	case gomilter.CodeEOB:
		c.verdictOut(p)
		return
	}
	c.out.append(p)
}

// verdictOut sends the reply to a message's end at once. A refusal that could not be sent
// earlier replaces an acceptance.
func (c *Conn) verdictOut(p []byte) {
	if code := gomilter.ActionCode(p[4]); c.saved != nil && (code == gomilter.ActContinue || code == gomilter.ActAccept) {
		p = c.saved
	}
	c.saved = nil
	c.out.append(p)
	err := c.out.flush()
	if c.state.message {
		defer c.setInMessage(false)
		defer c.recovered(&c.reason)
		c.session.VerdictSent(err)
	}
}

func (c *Conn) stray(code byte) {
	c.server.count.stray.Add(1)
	c.server.log.Error("a reply was given and none was due", c.zapQueue(), zapCommand(c.command), zapReply(code))
}

func modification(code byte) bool {
	switch gomilter.ModifyActCode(code) {
	case gomilter.ActAddRcpt, gomilter.ActDelRcpt, gomilter.ActReplBody, gomilter.ActAddHeader,
		gomilter.ActChangeHeader, gomilter.ActInsertHeader, gomilter.ActQuarantine, gomilter.ActChangeFrom:
		return true
	}
	return false
}
