package reportmail

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// parts reads the parts of a multipart body (RFC 2046 section 5.1.1). mime/multipart ends
// at the first part whose header has a fault; reporters make such parts.
type parts struct {
	in       *bufio.Reader
	boundary string // with its hyphens
	pending  []byte // of a line that Read has not returned yet
	held     []byte // the line end before, which is the boundary's if one follows
	buffer   []byte
	begun    bool // the boundary of a further part was read
	inside   bool // a part
	middle   bool // of a line
	ended    bool // the last boundary was read
	err      error
}

// next goes to the next part. It reports false if there is none.
func (p *parts) next() bool {
	if p.inside {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{p})
	}
	for !p.begun && !p.ended {
		line, err := p.line()
		p.begun, p.ended = p.isBoundary(line)
		if err != nil {
			break
		}
	}
	p.inside, p.begun, p.held, p.pending = p.begun, false, nil, nil
	return p.inside
}

// line returns the next line, or a piece of a long one.
func (p *parts) line() ([]byte, error) {
	line, err := p.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		err = nil
	case err != nil && !errors.Is(err, io.EOF):
		p.err = err
	}
	return line, err
}

// isBoundary reports whether a line is a boundary: one that begins a part, or the last.
func (p *parts) isBoundary(line []byte) (begins, last bool) {
	if p.middle || !bytes.HasPrefix(line, []byte(p.boundary)) {
		p.middle = len(line) > 0 && line[len(line)-1] != '\n'
		return false, false
	}
	rest := bytes.TrimRight(line[len(p.boundary):], " \t\r\n")
	return len(rest) == 0, string(rest) == "--"
}

// Read reads from the current part.
func (p *parts) Read(b []byte) (int, error) {
	for len(p.pending) == 0 {
		if !p.inside {
			if p.err != nil {
				return 0, p.err
			}
			return 0, io.EOF
		}
		line, err := p.line()
		if p.begun, p.ended = p.isBoundary(line); p.begun || p.ended {
			p.inside = false
			return 0, io.EOF
		}
		if err != nil {
			p.inside = false
		}
		p.buffer = append(append(p.buffer[:0], p.held...), line...)
		p.held = p.held[:0]
		for _, end := range []string{"\r\n", "\n"} {
			if bytes.HasSuffix(p.buffer, []byte(end)) {
				p.held = append(p.held, end...)
				p.buffer = p.buffer[:len(p.buffer)-len(end)]
				break
			}
		}
		p.pending = p.buffer
	}
	n := copy(b, p.pending)
	p.pending = p.pending[n:]
	return n, nil
}
