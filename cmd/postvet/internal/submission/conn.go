package submission

import (
	"context"
	"errors"
	"net"
	"time"
)

// maxReplies bounds what an MTA may send in one session.
const maxReplies = 256 << 10

var errTooMuch = errors.New("submission: the MTA sends more than any does")

// boundedConn is a connection that ends with its context. The library sets deadlines for
// replies, lifts them between, and has none while it writes.
type boundedConn struct {
	net.Conn
	end  time.Time     // no operation lasts longer
	idle time.Duration // of one write
	left int
	stop func() bool
}

// bound binds a connection to a context, which has a deadline.
func bound(ctx context.Context, c net.Conn, idle time.Duration) *boundedConn {
	b := &boundedConn{Conn: c, idle: idle, left: maxReplies}
	b.end, _ = ctx.Deadline()
	b.stop = context.AfterFunc(ctx, func() { _ = c.Close() })
	_ = b.SetDeadline(time.Time{})
	return b
}

// SetDeadline sets a deadline that is no later than the end of the submission.
func (b *boundedConn) SetDeadline(t time.Time) error {
	if t.IsZero() || t.After(b.end) {
		t = b.end
	}
	return b.Conn.SetDeadline(t)
}

func (b *boundedConn) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *boundedConn) Write(p []byte) (int, error) {
	if until := time.Now().Add(b.idle); until.Before(b.end) {
		_ = b.SetWriteDeadline(until)
	}
	return b.Conn.Write(p)
}
