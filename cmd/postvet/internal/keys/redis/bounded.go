package redis

import (
	"bytes"
	"errors"
	"net"
	"strconv"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
)

// bounded is a connection on which the server can say nothing that is out of proportion.
// The client library reserves the memory that a length promises before it reads on, and
// panics where there is none: a server that lies would end the service.
type bounded struct {
	net.Conn

	line []byte // the part of a line that was read
	skip int    // octets of a string and its line end that are to come
	open []int  // elements that are to come, of each list that is open
	err  error
}

// Bounds of an answer in RESP3. That to HELLO is the largest one of a list.
const (
	maxLine     = 4 << 10
	maxString   = 4 * stored.MaxText
	maxElements = 1000
	maxDepth    = 8
)

var (
	errTooLarge = errors.New("the server answers with more than a key can have")
	errNoAnswer = errors.New("the server does not speak the protocol of Redis")
)

// Read reads what is in bounds. After an error nothing more can be read.
func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.Conn.Read(p)
	if b.err = b.check(p[:n]); b.err != nil {
		return 0, b.err
	}
	return n, err
}

func (b *bounded) check(data []byte) error {
	for len(data) > 0 {
		if b.skip > 0 {
			n := min(b.skip, len(data))
			data = data[n:]
			if b.skip -= n; b.skip == 0 {
				b.ended()
			}
			continue
		}
		line, rest, complete := bytes.Cut(data, []byte("\n"))
		if len(b.line)+len(line) > maxLine {
			return errTooLarge
		}
		b.line = append(b.line, line...)
		if data = rest; !complete {
			return nil
		}
		if err := b.begin(); err != nil {
			return err
		}
		b.line = b.line[:0]
	}
	return nil
}

// begin judges a line, with which an element begins. It takes only what the library reads
// in the same way.
func (b *bounded) begin() error {
	line, ok := bytes.CutSuffix(b.line, []byte("\r"))
	if !ok || len(line) == 0 {
		return errNoAnswer
	}
	kind, rest := line[0], string(line[1:])
	switch kind {
	case '+', '-', ':', ',', '(':
		b.ended()
		return nil
	case '_', '#':
		if len(rest) != map[byte]int{'_': 0, '#': 1}[kind] {
			return errNoAnswer
		}
		b.ended()
		return nil
	}
	n, err := strconv.Atoi(rest)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return errNoAnswer
	case n == -1 && (kind == '$' || kind == '*'): // null
		b.ended()
		return nil
	case n < 0:
		return errNoAnswer
	}
	switch kind {
	case '$', '=', '!':
		if n > maxString {
			return errTooLarge
		}
		b.skip = n + len("\r\n")
	case '*', '~', '>', '%':
		if n > maxElements || len(b.open) == maxDepth {
			return errTooLarge
		}
		if kind == '%' {
			n *= 2
		}
		if n == 0 {
			b.ended()
		} else {
			b.open = append(b.open, n)
		}
	default:
		return errNoAnswer
	}
	return nil
}

// ended counts an element that is complete, and with it the lists that it completes.
func (b *bounded) ended() {
	for n := len(b.open); n > 0; n-- {
		if b.open[n-1]--; b.open[n-1] > 0 {
			return
		}
		b.open = b.open[:n-1]
	}
}
