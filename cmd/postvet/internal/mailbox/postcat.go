package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"strings"
	"time"
)

// The lines between which postcat prints the parts of a queue file, without the
// file's name behind them.
const (
	envelopeMark  = "*** ENVELOPE RECORDS "
	contentsMark  = "*** MESSAGE CONTENTS "
	extractedMark = "*** HEADER EXTRACTED "
)

// The records of the contents, which "postcat -v" names in front of each. A line of
// more than 2048 octets is several records, of which the last one is a regular text.
const (
	regularText      = "regular_text: "
	unterminatedText = "unterminated_text: "
	pointerRecord    = "pointer_record:"
)

// postcat reads one message after the other of what "postcat -q" or "postcat -qv" of
// Postfix prints: the records of the envelope, the message, and what was extracted
// from its header.
//
// A line of the message that looks like the end is no end unless it names the queue
// file, and so the queue id, which a sender cannot know.
type postcat struct {
	text     *bufio.Reader
	envelope *Envelope
	problem  error  // what is wrong with the envelope
	name     string // of the queue file
	within   bool   // the contents have not ended
	begun    bool   // a line of the contents was read
	verbose  bool   // each record has its name in front
	middle   bool   // the last piece of a line was not its end
	joined   bool   // the next line goes on with this one
	passed   bool   // the line is no text of the message
	pending  []byte // what Read returns next, of the buffer of text
	failed   bool   // the input could not be read on, which was reported
}

// postcatName returns the name of the queue file in a line that begins with a mark;
// "" if the line is none.
func postcatName(line []byte, mark string) string {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\r"), mark)
	name, end := strings.CutSuffix(rest, " ***")
	if !ok || !end {
		return ""
	}
	return name
}

// isPostcat reports whether a text begins as postcat's output does. With -v, lines of
// the program's own may stand before.
func isPostcat(text []byte) bool {
	for {
		line, rest, ended := bytes.Cut(text, []byte("\n"))
		if program, _, _ := bytes.Cut(line, []byte(": ")); !ended || path.Base(string(program)) != "postcat" {
			return ended && postcatName(line, envelopeMark) != ""
		}
		text = rest
	}
}

func (p *postcat) next() error {
	if p.failed {
		return io.EOF
	}
	if p.within {
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{p}); err != nil {
			return err
		}
	}
	for name := ""; name == ""; {
		line, err := p.line()
		if err != nil {
			p.failed = true
			return err
		}
		name = postcatName(line, envelopeMark)
		p.name = name
	}
	return p.readEnvelope()
}

// line returns the next line without its end; of one that is longer than the buffer
// only the beginning.
func (p *postcat) line() ([]byte, error) {
	line, err := p.text.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = p.text.ReadSlice('\n')
		}
	}
	if err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)) {
		return nil, err
	}
	return bytes.TrimSuffix(line, []byte("\n")), nil
}

// readEnvelope reads the records of the envelope.
func (p *postcat) readEnvelope() error {
	e := newEnvelope()
	*p = postcat{text: p.text, name: p.name, envelope: &e}
	for {
		line, err := p.line()
		switch {
		case errors.Is(err, io.EOF):
			return nil // a message without contents
		case err != nil:
			p.failed = true
			return err
		case postcatName(line, contentsMark) == p.name:
			p.within = true
			return nil
		}
		key, value, _ := strings.Cut(string(line), ":")
		if err := e.setRecord(key, strings.TrimSpace(value)); err != nil && p.problem == nil {
			p.problem = err
		}
	}
}

// setRecord sets what a record of the envelope says. Postfix records the client that
// handed it the message, and as log_... the one that a content filter of this host had
// it from (XFORWARD). The latter comes first, and counts.
func (e *Envelope) setRecord(key, value string) error {
	switch key {
	case "sender":
		return e.set("mail-from", value)
	case "recipient", "done_recipient":
		if len(e.Recipients) < maxRecipients {
			return e.set("rcpt", value)
		}
	case "message_arrival_time":
		if at, err := time.ParseInLocation(time.ANSIC, value, time.Local); err == nil {
			e.Time = at
		}
	case "named_attribute":
		name, value, _ := strings.Cut(value, "=")
		switch name {
		case "log_client_address", "client_address":
			ip, err := netip.ParseAddr(value)
			if err == nil && !e.Client.IP.IsValid() {
				e.Client.IP = ip.Unmap().WithZone("")
			}
		case "log_helo_name", "helo_name":
			if e.Helo == "" {
				return e.set("helo", value)
			}
		case "sasl_username":
			return e.set("user", value)
		}
	}
	return nil
}

// Read reads from the contents.
func (p *postcat) Read(b []byte) (int, error) {
	for len(p.pending) == 0 {
		if !p.within {
			return 0, io.EOF
		}
		if err := p.content(); err != nil {
			p.failed, p.within = true, false
			return 0, err
		}
	}
	n := copy(b, p.pending)
	p.pending = p.pending[n:]
	return n, nil
}

// content makes the next line of the contents pending, or a piece of one that is
// longer than the buffer, or ends the message.
func (p *postcat) content() error {
	line, err := p.text.ReadSlice('\n')
	begins := !p.middle
	p.middle = errors.Is(err, bufio.ErrBufferFull)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the output of postcat breaks off: %w", io.ErrUnexpectedEOF)
	case err != nil && !p.middle:
		return err
	}
	if begins {
		if postcatName(bytes.TrimSuffix(line, []byte("\n")), extractedMark) == p.name {
			p.within = false
			return nil
		}
		line = p.recordText(line)
	}
	switch {
	case p.passed:
		line = nil
	case p.joined && !p.middle:
		line = bytes.TrimSuffix(line, []byte("\n"))
	}
	p.pending = line
	return nil
}

// recordText returns the text of a record at the beginning of a line.
func (p *postcat) recordText(line []byte) []byte {
	if !p.begun {
		p.begun = true
		for _, word := range []string{regularText, unterminatedText, pointerRecord} {
			p.verbose = p.verbose || bytes.HasPrefix(line, []byte(word))
		}
	}
	p.joined, p.passed = false, false
	if !p.verbose {
		return line
	}
	if text, ok := bytes.CutPrefix(line, []byte(regularText)); ok {
		return text
	}
	text, ok := bytes.CutPrefix(line, []byte(unterminatedText))
	p.joined, p.passed = ok, !ok
	return text
}
