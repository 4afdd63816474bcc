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
	err = c.play(ctx, e, header, body, early, func(first, last *result.Results, _ *Message) { atRecipient, atEnd = first, last })
	return atRecipient, atEnd, err
}

// PlayVerdict is Play with a decision about the results, after which the message is sealed
// as far as Options.Sealing has it.
func (c *Checker) PlayVerdict(ctx context.Context, e message.Envelope, header message.Header, body io.WriterTo, early bool,
	decide func(atRecipient, atEnd *result.Results) result.Verdict,
) (r *result.Results, v result.Verdict, err error) {
	err = c.play(ctx, e, header, body, early, func(first, last *result.Results, m *Message) {
		r, v = last, decide(first, last)
		m.Seal(ctx, r, &v)
	})
	return r, v, err
}

// play calls done with the results before it closes the message.
func (c *Checker) play(ctx context.Context, e message.Envelope, header message.Header, body io.WriterTo, early bool, done func(atRecipient, atEnd *result.Results, m *Message)) error {
	conn := c.Connect(ctx, e.Client)
	defer conn.Close()
	conn.Helo(e.Helo)
	m := conn.Message(e.Sender)
	defer m.Close()
	for _, r := range e.Recipients {
		m.Recipient(r)
	}
	var atRecipient *result.Results
	if early {
		atRecipient = m.Early(ctx)
	}
	for _, f := range header {
		m.Field(f)
	}
	m.EndOfHeader()
	if body != nil {
		if _, err := body.WriteTo(m); err != nil {
			return err
		}
	}
	done(atRecipient, m.Finish(ctx), m)
	return nil
}
