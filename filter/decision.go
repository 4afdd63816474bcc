package filter

import (
	"time"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Decision is what became of one message.
type Decision struct {
	QueueID string
	// Client is who connected, with the name it gave; Results.Client is who was
	// evaluated.
	Client message.Client
	Helo   string
	From   string
	// Recipients counts those that the MTA accepted.
	Recipients int
	// Early reports whether the message was refused at its first recipient, before
	// it was sent.
	Early bool
	// Results is never nil.
	Results *result.Results
	Verdict result.Verdict
	// Shadow is what the shadow policy would have done; nil if there is none.
	Shadow *result.Verdict
	// Reply is what the MTA was told to say, "" for its own words of acceptance.
	Reply string
	// ExactHeader reports whether the header's white space arrived unchanged, so
	// that simple canonicalization (RFC 6376 section 3.4.1) is reliable.
	ExactHeader bool
	// Faults say what failed here, and what could not be carried out.
	Faults []string
	// Began is the time of MAIL, Ended that of the message's end, and Took the time
	// from there to the verdict.
	Began, Ended time.Time
	Took         time.Duration
	// Err is why the verdict did not reach the MTA, nil if it did.
	Err error
}

func (s *session) newDecision(m *mail) *Decision {
	return &Decision{
		QueueID:     s.conn.QueueID(),
		Client:      s.client,
		Helo:        s.helo,
		From:        m.from,
		Recipients:  m.rcpts,
		ExactHeader: s.conn.ExactHeader(),
		Began:       m.began,
		Ended:       time.Now(),
	}
}

// refuse notes the reply of a verdict that refuses.
func (d *Decision) refuse() milter.Verdict {
	reply := refusal(d.Verdict)
	d.Reply = reply.Text
	return milter.Verdict{Reply: reply}
}
