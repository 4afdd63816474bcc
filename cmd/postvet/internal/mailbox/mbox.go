package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
)

// maxSeparator bounds the line before a message in octets: "From ", a path of at
// most 256 (RFC 5321 section 4.5.3.1.3), a time, and what programs add.
const maxSeparator = 1024

// separator is the line before a message of an mbox, RFC 4155 appendix A: the
// sender, then the time as asctime writes it. Programs leave the seconds out, and
// write a zone before the year or behind it.
var separator = regexp.MustCompile(`^From .*[0-2]?[0-9]:[0-5][0-9](:[0-6][0-9])? ([-+A-Za-z0-9]+ )*[0-9]{4}( [-+A-Za-z0-9]+)*\r?$`)

// isSeparator reports whether a line, without its end, begins a message. Text that
// begins with "From " has no time at its end.
func isSeparator(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) && len(line) < maxSeparator && separator.Match(line)
}

// mbox reads one message of an mbox after the other.
//
// A message ends at an empty line that a separator follows, or with the file. The
// empty line is not the message's. A ">" before "From " was written by the program
// that stored the message, and is taken away.
type mbox struct {
	text    *bufio.Reader
	within  bool   // a message was begun and has not ended
	middle  bool   // the last piece of a line was not its end
	empty   string // an empty line that was read and may be the last
	buffer  []byte // holds pending
	pending []byte // what Read returns next
	failed  bool   // the file could not be read on, which was reported
}

func (m *mbox) next() error {
	if m.failed {
		return io.EOF
	}
	if m.within {
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{m}); err != nil {
			return err
		}
	}
	// The first line of the file, or the separator that ended the message before.
	if _, err := m.text.ReadSlice('\n'); err != nil {
		m.failed = true
		return err
	}
	m.within, m.middle, m.empty, m.pending = true, false, "", nil
	return nil
}

// Read reads from the current message.
func (m *mbox) Read(p []byte) (int, error) {
	for len(m.pending) == 0 {
		if !m.within {
			return 0, io.EOF
		}
		if err := m.line(); err != nil {
			m.failed = true
			return 0, err
		}
	}
	n := copy(p, m.pending)
	m.pending = m.pending[n:]
	return n, nil
}

// line makes the next line pending, or a piece of one that is longer than the
// buffer, or ends the message.
func (m *mbox) line() error {
	if m.empty != "" {
		last, err := m.atEnd()
		if err != nil {
			return err
		}
		if last {
			m.within = false
			return nil
		}
	}
	line, err := m.text.ReadSlice('\n')
	begins := !m.middle
	m.middle = errors.Is(err, bufio.ErrBufferFull)
	switch {
	case errors.Is(err, io.EOF):
		m.within = false
	case err != nil && !m.middle:
		return err
	}
	m.buffer = append(m.buffer[:0], m.empty...)
	m.empty = ""
	switch {
	case begins && isEmpty(line):
		m.empty = string(line)
	case begins && isQuoted(line):
		m.buffer = append(m.buffer, line[1:]...)
	default:
		m.buffer = append(m.buffer, line...)
	}
	m.pending = m.buffer
	return nil
}

// atEnd reports whether the empty line that was read ends the message.
func (m *mbox) atEnd() (bool, error) {
	ahead, err := peek(m.text, maxSeparator)
	if err != nil {
		return false, err
	}
	line, _, _ := bytes.Cut(ahead, []byte("\n"))
	return len(ahead) == 0 || isSeparator(line), nil
}

func isEmpty(line []byte) bool { return string(line) == "\n" || string(line) == "\r\n" }

// isQuoted reports whether a line of a message began with "From ", perhaps quoted
// before.
func isQuoted(line []byte) bool {
	return len(line) > 0 && line[0] == '>' && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From "))
}
