package milter

import (
	"context"
	"net/netip"
)

// Session hears what the MTA says on one connection: SMTP sessions one after the
// other, and their messages. Its methods are called from one goroutine, and those
// of a message only between its MAIL and its end.
type Session interface {
	// AnswersRcpt reports whether RcptTo may refuse a recipient. It is asked once,
	// when the connection is negotiated; if it is false, the MTA does not wait for
	// what RcptTo answers.
	AnswersRcpt() bool

	// Connect begins an SMTP session.
	Connect(c Client)
	// Helo takes the name that the client gives itself. A client may greet again,
	// as after STARTTLS.
	Helo(name string)
	// MailFrom begins a message, which ends with VerdictSent or Abort.
	MailFrom(s Sender)
	// RcptTo takes a recipient. Where the MTA does not wait for an answer
	// (Conn.AwaitsReply), the answer is dropped.
	RcptTo(r Recipient) Reply
	// HeaderRoom returns how many octets of the next field are of use. Of a larger
	// one only the beginning is read.
	HeaderRoom() int
	// Header takes a field.
	Header(f Field)
	// EndOfHeader follows the last field.
	EndOfHeader()
	// Body takes the next octets of the body, which may be cut anywhere, and are
	// overwritten after the call.
	Body(p []byte)
	// EndOfMessage returns the verdict. ctx ends with Options.VerdictTimeout, or
	// when the MTA turns out to be gone.
	EndOfMessage(ctx context.Context) Verdict
	// VerdictSent is called when the verdict was sent; err says why it could not
	// be.
	VerdictSent(err error)
	// Abort ends a message without a verdict: the client reset it, greeted again
	// (RFC 5321 section 4.1.4), began another message or left.
	Abort()

	// Close ends the SMTP session and all that belongs to it. It is called before
	// each Connect, and when the connection ends.
	Close()
	// Panicked takes the value of a panic in the Session or in this package, in a
	// deferred call. The connection then ends.
	Panicked(v any)
}

// Client is who connected to the MTA.
type Client struct {
	Addr netip.Addr // invalid if the MTA knows none
	Port uint16
	// Name is what the MTA found in the DNS, or what it writes in its place.
	Name string
	// Local reports whether the message was submitted on the MTA's own machine.
	Local bool
	// Daemon is the MTA's name for the port that the client connected to.
	Daemon string
}

// Sender is what is known at MAIL.
type Sender struct {
	Path string // the reverse-path without angle brackets
	User string // who logged in, or by which method; "" if nobody
	TLS  string // the version; "" without TLS
}

// Recipient is an address as the client wrote it, without angle brackets, and as
// the MTA reads it ("" if it does not tell).
type Recipient struct{ Path, Addr string }

// Field is a header field as it was received, but for line ends: the MTA folds
// with LF.
type Field struct {
	Name string
	// Value follows the colon, white space included. Where Conn.ExactHeader is
	// false, the blank that it begins with is a guess.
	Value string
	// Fits reports whether the field was not larger than HeaderRoom.
	Fits bool
	// Truncated reports whether the end of the value is missing.
	Truncated bool
}

// Verdict is what the MTA is to do with a message. A message that is refused or
// discarded is not changed.
type Verdict struct {
	Reply Reply

	// Remove and Insert are the changes to the header. The last field of Insert
	// ends uppermost, above the MTA's own Received.
	Remove []FieldRef
	Insert []NewField
	// Add and Delete are the changes to the recipients, without angle brackets.
	Add, Delete []string
	// Quarantine is why the MTA is to hold the message, "" if it is not.
	Quarantine string
}

// Reply is what the SMTP client is told. The zero value lets it go on, which at
// a message's end means acceptance.
type Reply struct {
	// Text is the refusal as the client is to see it, "550 5.7.26 ...", with a
	// code that ValidCode accepts.
	Text string
	// Discard tells the client that the message was accepted, and drops it.
	Discard bool
}

// FieldRef is a field by name and occurrence, counted from 1 in the received
// order.
type FieldRef struct {
	Name       string
	Occurrence int
}

// NewField is a field to insert. Its name is one that ValidName accepts.
type NewField struct{ Name, Value string }
