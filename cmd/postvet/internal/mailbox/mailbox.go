// Package mailbox reads stored messages: a file with one message, an mbox (RFC
// 4155), what "postcat -q" of Postfix prints, all of these also as gzip and with a
// byte order mark, and folders of such files, Maildir among them. It also finds the
// envelope of a stored message.
//
// Nothing is read into memory but the header of one message: a body is read while
// it is written on.
//
// # Envelopes
//
// A stored message does not say who sent it from where. That stands in a file
// beside it, whose name is the message's with ".envelope" behind, one "key value"
// a line:
//
//	ip 192.0.2.1
//	helo mx.example.org
//	mail-from ann@example.org
//	rcpt bob@example.net
//
// with "rcpt" for each recipient, and user, tls, listener and time (RFC 3339 or
// Unix seconds) where they matter. Lines that begin with "#" are comments. Beside
// an mbox it holds for all messages.
//
// Or the envelope stands in fields on top of the message, X-Envelope-IP, -Helo,
// -From, -To, -User, -TLS, -Listener and -Time, which are no part of the message.
//
// What postcat prints has the envelope as Postfix recorded it.
//
// Without any of these, sender and recipient are taken from the fields that
// deliveries leave on top: Return-Path, X-Original-To, Delivered-To and Envelope-To.
// On request, client, login and time are those of the last hop into this host, see
// [Message.TakeEnvelope].
package mailbox

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/policy/message"
)

// ErrTooLarge is the error for a message over the limit of its Reader.
var ErrTooLarge = errors.New("mailbox: the message is too large")

// Message is one stored message.
type Message struct {
	// Header is empty if what was read is no message.
	Header message.Header

	// Notes say what was passed over, in words for a person.
	Notes []string

	file   string    // "" if it came from no file
	stored *Envelope // what the mailbox itself says; nil for nothing
	wrong  error     // and what is wrong with that
	body   *message.Reader
}

// WriteTo writes the body with CRLF line ends. It may be called until the next
// message is read.
func (m *Message) WriteTo(w io.Writer) (int64, error) { return m.body.WriteTo(w) }

// Body returns the body as it is stored, to be read in place of WriteTo, until the next
// message is read.
func (m *Message) Body() (io.Reader, error) { return m.body.Body() }

// Reader reads the messages of one file or of another input.
type Reader struct {
	name   string // of the input, for a person
	file   string // "" if it is no file
	closer io.Closer
	limit  int64
	text   *bufio.Reader
	notes  []string
	parts  parts // nil if the input is one message
	ended  bool  // and it was returned
}

// parts reads one message of an input after the other. next goes to the beginning
// of the next message. It returns io.EOF if there is none, or if the input could not
// be read to its end.
type parts interface {
	next() error
	io.Reader
}

// Open opens a file or a pipe as [input.Open] does.
func Open(name string) (*Reader, error) {
	f, err := input.Open(name)
	if err != nil {
		return nil, err
	}
	return newReader(f, Reader{name: name, file: name, closer: f})
}

// OpenRegular opens a regular file, whose messages have at most limit octets each.
func OpenRegular(name string, limit int64) (*Reader, error) {
	f, err := input.OpenRegular(name)
	if err != nil {
		return nil, err
	}
	return newReader(f, Reader{name: name, file: name, closer: f, limit: limit})
}

// NewReader returns a reader of the messages in r. name is that of the input, for
// a person.
func NewReader(r io.Reader, name string) (*Reader, error) {
	return newReader(r, Reader{name: name, closer: io.NopCloser(nil)})
}

// NewBounded is NewReader for messages of at most limit octets each.
func NewBounded(r io.Reader, name string, limit int64) (*Reader, error) {
	return newReader(r, Reader{name: name, closer: io.NopCloser(nil), limit: limit})
}

// newReader looks at how the input begins.
func newReader(r io.Reader, b Reader) (*Reader, error) {
	err := b.begin(r)
	if err != nil {
		_ = b.closer.Close()
		return nil, err
	}
	return &b, nil
}

func (b *Reader) begin(r io.Reader) error {
	b.text = bufio.NewReader(r)
	magic, err := peek(b.text, 3)
	if err != nil {
		return err
	}
	if bytes.Equal(magic, []byte{0x1f, 0x8b, 8}) { // RFC 1952 section 2.3.1
		unpacked, err := gzip.NewReader(b.text)
		if err != nil {
			return err
		}
		b.text = bufio.NewReader(unpacked)
		if magic, err = peek(b.text, 3); err != nil {
			return err
		}
	}
	if bytes.Equal(magic, []byte("\xef\xbb\xbf")) {
		_, _ = b.text.Discard(len(magic))
		b.notes = append(b.notes, "a byte order mark before the first field was passed over")
	}
	ahead, err := peek(b.text, maxSeparator)
	if err != nil {
		return err
	}
	switch line, _, ended := bytes.Cut(ahead, []byte("\n")); {
	case ended && isSeparator(line):
		b.parts = &mbox{text: b.text}
	case isPostcat(ahead):
		b.parts = &postcat{text: b.text}
	}
	return nil
}

// Name returns the name of the input.
func (b *Reader) Name() string { return b.name }

// Close closes the file.
func (b *Reader) Close() error { return b.closer.Close() }

// peek returns the next n octets, fewer at the end.
func peek(r *bufio.Reader, n int) ([]byte, error) {
	b, err := r.Peek(n)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b, err
}

// Next returns the next message, or io.EOF after the last one. It passes over what
// is left of the message before. A file that is no mbox is one message. After an
// error the message is nil if there is nothing that could follow it.
func (b *Reader) Next() (*Message, error) {
	var text io.Reader = b.text
	switch {
	case b.parts == nil && b.ended:
		return nil, io.EOF
	case b.parts == nil:
		b.ended = true
	default:
		if err := b.parts.next(); err != nil {
			return nil, err
		}
		text = b.parts
	}
	if b.limit > 0 {
		text = &limited{text, b.limit}
	}
	m := &Message{Notes: b.notes, file: b.file, body: message.NewReader(text)}
	b.notes = nil
	if p, ok := b.parts.(*postcat); ok {
		m.stored, m.wrong = p.envelope, p.problem
	}
	var err error
	m.Header, err = m.body.Header()
	return m, err
}

// limited is a reader that ends in ErrTooLarge where io.LimitReader ends in io.EOF.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}
