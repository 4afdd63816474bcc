package sql

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
)

// bounded reads messages of PostgreSQL's protocol, each with its type in one octet and its
// length in four, and ends at one that is out of proportion: the client library reads a
// message into memory before anybody can look at it.
type bounded struct {
	r      io.Reader
	header []byte // the part of it that was read
	left   int    // octets of the message that are to come
	err    error
}

// maxMessage bounds a message, in octets. A row with a key has MaxText and some.
const maxMessage = 4 * stored.MaxText

var errTooLarge = errors.New("the server answers with more than a key can have")

// Read reads what is in bounds. After an error nothing more can be read.
func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if b.err = b.check(p[:n]); b.err != nil {
		return 0, b.err
	}
	return n, err
}

func (b *bounded) check(data []byte) error {
	for len(data) > 0 {
		if b.left > 0 {
			n := min(b.left, len(data))
			b.left -= n
			data = data[n:]
			continue
		}
		n := min(5-len(b.header), len(data))
		b.header = append(b.header, data[:n]...)
		data = data[n:]
		if len(b.header) < 5 {
			continue
		}
		size := binary.BigEndian.Uint32(b.header[1:])
		if size < 4 || size > maxMessage {
			return errTooLarge
		}
		b.left, b.header = int(size)-4, b.header[:0]
	}
	return nil
}
