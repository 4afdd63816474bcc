package milter

import (
	"net"
	"sync"
	"time"
)

// maxOutput bounds the buffered output.
const maxOutput = 64 << 10

// output buffers packets until the next read, so that replies and all changes to a message
// are sent in one write. The progress timer uses it concurrently.
type output struct {
	socket net.Conn

	mu  sync.Mutex
	buf []byte // whole packets
	err error  // the first error
}

func (o *output) append(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	if len(o.buf) > maxOutput {
		_ = o.flushLocked()
	}
}

func (o *output) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.flushLocked()
}

// send appends a packet and flushes.
func (o *output) send(p ...byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	return o.flushLocked()
}

func (o *output) flushLocked() error {
	if len(o.buf) == 0 || o.err != nil {
		return o.err
	}
	_ = o.socket.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, o.err = o.socket.Write(o.buf)
	o.buf = o.buf[:0]
	if cap(o.buf) > maxOutput {
		o.buf = nil
	}
	return o.err
}
