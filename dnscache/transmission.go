package dnscache

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// transmission is one query over UDP, which is sent until it is answered.
type transmission struct {
	ctx      context.Context
	conn     net.Conn
	packed   []byte
	estimate *estimate
	first    time.Time
	last     time.Time
	times    int
	limit    time.Duration // of wait
	wait     time.Duration // before it is sent again; 0 if it is not
	guessed  bool          // wait is from before the first response of the upstream
}

// guessCheck is how long the first response of the upstream may go unnoticed by a query that
// waits since before that.
const guessCheck = 40 * time.Millisecond

// newTransmission sends a query.
func newTransmission(ctx context.Context, conn net.Conn, packed []byte, e *estimate) (*transmission, error) {
	t := &transmission{ctx: ctx, conn: conn, packed: packed, estimate: e, first: time.Now()}
	t.limit = time.Hour
	if d, ok := ctx.Deadline(); ok {
		t.limit = time.Until(d)
	}
	t.wait, t.guessed = e.timeout(t.limit), !e.sampled()
	return t, t.send()
}

func (t *transmission) send() error {
	t.last = time.Now()
	t.times++
	_, err := t.conn.Write(t.packed)
	return err
}

// read reads one datagram, and sends the query again as long as none arrives.
func (t *transmission) read(buf []byte) (int, error) {
	for {
		until, ends := t.until()
		t.conn.SetReadDeadline(until)
		if err := t.ctx.Err(); err != nil {
			return 0, err // its end may have set a deadline before
		}
		n, err := t.conn.Read(buf)
		if !errors.Is(err, os.ErrDeadlineExceeded) || ends || t.ctx.Err() != nil {
			return n, err
		}
		if t.guessed && t.estimate.sampled() {
			t.wait, t.guessed = t.estimate.timeout(t.limit), false
		}
		if time.Since(t.last) < t.wait {
			continue
		}
		if t.times == maxTransmissions || !t.estimate.resend() {
			t.wait = 0 // the response may still come
			continue
		}
		t.wait += t.wait / backOffPart
		if err := t.send(); err != nil {
			return 0, err
		}
	}
}

// until returns when reading pauses: at the time of the next transmission or, without one,
// with the context, where it ends.
func (t *transmission) until() (at time.Time, ends bool) {
	d, ok := t.ctx.Deadline()
	next := t.last.Add(t.wait)
	if check := time.Now().Add(guessCheck); t.guessed && check.Before(next) {
		next = check
	}
	if t.wait > 0 && (!ok || next.Before(d)) {
		return next, false
	}
	return d, true
}

// answered records that the response has come.
func (t *transmission) answered() {
	now := time.Now()
	t.estimate.answered(now.Sub(t.first), now.Sub(t.last), t.times)
}
