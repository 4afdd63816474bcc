package policy

import (
	"context"
	"net/netip"

	"github.com/postvet/postvet/policy/message"
)

// Exempt says which messages are not checked. The zero value exempts nobody.
type Exempt struct {
	// Addresses are clients that are trusted, such as 127.0.0.0/8 and ::1.
	Addresses []netip.Prefix
	// Authenticated exempts clients that logged in.
	Authenticated bool
	// Local exempts messages submitted on this machine without SMTP.
	Local bool
}

// Checker evaluates messages. It is safe for concurrent use.
type Checker struct{ opt Options }

// NewChecker returns a checker with the defaults filled in.
func NewChecker(o Options) *Checker { return &Checker{opt: o} }

// Connect begins a connection and starts reverse DNS. All that it starts ends
// with ctx or Close.
func (c *Checker) Connect(ctx context.Context, client message.Client) *Conn { return &Conn{} }

// Conn is one SMTP connection. Its methods are called from one goroutine.
type Conn struct{}

// Helo notes the client's name and starts SPF of the HELO identity. It may be
// called again (STARTTLS); the last name counts.
func (c *Conn) Helo(name string) {}

// Message begins a message and starts SPF of MAIL FROM. A message before it
// that was not finished is closed.
func (c *Conn) Message(s message.Sender) *Message { return &Message{} }

// Close ends all that is under way. It is idempotent.
func (c *Conn) Close() {}

// Message is one message on its way in.
type Message struct{}

// Recipient notes a recipient's address without angle brackets.
func (m *Message) Recipient(addr string) {}

// Field takes the next header field.
func (m *Message) Field(f message.Field) {}

// EndOfHeader starts the look-ups that the header calls for.
func (m *Message) EndOfHeader() {}

// Write takes the next bytes of the body, CRLF line ends, cut anywhere. It never fails.
func (m *Message) Write(p []byte) (int, error) { return len(p), nil }

// Finish waits for what is still out, at most until ctx or
// Options.MessageTimeout ends, and returns what was found. EndOfHeader is
// implied if it was not called.
func (m *Message) Finish(ctx context.Context) *Results { return &Results{} }

// Close ends what is under way. It is idempotent and may follow Finish.
func (m *Message) Close() {}
