package dkim

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Canonicalization is a form in which a header or body is hashed (RFC 6376
// section 3.4). The zero value is simple, which is also the default of c=.
type Canonicalization uint8

// The forms.
const (
	Simple Canonicalization = iota
	Relaxed
)

// String returns the form's word in c=.
func (c Canonicalization) String() string {
	if c == Relaxed {
		return "relaxed"
	}
	return "simple"
}

var crlf = []byte("\r\n")

// emptyLines is the source of the empty lines that are written.
var emptyLines = bytes.Repeat(crlf, 512)

// simpleBody is the simple body canonicalization (RFC 6376 section 3.4.3). It
// changes nothing but the end, where it replaces all empty lines by one CRLF. It
// holds line ends back until it knows that they are not at the end, and counts them
// instead of storing them.
type simpleBody struct {
	out   *output
	lines int64 // CRLFs held back
	cr    bool  // a CR held back after them, which may begin a CRLF
}

func (c *simpleBody) write(p []byte) {
	if len(p) == 0 {
		return
	}
	if c.cr && p[0] == '\n' {
		c.cr, p = false, p[1:]
		c.lines++
		if len(p) == 0 {
			return
		}
	}
	end := len(p)
	cr := p[end-1] == '\r'
	if cr {
		end--
	}
	tail := end
	for tail >= 2 && p[tail-1] == '\n' && p[tail-2] == '\r' {
		tail -= 2
	}
	if c.cr { // the CR held back is not followed by LF
		c.release()
		c.out.write(crlf[:1])
		c.cr = false
	}
	if tail > 0 {
		c.release()
		c.out.write(p[:tail])
	}
	c.lines += int64(end-tail) / 2
	c.cr = cr
}

// release writes the lines that were held back.
func (c *simpleBody) release() {
	c.out.writeLines(c.lines)
	c.lines = 0
}

func (c *simpleBody) close() {
	if c.cr {
		c.release()
		c.out.write(crlf[:1])
	}
	c.out.write(crlf) // also of an empty body (section 3.4.3)
}

// relaxedBody is the relaxed body canonicalization (RFC 6376 section 3.4.4). It
// replaces a run of white space by one space, and removes white space at line ends
// and empty lines at the end. A body that is not empty then ends in CRLF.
type relaxedBody struct {
	out *output
	// These are held back until other bytes follow, in this order.
	lines int64 // CRLFs
	space bool  // white space
	cr    bool  // a CR that may begin a CRLF

	some bool // anything was written
}

func (c *relaxedBody) write(p []byte) {
	head := 0
	for head < len(p) && isBlank[p[head]] {
		head++
	}
	c.blanks(p[:head])
	p = p[head:]
	if len(p) == 0 {
		return
	}
	tail := len(p)
	for isBlank[p[tail-1]] {
		tail--
	}
	c.release()
	c.text(p[:tail])
	c.blanks(p[tail:])
}

// isBlank marks the bytes that are held back until the next one is known.
var isBlank = [256]bool{' ': true, '\t': true, '\r': true, '\n': true}

// blanks canonicalizes bytes that are white space or line ends.
func (c *relaxedBody) blanks(p []byte) {
	for i := 0; i < len(p); {
		switch p[i] {
		case '\r':
			if c.cr {
				c.release()
			}
			// Take a run of CRLFs, and then of CRs without LF, at once.
			n := i
			for n+1 < len(p) && p[n] == '\r' && p[n+1] == '\n' {
				n += 2
			}
			if n > i {
				c.lines += int64(n-i) / 2
				c.space = false
				i = n
				continue
			}
			for n = i + 1; n < len(p) && p[n] == '\r'; n++ {
			}
			if n-1 > i {
				c.release()
				c.out.write(p[i : n-1])
			}
			c.cr = true
			i = n
		case '\n':
			if c.cr {
				c.cr, c.space = false, false
				c.lines++
			} else { // an LF without CR is data
				c.release()
				c.out.writeByte('\n')
			}
			i++
		default:
			if c.cr {
				c.release()
			}
			c.space = true
			for i < len(p) && (p[i] == ' ' || p[i] == '\t') {
				i++
			}
		}
	}
}

// release writes what was held back, since other bytes follow.
func (c *relaxedBody) release() {
	if c.lines > 0 {
		c.out.writeLines(c.lines)
		c.lines = 0
	}
	if c.space {
		c.out.writeByte(' ')
		c.space = false
	}
	if c.cr {
		c.out.writeByte('\r')
		c.cr = false
	}
	c.some = true
}

// text canonicalizes bytes that neither begin nor end in a blank. It writes
// stretches without change in one slice, including line ends in them.
func (c *relaxedBody) text(p []byte) {
	tab := nextTab(p, 0)
	for start := 0; start < len(p); {
		i := nextGap(p[:tab], start)
		if i == tab && i > start && p[i-1] == ' ' && i < len(p) {
			i-- // the space before the tab belongs to the run
		}
		c.out.write(p[start:i])
		if i == len(p) {
			return
		}
		if i-start < minStretch {
			start = c.bytewise(p, i)
		} else {
			start = c.whiteSpaceRun(p, i)
		}
		if tab < start {
			tab = nextTab(p, start)
		}
	}
}

// whiteSpaceRun canonicalizes the run of white space at i and returns the index after it.
func (c *relaxedBody) whiteSpaceRun(p []byte, i int) int {
	for p[i] == ' ' || p[i] == '\t' {
		i++
	}
	if p[i] != '\r' || p[i+1] != '\n' {
		c.out.writeByte(' ')
	}
	return i
}

// minStretch is the number of unchanged bytes below which the search for the next
// change costs more than it saves.
const minStretch = 4

// bytewise canonicalizes bytes from i on one by one, until minStretch bytes in
// turn need no change. It returns the index after them.
func (c *relaxedBody) bytewise(p []byte, i int) int {
	for unchanged := 0; unchanged < minStretch && i < len(p); unchanged++ {
		if b := p[i]; b != ' ' && b != '\t' {
			c.out.writeByte(b)
			i++
			continue
		}
		if p[i] == '\t' || p[i+1] <= ' ' {
			unchanged = 0
		}
		i = c.whiteSpaceRun(p, i)
	}
	return i
}

// nextTab returns the index of the first tab at or after i, len(p) if there is
// none.
func nextTab(p []byte, i int) int {
	if n := bytes.IndexByte(p[i:], '\t'); n >= 0 {
		return i + n
	}
	return len(p)
}

// nextGap returns the index of the first space at or after i that a space or a
// control character follows, such as a tab or a line end; len(p) if there is none.
// A space at the end of p does not count.
func nextGap(p []byte, i int) int {
	const (
		ones = 0x0101010101010101
		low  = 0x7f * ones
		high = 0x80 * ones
	)
	// Compare sixteen bytes at a time. The top bit of a byte in m0 and m1 is 0 if
	// the byte is a space and the next byte is at most a space. No addition
	// carries into the next byte.
	for ; i+17 <= len(p); i += 16 {
		b := p[i : i+17 : i+17]
		s0 := binary.LittleEndian.Uint64(b) ^ ' '*ones
		s1 := binary.LittleEndian.Uint64(b[8:]) ^ ' '*ones
		n0 := binary.LittleEndian.Uint64(b[1:])
		n1 := binary.LittleEndian.Uint64(b[9:])
		m0 := (s0&low + low) | s0 | (n0&low + (0x7f-' ')*ones) | n0
		m1 := (s1&low + low) | s1 | (n1&low + (0x7f-' ')*ones) | n1
		if m0&m1&high != high {
			if m := ^m0 & high; m != 0 {
				return i + bits.TrailingZeros64(m)/8
			}
			return i + 8 + bits.TrailingZeros64(^m1&high)/8
		}
	}
	for ; i < len(p); i++ {
		if p[i] == ' ' && i+1 < len(p) && p[i+1] <= ' ' {
			return i
		}
	}
	return len(p)
}

func (c *relaxedBody) close() {
	if c.cr { // a CR without LF is data
		c.release()
	}
	if c.some {
		c.out.write(crlf)
	}
}
