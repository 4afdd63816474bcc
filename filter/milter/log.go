package milter

import (
	"go.uber.org/zap"

	"github.com/postvet/postvet/policy/foreign"
)

// maxLogged bounds each foreign text in a log line, in octets.
const maxLogged = 256

// text returns a field that holds foreign text.
func text(key, s string) zap.Field { return zap.String(key, foreign.Terminal(s, maxLogged)) }

// zapQueue returns the queue id of the connection's current message, or of its
// last.
func (c *Conn) zapQueue() zap.Field { return text("queue", c.QueueID()) }

// A command or a reply of the protocol is one octet, which may be anything.
func zapCommand(cmd byte) zap.Field { return text("command", string(rune(cmd))) }
func zapReply(code byte) zap.Field  { return text("reply", string(rune(code))) }

// zapError is zap.Error for errors that may hold foreign text.
func zapError(err error) zap.Field { return text("error", err.Error()) }

// clientText returns the client as logs show it: "" if the MTA gave no address.
func (c *Conn) clientText() string {
	if !c.client.IsValid() {
		return ""
	}
	return c.client.String()
}
