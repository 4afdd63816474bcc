package message

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxHeader bounds the header that a Reader holds in memory, in octets.
const maxHeader = 8 << 20

// ErrHeaderTooLong is the error for a header over 8 MiB, or over the limit that was set.
var ErrHeaderTooLong = errors.New("message: the header is too long")

// Reader splits a stored message into its header and its body, in the form in
// which an MTA sends them over the milter protocol.
type Reader struct {
	r      *bufio.Reader
	done   bool // the header was read
	header Header
	err    error
	ahead  []byte // the line after the header if it belongs to the body
	read   int    // octets of the header so far
	most   int    // of the header
}

// NewReader returns a Reader of r. Lines may end in CRLF or LF; both become
// CRLF. A CR that no LF follows is kept.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 32<<10), most: maxHeader}
}

// LimitHeader makes a header over n octets an error, with n below 8 MiB.
func (r *Reader) LimitHeader(n int) { r.most = min(n, maxHeader) }

// Header returns the fields up to the empty line, an error of the underlying
// reader, or ErrHeaderTooLong. A line that is no field ends the header and
// belongs to the body, as in Postfix and Sendmail; so does a first line that
// begins with white space. A first line in mbox form ("From " and no field) is
// skipped. Later calls return the same.
func (r *Reader) Header() (Header, error) {
	if !r.done {
		r.done = true
		r.header, r.err = r.readHeader()
	}
	return r.header, r.err
}

// readHeader reads the fields up to the line that ends the header.
func (r *Reader) readHeader() (Header, error) {
	var h Header
	var raw strings.Builder
	name := ""
	end := func() {
		if raw.Len() > 0 {
			h = append(h, Field{Name: name, Raw: raw.String()})
			raw.Reset()
		}
	}
	for first := true; ; first = false {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		text := bytes.TrimSuffix(line, []byte("\n"))
		if len(text) < len(line) {
			text = bytes.TrimSuffix(text, []byte("\r"))
		}
		switch n := nameLength(text); {
		case raw.Len() > 0 && len(text) > 0 && (text[0] == ' ' || text[0] == '\t'):
		case n > 0:
			end()
			name = string(text[:n])
		case first && bytes.HasPrefix(text, []byte("From ")):
			continue
		default:
			end()
			if len(text) > 0 {
				r.ahead = line
			}
			return h, nil
		}
		raw.Write(text)
		raw.WriteString("\r\n")
	}
}

// line returns the next line with its line end, or nothing at the end of the
// input.
func (r *Reader) line() ([]byte, error) {
	var line []byte
	for {
		part, err := r.r.ReadSlice('\n')
		if r.read += len(part); r.read > r.most {
			return nil, ErrHeaderTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("message: read header: %w", err)
		}
	}
}

// nameLength returns the length of the field name at the beginning of a line,
// or 0 if the line is no field. White space may precede the colon (RFC 5322
// section 4.5).
func nameLength(line []byte) int {
	n := 0
	for n < len(line) && line[n] > ' ' && line[n] < 0x7f && line[n] != ':' {
		n++
	}
	rest := bytes.TrimLeft(line[n:], " \t")
	if len(rest) == 0 || rest[0] != ':' {
		return 0
	}
	return n
}

// Body returns the body as it is stored, to be read in place of WriteTo. It reads the
// header first if Header was not called.
func (r *Reader) Body() (io.Reader, error) {
	if _, err := r.Header(); err != nil {
		return nil, err
	}
	ahead := r.ahead
	r.ahead = nil
	return io.MultiReader(bytes.NewReader(ahead), r.r), nil
}

// WriteTo copies the body to w with CRLF line ends, and returns the number of
// octets written. It reads the header first if Header was not called.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	if _, err := r.Header(); err != nil {
		return 0, err
	}
	c := crlfWriter{w: w}
	err := c.write(r.ahead)
	r.ahead = nil
	empty := 0 // consecutive reads without data
	for buf := make([]byte, 32<<10); err == nil; {
		n, readErr := r.r.Read(buf)
		if empty++; n > 0 {
			empty = 0
		} else if readErr == nil && empty > 100 {
			readErr = io.ErrNoProgress
		}
		if err = c.write(buf[:n]); err != nil {
			break
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			err = fmt.Errorf("message: read body: %w", readErr)
		}
	}
	return c.n, err
}

// crlfWriter writes text with every bare LF replaced by CRLF.
type crlfWriter struct {
	w   io.Writer
	out []byte
	cr  bool // the last octet was a CR
	n   int64
}

// write writes a part of the text.
func (c *crlfWriter) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	c.out = c.out[:0]
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			c.out = append(c.out, p...)
			c.cr = p[len(p)-1] == '\r'
			break
		}
		c.out = append(c.out, p[:i]...)
		if i > 0 {
			c.cr = p[i-1] == '\r'
		}
		if !c.cr {
			c.out = append(c.out, '\r')
		}
		c.out = append(c.out, '\n')
		c.cr = false
		p = p[i+1:]
	}
	n, err := c.w.Write(c.out)
	c.n += int64(n)
	return err
}
