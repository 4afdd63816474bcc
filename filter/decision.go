package filter

import (
	"strings"
	"time"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Decision is the outcome of one message.
type Decision struct {
	QueueID string
	// Client and Helo are the client that connected. Results.Client is the client
	// that was evaluated, which differs behind a trusted relay.
	Client message.Client
	Helo   string
	From   string
	// Recipients is the number of recipients.
	Recipients int
	// To are the recipients that are remembered, at most Options.MaxRecipients.
	To []milter.Recipient
	// MessageID is the beginning of the first Message-ID field.
	MessageID string
	// Early reports whether the message was refused at its first recipient, before
	// it was sent.
	Early bool
	// Traced reports whether Results has a trace.
	Traced bool
	// Results is never nil.
	Results *result.Results
	Verdict result.Verdict
	// Generation is that of the Handler.
	Generation int64
	// Shadow is the verdict of the shadow policy; nil if there is none.
	Shadow *result.Verdict
	// Reply is the reply that the MTA sends, "" if it accepts the message with its
	// own.
	Reply string
	// ExactHeader reports whether the header's white space arrived unchanged, so
	// that simple canonicalization (RFC 6376 section 3.4.1) is reliable.
	ExactHeader bool
	// Faults are internal errors, and parts of the verdict that the MTA does not
	// support.
	Faults []string
	// Began is the time of MAIL and Ended that of the message's end. Took is the
	// time from Ended to the verdict.
	Began, Ended time.Time
	Took         time.Duration
	// Copy is the copy of the message, nil for none. Options.OnMessage takes it over.
	Copy Copy
	// Err is the reason why the verdict did not reach the MTA, nil if it did.
	Err error
}

// newDecision returns the decision about a message that is not decided yet.
func (s *session) newDecision(m *mail) *Decision {
	return &Decision{
		QueueID:     s.conn.QueueID(),
		Client:      s.client,
		Helo:        s.helo,
		From:        m.from,
		Recipients:  m.rcpts,
		To:          m.to,
		MessageID:   m.id,
		Traced:      m.traced,
		Generation:  m.generation,
		ExactHeader: s.conn.ExactHeader(),
		Began:       m.began,
		Ended:       time.Now(),
	}
}

// refuse records the reply of a verdict that refuses, and returns it for the MTA.
func (d *Decision) refuse() milter.Verdict {
	ref := d.Results.Reference
	if ref != 0 && !strings.Contains(d.Verdict.Text, ref.String()) { // one that the rules have not made
		d.Verdict.Text = ref.AddTo(d.Verdict.Text)
	}
	reply := refusal(d.Verdict)
	d.Reply = reply.Text
	return milter.Verdict{Reply: reply}
}
