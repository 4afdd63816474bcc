package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// TransferTime bounds a snapshot of the cache on its way.
const TransferTime = time.Minute

// SnapshotPart is a part of the result of DoCacheExport.
type SnapshotPart struct {
	Data []byte `json:"data"`
	// Last is true in the last part, which has no data.
	Last bool `json:"last,omitempty"`
}

// partBytes is how much of a snapshot comes in one part.
const partBytes = 256 << 10

// Snapshot is a [Stream] that sends a snapshot in parts, within TransferTime. Ended is
// called once, with the octets that were sent and what went wrong.
func Snapshot(from io.Reader, ended func(octets int64, err error)) Stream {
	return &snapshot{from: from, until: time.Now().Add(TransferTime), ended: ended}
}

type snapshot struct {
	from   io.Reader
	until  time.Time
	ended  func(int64, error)
	octets int64
	last   bool
	err    error
}

func (s *snapshot) Next(ctx context.Context) (any, error) {
	if s.last {
		return nil, io.EOF
	}
	if ctx.Err() == nil && time.Now().After(s.until) {
		s.err = fmt.Errorf("it was not taken within %v", TransferTime)
	} else {
		s.err = ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	b := make([]byte, partBytes)
	n, err := io.ReadFull(s.from, b)
	s.octets += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		s.last = true
		return SnapshotPart{Last: true}, nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		s.err = err
		return nil, err
	}
	return SnapshotPart{Data: b[:n]}, nil
}

func (s *snapshot) Close() {
	if !s.last && s.err == nil {
		s.err = errors.New("the client left")
	}
	s.ended(s.octets, s.err)
}

// Fetched is the result of DoCacheLoad and DoCacheFetch: where answers came from, and what
// became of them.
type Fetched struct {
	Source string `json:"source"`
	// Loaded are in the cache now. Known were there, by lookups of this service. Over had
	// expired or are more than the cache can hold. Negative were no records.
	Loaded   int `json:"loaded"`
	Known    int `json:"known"`
	Over     int `json:"over"`
	Negative int `json:"negative"`
	// Failed says why sources that come first gave nothing, a line for each.
	Failed []string `json:"failed,omitempty"`
}

// Text returns what was fetched in one line, and before it a line for each source that gave
// nothing.
func (f Fetched) Text() string {
	var text string
	for _, why := range f.Failed {
		text += foreign.Terminal(why, foreign.Whole) + "\n"
	}
	text += layout.Count(f.Loaded, "answer") + " loaded from " + f.Source
	if f.Known > 0 {
		text += fmt.Sprintf(", %d known already", f.Known)
	}
	if f.Over > 0 {
		text += fmt.Sprintf(", %d expired or too many", f.Over)
	}
	if f.Negative > 0 {
		text += fmt.Sprintf(", %d negative ones left out", f.Negative)
	}
	return text
}

// Export writes a snapshot of the service's cache to w. The error is that of w, or one as Do
// returns it; a snapshot that is not whole is an error.
func (c *Client) Export(ctx context.Context, w io.Writer) error {
	whole := false
	err := c.Stream(ctx, Request{Do: DoCacheExport}, func(part json.RawMessage) error {
		var p SnapshotPart
		if err := json.Unmarshal(part, &p); err != nil {
			return refuse(CodeVersion, "the snapshot is not understood; use the command that belongs to the service")
		}
		whole = p.Last
		_, err := w.Write(p.Data)
		return err
	})
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return c.noAnswer(ctx, nil, ctx.Err())
	case !whole:
		return c.noAnswer(ctx, nil, io.EOF)
	}
	return nil
}

// Load has the service load a snapshot, which is read until it ends or the service has
// refused it; a read may still be under way then. The error is that of from, or one as Do
// returns it.
func (c *Client) Load(ctx context.Context, from io.Reader) (Fetched, error) {
	var f Fetched
	conn, writeErr, err := c.send(ctx, Request{Do: DoCacheLoad})
	if err != nil {
		return f, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_ = conn.SetWriteDeadline(time.Time{})
	source := &keepingError{from: from}
	if writeErr == nil {
		go func() {
			_, _ = io.Copy(conn, source) // the service's answer says why it took no more
			_ = conn.(*net.UnixConn).CloseWrite()
		}()
	}
	limited := &io.LimitedReader{R: conn, N: maxResponse}
	r, err := readResponse(bufio.NewReader(limited), limited)
	if failed := source.err.Load(); failed != nil {
		return f, *failed
	}
	if err != nil {
		return f, c.noAnswer(ctx, writeErr, err)
	}
	if err := c.result(r); err != nil {
		return f, err
	}
	if err := json.Unmarshal(r.Result, &f); err != nil {
		return f, c.mismatch(r)
	}
	return f, nil
}

// keepingError keeps the error of a reader.
type keepingError struct {
	from io.Reader
	err  atomic.Pointer[error]
}

func (k *keepingError) Read(p []byte) (int, error) {
	n, err := k.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err.Store(&err)
	}
	return n, err
}

// trusted returns nil if the process that listens at the other end of a connection is one of
// root or of our own user: others may have made a socket at that path.
func trusted(conn net.Conn) error {
	peer, err := peerOf(conn)
	if err != nil {
		return fmt.Errorf("who listens there cannot be found out: %w", err)
	}
	return trusts(peer, os.Geteuid())
}

// trusts returns nil if the user uid takes the word of a peer.
func trusts(peer Peer, uid int) error {
	if peer.UID != 0 && peer.UID != uid {
		return fmt.Errorf("user %d listens there, and neither root nor user %d", peer.UID, uid)
	}
	return nil
}
