package milter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// These constants bound the packets of an MTA. Postfix and Sendmail send bodies in chunks
// of 65535 octets.
const (
	maxPacket  = 64 << 10 // commands
	maxMacros  = 1 << 20
	maxContent = 64 << 20 // header fields and body chunks, which are not kept whole
)

const (
	readBuffer = 16 << 10
	// keptScratch bounds the packet buffer that is kept for the next packet.
	keptScratch = 64 << 10
)

// errProtocol is the error of a peer that breaks the protocol.
var errProtocol = errors.New("protocol error")

// readers are unused buffers. MTAs open a connection for each of their SMTP sessions, most
// of which have a single message.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// fill reads from the socket, after it has sent all pending output.
func (c *Conn) fill(p []byte) (int, error) {
	if err := c.out.flush(); err != nil {
		return 0, err
	}
	if err := c.beginRead(); err != nil {
		return 0, err
	}
	if c.quickAck != nil {
		c.quickAck()
	}
	n, err := c.socket.Read(p)
	c.endRead()
	if err != nil && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.packetEnd.IsZero() && c.server.draining.Load() {
		err = errDraining
	}
	return n, err
}

// packetHeader reads a packet's length and command. A payload of n octets follows.
func (c *Conn) packetHeader() (cmd byte, n int, err error) {
	c.packetEnd = time.Time{}
	if _, err := c.in.Peek(1); err != nil {
		return 0, 0, err
	}
	c.packetEnd = time.Now().Add(packetTimeout)
	h, err := c.in.Peek(4)
	if err != nil {
		return 0, 0, unexpected(err)
	}
	length := binary.BigEndian.Uint32(h)
	if length == 0 || length > maxContent {
		return 0, 0, fmt.Errorf("%w: a packet of %d octets", errProtocol, length)
	}
	if h, err = c.in.Peek(5); err != nil {
		return 0, 0, unexpected(err)
	}
	cmd = h[4]
	_, _ = c.in.Discard(5)
	return cmd, int(length) - 1, nil
}

// payload reads n octets, which are valid until the next call. It allocates memory as they
// arrive, since the announced length may be false.
func (c *Conn) payload(n int) ([]byte, error) {
	if cap(c.scratch) > keptScratch {
		c.scratch = nil
	}
	buf := c.scratch[:0]
	for len(buf) < n {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(n, max(2*cap(buf), 4<<10)))
			copy(grown, buf)
			buf = grown
		}
		m, err := io.ReadFull(c.in, buf[len(buf):min(n, cap(buf))])
		buf = buf[:len(buf)+m]
		if err != nil {
			return nil, unexpected(err)
		}
	}
	c.scratch = buf
	return buf, nil
}

func (c *Conn) discard(n int) error {
	if _, err := c.in.Discard(n); err != nil {
		return unexpected(err)
	}
	return nil
}

// unexpected returns the error of a connection that ends inside a packet.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
