package submission

import "context"

// Probe asks the MTA whether it would take a message from one address for another, and
// leaves without sending one. The answer is that to the recipient, or that of the stage
// that failed before it.
func (c *Client) Probe(ctx context.Context, from, to string) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	s := &session{client: c, ctx: ctx, stage: Connect}
	defer s.close()
	if err := s.open(); err != nil {
		return s.failed(err)
	}
	if err := s.login(); err != nil {
		return s.failed(err)
	}
	s.stage = Mail
	if err := s.smtp.Mail(from, nil); err != nil {
		return s.failed(err)
	}
	s.stage = Recipient
	if err := s.smtp.Rcpt(to, nil); err != nil {
		return s.failed(err)
	}
	s.quit()
	return Answer{Result: Accepted, Stage: Recipient, Code: 250}
}
