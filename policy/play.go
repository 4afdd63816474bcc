package policy

import (
	"context"
	"io"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Play evaluates a stored message as if it arrived now. It makes the calls of the
// conversation that a milter session makes one by one, as its MTA's commands arrive.
// The body is written by body, with CRLF line ends; header and body are nil if there
// is only an envelope.
//
// atRecipient is what [Message.Early] knows at the first recipient, and nil
// unless early asks for it. The error is that of body.
func (c *Checker) Play(ctx context.Context, e message.Envelope, header message.Header, body io.WriterTo, early bool) (atRecipient, atEnd *result.Results, err error) {
	conn := c.Connect(ctx, e.Client)
	defer conn.Close()
	conn.Helo(e.Helo)
	m := conn.Message(e.Sender)
	defer m.Close()
	for _, r := range e.Recipients {
		m.Recipient(r)
	}
	if early {
		atRecipient = m.Early(ctx)
	}
	for _, f := range header {
		m.Field(f)
	}
	m.EndOfHeader()
	if body != nil {
		if _, err := body.WriteTo(m); err != nil {
			return nil, nil, err
		}
	}
	return atRecipient, m.Finish(ctx), nil
}
