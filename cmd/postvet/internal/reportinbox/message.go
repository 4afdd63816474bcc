package reportinbox

import (
	"bytes"
	"io"
	"sync/atomic"
)

// Message is a copy of a message. Writing is for one goroutine at a time.
type Message struct {
	inbox  *Inbox
	bounce string   // the recipient, if it is a bounce of our report
	blocks [][]byte // all but the last are full
	size   int64
	lost   Result // why it will not be read; "" if it will
	state  atomic.Int32
}

// The states of a Message.
const (
	open int32 = iota
	taken
	dropped
)

// The sizes of blocks: an ordinary report has some kilobytes.
const (
	firstBlock = 8 << 10
	nextBlock  = 64 << 10
)

// Write implements [io.Writer]. It never fails: what is beyond the bounds is counted as not
// read. A bounce is cut instead.
func (m *Message) Write(p []byte) (int, error) {
	n := len(p)
	if m.lost != "" || m.state.Load() != open {
		return n, nil
	}
	if m.bounce != "" {
		p = p[:min(int64(n), max(0, m.inbox.opt.MaxBounce-m.size))]
	}
	if m.size += int64(len(p)); m.size > m.inbox.opt.MaxMessage {
		m.lose(TooLarge)
		return n, nil
	}
	for len(p) > 0 {
		last := len(m.blocks) - 1
		if last < 0 || len(m.blocks[last]) == cap(m.blocks[last]) {
			if !m.grow() {
				return n, nil
			}
			last++
		}
		block := m.blocks[last]
		some := min(len(p), cap(block)-len(block))
		m.blocks[last] = append(block, p[:some]...)
		p = p[some:]
	}
	return n, nil
}

// grow adds a block, if all copies together may have it.
func (m *Message) grow() bool {
	size := nextBlock
	if len(m.blocks) == 0 {
		size = firstBlock
	}
	if !m.take(int64(size)) {
		m.lose(Overload)
		return false
	}
	m.blocks = append(m.blocks, make([]byte, 0, size))
	return true
}

// take takes octets of what all copies may have, if they are there.
func (m *Message) take(n int64) bool {
	b := m.inbox
	all := b.used.Add(n)
	bounces := int64(0)
	if m.IsBounce() {
		bounces = b.usedBounces.Add(n)
	}
	if all <= b.opt.MaxMemory && bounces <= b.opt.MaxBounces {
		return true
	}
	m.give(n)
	return false
}

// give gives octets back.
func (m *Message) give(n int64) {
	m.inbox.used.Add(-n)
	if m.IsBounce() {
		m.inbox.usedBounces.Add(-n)
	}
}

// lose gives the copy up.
func (m *Message) lose(r Result) {
	m.lost = r
	m.release()
}

// release gives the memory back.
func (m *Message) release() {
	for _, b := range m.blocks {
		m.give(int64(cap(b)))
	}
	m.blocks = nil
}

// Drop ends a copy that is not read, unless the inbox took it over.
func (m *Message) Drop() {
	if m.state.CompareAndSwap(open, dropped) {
		m.release()
	}
}

// IsBounce reports whether it is copied because it goes to one of our envelope senders.
func (m *Message) IsBounce() bool { return m.bounce != "" }

// reader returns a reader of the message.
func (m *Message) reader() io.Reader {
	all := make([]io.Reader, len(m.blocks))
	for i, b := range m.blocks {
		all[i] = bytes.NewReader(b)
	}
	return io.MultiReader(all...)
}

// kind is the kind of the message as far as it is known before it is read.
func (m *Message) kind() Kind {
	if m.bounce != "" {
		return Bounce
	}
	return Unknown
}
