package submission

import "context"

// Probe asks the MTA whether it would take a message from one address for another, and
// leaves without sending one. The answer is that to the recipient, or that of the stage
// that failed before it.
func (c *Client) Probe(ctx context.Context, from, to string) Answer {
	return c.do(ctx, func(s *session) Answer { return s.probe(from, to) })
}

func (s *session) probe(from, to string) Answer {
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
