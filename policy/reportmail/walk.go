package reportmail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// walk is the state of a search.
type walk struct {
	found     func(*Document) error
	list      deviation.List
	mail      *Mail
	where     []string
	documents int
	parts     int
	inside    int      // of how many messages the search is, beside the first
	passed    []string // what was no report, for the error
}

// Read passes each document in r to found: r is a document, an archive or a message. It
// returns what it had to make allowances for. The error is that of found or of r, one of
// the limits, or ErrNoReport. A document whose Body ends in an error does not keep Read
// from the next one, unless found returns it.
func Read(r io.Reader, found func(*Document) error) (deviation.List, error) {
	w := &walk{found: found}
	err := w.top(bufio.NewReaderSize(r, peekSize), 0)
	return w.list, w.end(err)
}

// ReadMessage is Read for a message whose header was read.
func ReadMessage(header message.Header, body io.Reader, found func(*Document) error) (deviation.List, error) {
	w := &walk{found: found}
	err := w.message(header, &limited{r: body, left: MaxMessage, err: ErrMessageTooLarge}, 0)
	return w.list, w.end(err)
}

// end returns the error of a search.
func (w *walk) end(err error) error {
	switch {
	case err != nil:
		return err
	case w.documents > 0:
		return nil
	case len(w.passed) > 0:
		return fmt.Errorf("%w, only %s", ErrNoReport, strings.Join(w.passed, ", "))
	}
	return ErrNoReport
}

// note notes a deviation.
func (w *walk) note(name, format string, args ...any) { w.list.Add(name, 0, "", format, args...) }

// at adds a step to where the search is, until the function that it returns is called.
func (w *walk) at(step string) func() {
	w.where = append(w.where, step)
	return func() { w.where = w.where[:len(w.where)-1] }
}

// pass notes what was no report.
func (w *walk) pass(what string) {
	if len(w.passed) < 5 {
		w.passed = append(w.passed, what)
	}
}

// emit hands a document on.
func (w *walk) emit(d *Document) error {
	w.documents++
	if w.inside > 0 {
		w.note(Forwarded, "the report is in a message inside of the message")
	}
	d.Where, d.Mail, d.walk = strings.Join(w.where, ", "), w.mail, w
	return w.found(d)
}

// peekSize is how many octets are looked at.
const peekSize = 4096

// kind is what a thing is by its first octets.
type kind int

const (
	isOther kind = iota
	isGzip
	isZip
	isXML
	isJSON
	isHTML
)

// rootTag finds the root of an aggregate report, and htmlTag that of a page.
var (
	rootTag = regexp.MustCompile(`(?i)<(?:[A-Za-z_][\w.-]*:)?feedback[\s/>]`)
	htmlTag = regexp.MustCompile(`(?i)<html[\s>]`)
)

// sniff returns what a thing is.
func sniff(begin []byte) kind {
	switch {
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}): // RFC 1952 section 2.3.1
		return isGzip
	case bytes.HasPrefix(begin, []byte("PK\x03\x04")), bytes.HasPrefix(begin, []byte("PK\x05\x06")):
		return isZip
	case bytes.HasPrefix(begin, []byte("\xff\xfe")), bytes.HasPrefix(begin, []byte("\xfe\xff")), bytes.HasPrefix(begin, []byte("<\x00")), bytes.HasPrefix(begin, []byte("\x00<")):
		return isXML // UTF-16, which no message and no JSON is in
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(begin, []byte(byteOrderMark)), " \t\r\n\x00")
	if len(text) == 0 {
		return isOther
	}
	switch text[0] {
	case '{':
		return isJSON
	case '<':
		if rootTag.Match(text) || bytes.HasPrefix(text, []byte("<?xml")) && !htmlTag.Match(text) {
			return isXML
		}
		return isHTML
	}
	return isOther
}

const byteOrderMark = "\xef\xbb\xbf"

// peek returns the first octets of r.
func peek(r *bufio.Reader) ([]byte, error) {
	b, err := r.Peek(peekSize)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b, err
}

// top reads what is no part of a message: a file.
func (w *walk) top(r *bufio.Reader, packs int) error {
	begin, err := peek(r)
	if err != nil {
		return err
	}
	switch sniff(begin) {
	case isGzip, isZip:
		return w.unpack(r, "", packs, w.top)
	case isXML, isHTML: // for a file the error of the reader says more
		return w.emit(&Document{Kind: XML, Body: r})
	case isJSON:
		return w.emit(&Document{Kind: JSON, Body: w.withoutMark(r)})
	}
	m := newReader(&limited{r: w.withoutMark(r), left: MaxMessage, err: ErrMessageTooLarge})
	header, err := m.Header()
	if err != nil && !(errors.Is(err, message.ErrHeaderTooLong) && !hasLine(begin)) {
		return err
	}
	if len(begin) == 0 {
		w.pass("an empty file")
		return nil
	}
	if len(header) == 0 {
		w.pass("what begins with " + foreign.Quote(string(begin[:min(len(begin), 60)]), 60))
		return nil
	}
	body, err := m.Body()
	if err != nil {
		return err
	}
	return w.message(header, body, 0)
}

// hasLine reports whether what begins so has lines. Binary data without them would be a
// header that is too long.
func hasLine(begin []byte) bool { return bytes.IndexByte(begin, '\n') >= 0 }

// withoutMark takes a byte order mark off.
func (w *walk) withoutMark(r *bufio.Reader) io.Reader {
	if b, _ := r.Peek(3); string(b) == byteOrderMark {
		_, _ = r.Discard(3)
		w.note(ByteOrderMark, "it begins with a byte order mark")
	}
	return r
}

// limited is a reader that ends in an error where io.LimitReader ends in io.EOF.
type limited struct {
	r    io.Reader
	left int64
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, l.err
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n - 1, l.err
	}
	return n, err
}

// LooksLikeMail reports whether what begins so is a message or a mailbox, and not a
// document or an archive.
func LooksLikeMail(begin []byte) bool { return sniff(begin) == isOther && hasLine(begin) }
