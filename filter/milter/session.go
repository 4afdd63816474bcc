package milter

import (
	"context"
	"net/netip"
)

// Session handles the commands of one connection: SMTP sessions one after the other, and
// their messages. Its methods are called from one goroutine, and those of a message only
// between its MAIL and its end.
type Session interface {
	// AnswersRcpt reports whether RcptTo may refuse a recipient. It is called once,
	// when the connection is negotiated. If it is false, the MTA does not wait for
	// the reply of RcptTo.
	AnswersRcpt() bool

	// Connect begins an SMTP session.
	Connect(c Client)
	// Helo receives the client's HELO name. A client may send another, as after
	// STARTTLS.
	Helo(name string)
	// MailFrom begins a message, which ends with VerdictSent or Abort.
	MailFrom(s Sender)
	// RcptTo receives a recipient. The reply is dropped if the MTA does not wait for
	// it (Conn.AwaitsReply).
	RcptTo(r Recipient) Reply
	// HeaderRoom returns how many octets of the next field the session accepts. Only
	// the start of a larger field is read.
	HeaderRoom() int
	// Header receives a field.
	Header(f Field)
	// EndOfHeader follows the last field.
	EndOfHeader()
	// Body receives the next octets of the body. They may be cut anywhere, and are
	// overwritten after the call.
	Body(p []byte)
	// EndOfMessage returns the verdict. ctx ends after Options.VerdictTimeout, or
	// when the connection to the MTA is lost.
	EndOfMessage(ctx context.Context) Verdict
	// VerdictSent is called after the verdict was sent. err says why it could not be
	// sent.
	VerdictSent(err error)
	// Abort ends a message without a verdict: the client reset it, greeted again
	// (RFC 5321 section 4.1.4), began another message or left.
	Abort()

	// Close ends the SMTP session and all that belongs to it. It is called before
	// each Connect, and when the connection ends.
	Close()
	// Panicked receives the value of a panic in the Session or in this package. It is
	// called from a deferred function, and the connection then ends.
	Panicked(v any)
}

// Client is the SMTP client that connected to the MTA.
type Client struct {
	Addr netip.Addr // invalid if the MTA does not know it
	Port uint16
	// Name is the name that the MTA found in the DNS, or its substitute for one.
	Name string
	// Local reports whether the message was submitted on the MTA's own machine.
	Local bool
	// Daemon is the MTA's name for the port that the client connected to.
	Daemon string
	// MTA is what the MTA calls itself: "Postfix 3.9.0", and Sendmail "8.18.1".
	MTA string
}

// Sender is the sender of a message.
type Sender struct {
	Path string // the reverse-path without angle brackets
	User string // the user who logged in or, without a name, the method; "" for none
	TLS  string // the version; "" without TLS
}

// Recipient is an address. Path is as the client wrote it, without angle brackets. Addr is
// as the MTA parsed it, "" if the MTA does not send it.
type Recipient struct{ Path, Addr string }

// Field is a header field as it was received, except that the MTA folds lines with LF.
type Field struct {
	Name string
	// Value is what follows the colon, white space included. If Conn.ExactHeader is
	// false, the space at its start is a guess.
	Value string
	// Fits is false if the field is larger than HeaderRoom.
	Fits bool
	// Truncated is true if the end of the value is missing.
	Truncated bool
}

// Verdict is the reply and the changes for a message. A message that is refused or
// discarded is not changed.
type Verdict struct {
	Reply Reply

	// Change, Remove and Insert are the changes to the header. Inserted fields are above the
	// MTA's own Received, the last one uppermost.
	Change []FieldChange
	Remove []FieldRef
	// Append are fields that the MTA would add to a message without them. It puts them at
	// the end of the header, Sendmail in place of its own.
	Append []NewField
	Insert []NewField
	// Add and Delete are the changes to the recipients, without angle brackets.
	Add, Delete []string
	// Quarantine is the reason to hold the message, "" if it is not held.
	Quarantine string
}

// Reply is the reply to the SMTP client. The zero value lets it continue, which at a
// message's end means acceptance.
type Reply struct {
	// Text is the refusal for the client, "550 5.7.26 ...", with a code that
	// ValidCode accepts.
	Text string
	// Discard accepts the message and drops it.
	Discard bool
}

// FieldRef is a field by name and occurrence, counted from 1 in the received
// order.
type FieldRef struct {
	Name       string
	Occurrence int
}

// FieldChange gives a field another value, which is not empty.
type FieldChange struct {
	FieldRef
	Value string
}

// NewField is a field to insert. Its name is one that ValidName accepts.
type NewField struct{ Name, Value string }
