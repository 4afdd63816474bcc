package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// Stream is a result that comes in parts, each in a response of its own. The request
// ends with the last part, when the client closes its end or sends anything more, when
// it does not take a part within Options.Timeout, or with the server.
type Stream interface {
	// Next waits for the next part. It returns io.EOF after the last one. When ctx
	// ends, one last part may follow.
	Next(ctx context.Context) (any, error)
	// Close is called once, when the request has ended.
	Close()
}

// stream writes the parts of a result.
func (s *Server) stream(c *conn, parts Stream) {
	defer parts.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	s.mu.Lock()
	if !s.closed {
		_ = c.SetReadDeadline(time.Time{})
	}
	s.mu.Unlock()
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _ = c.Read(make([]byte, 1))
		cancel()
	}()
	for {
		part, err := parts.Next(ctx)
		if errors.Is(err, io.EOF) || s.respond(c, part, err) != nil || err != nil {
			break
		}
	}
	_ = c.SetReadDeadline(time.Unix(1, 0))
	<-left
}

// Stream sends a request whose result is a [Stream], and calls each with the parts
// until the last one, or until ctx ends or each fails. The error is that of each, or
// one as Do returns it. That ctx ended is none.
func (c *Client) Stream(ctx context.Context, q Request, each func(part json.RawMessage) error) error {
	conn, writeErr, err := c.send(ctx, q)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	limited := &io.LimitedReader{R: conn}
	text := bufio.NewReader(limited)
	for first := true; ; first = false {
		limited.N = maxResponse
		r, err := readResponse(text, limited)
		switch {
		case err == nil:
			err = c.result(r)
		case ctx.Err() != nil:
			return nil
		case !first && errors.Is(err, io.EOF):
			return nil
		default:
			err = c.noAnswer(ctx, writeErr, err)
		}
		if err == nil {
			err = each(r.Result)
		}
		if err != nil {
			return err
		}
	}
}
