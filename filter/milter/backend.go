package milter

import (
	"context"
	"net"

	gomilter "github.com/emersion/go-milter"
)

// backend receives the connect and the end of a message from go-milter. The other
// commands do not reach go-milter.
type backend struct {
	gomilter.NoOpMilter
	c *Conn
}

// Connect begins an SMTP session.
func (b backend) Connect(host, family string, port uint16, addr net.IP, _ *gomilter.Modifier) (gomilter.Response, error) {
	c := b.c
	defer c.recovered(&c.reason)
	c.server.count.sessions.Add(1)
	client := c.newClient(host, family, port, addr)
	c.session.Close()
	c.client = client.Addr
	c.session.Connect(client)
	if !c.owed {
		return nil, nil
	}
	return gomilter.RespContinue, nil
}

// Body ends a message. Its reply ends in (*Conn).verdictOut.
func (b backend) Body(mod *gomilter.Modifier) (gomilter.Response, error) {
	c := b.c
	defer c.recovered(&c.reason)
	if !c.state.message {
		// An MTA does not end a message that it did not begin.
		c.server.count.protocolErrors.Add(1)
		return final(Reply{Text: "451 4.3.0 Please try again later"}), nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.server.opt.VerdictTimeout)
	c.progress.start(c, cancel)
	v := c.session.EndOfMessage(ctx)
	c.progress.stop()
	cancel()
	c.edit(mod, v)
	return final(v.Reply), nil
}

// final returns go-milter's response for a reply. Its Continue is true, because after
// any other response go-milter uses a new backend.
func final(r Reply) gomilter.Response {
	switch {
	case r.Discard:
		return discard{}
	case r.Text == "":
		return gomilter.RespContinue
	}
	return gomilter.NewResponseStr(byte(gomilter.ActReplyCode), replyText(r.Text))
}

// discard is go-milter's RespDiscard with a Continue that is true.
type discard struct{}

func (discard) Response() *gomilter.Message { return gomilter.RespDiscard.Response() }
func (discard) Continue() bool              { return true }
