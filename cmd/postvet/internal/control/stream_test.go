package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// numbers is a stream of numbers.
type numbers struct {
	next, last int
	waits      bool // for ctx, once the numbers are out
	text       string
	closed     chan struct{}
}

func (n *numbers) Next(ctx context.Context) (any, error) {
	if n.next == n.last {
		if !n.waits {
			return nil, io.EOF
		}
		<-ctx.Done()
		n.waits = false
		return map[string]any{"stopped": true}, nil
	}
	n.next++
	return map[string]any{"n": n.next, "text": n.text}, nil
}

func (n *numbers) Close() { close(n.closed) }

// streaming starts a server whose answers are n.
func streaming(t *testing.T, n *numbers, o Options) (*Server, *Client) {
	t.Helper()
	n.closed = make(chan struct{})
	o.UID = os.Getuid()
	o.Handler = func(context.Context, Peer, Request) (any, error) { return n, nil }
	return serve(t, o)
}

// closed waits for the end of the stream.
func (n *numbers) wait(t *testing.T) {
	t.Helper()
	select {
	case <-n.closed:
	case <-time.After(time.Minute):
		t.Error("the stream is not closed")
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	n := &numbers{last: 1000}
	_, c := streaming(t, n, Options{})
	got := 0
	err := c.Stream(t.Context(), Request{Do: DoTrace}, func(part json.RawMessage) error {
		got++
		var v struct{ N int }
		if err := json.Unmarshal(part, &v); err != nil || v.N != got {
			t.Errorf("part %d is %s", got, part)
		}
		return nil
	})
	if err != nil || got != 1000 {
		t.Errorf("%d parts, %v", got, err)
	}
	n.wait(t)
}

// TestStreamRefused: a refusal is an error as that of other requests.
func TestStreamRefused(t *testing.T) {
	t.Parallel()
	_, c := serve(t, Options{UID: os.Getuid(), Handler: func(context.Context, Peer, Request) (any, error) {
		return nil, &Refusal{Code: CodeBusy, Errors: []string{"enough"}}
	}})
	var r *Refusal
	err := c.Stream(t.Context(), Request{Do: DoTrace}, func(json.RawMessage) error { t.Error("a part"); return nil })
	if !errors.As(err, &r) || r.Code != CodeBusy || r.Error() != "enough" {
		t.Errorf("%v", err)
	}
	var u *Unreachable
	if err := (&Client{Socket: c.Socket + "x"}).Stream(t.Context(), Request{Do: DoTrace}, nil); !errors.As(err, &u) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestStreamEndsWithClient: whatever way the client goes, the stream ends.
func TestStreamEndsWithClient(t *testing.T) {
	t.Parallel()
	line, err := marshalRequest(Request{Do: DoTrace})
	if err != nil {
		t.Fatal(err)
	}
	for name, leave := range map[string]func(net.Conn){
		"closed":            func(c net.Conn) { _ = c.Close() },
		"closed to write":   func(c net.Conn) { _ = c.(*net.UnixConn).CloseWrite() },
		"something is sent": func(c net.Conn) { _, _ = io.WriteString(c, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &numbers{last: 1, waits: true}
			_, client := streaming(t, n, Options{})
			c, err := net.Dial("unix", client.Socket)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write(line); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			leave(c)
			n.wait(t)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		n := &numbers{last: 1, waits: true}
		_, c := streaming(t, n, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		if err := c.Stream(ctx, Request{Do: DoTrace}, func(json.RawMessage) error { cancel(); return nil }); err != nil {
			t.Error(err)
		}
		n.wait(t)
	})
	t.Run("an error of its own", func(t *testing.T) {
		t.Parallel()
		n := &numbers{last: 1, waits: true}
		_, c := streaming(t, n, Options{})
		if err := c.Stream(t.Context(), Request{Do: DoTrace}, func(json.RawMessage) error { return io.ErrShortWrite }); !errors.Is(err, io.ErrShortWrite) {
			t.Error(err)
		}
		n.wait(t)
	})
}

// TestStreamOfSlowReader: a client that takes nothing is let go.
func TestStreamOfSlowReader(t *testing.T) {
	t.Parallel()
	n := &numbers{last: 1000, text: strings.Repeat("x", 100_000)}
	_, client := streaming(t, n, Options{Timeout: 100 * time.Millisecond})
	c, err := net.Dial("unix", client.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, `{"v":1,"do":"trace"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	n.wait(t)
	if n.next == n.last {
		t.Error("the whole stream was written to nobody")
	}
}

// TestStreamEndsWithServer: who waits gets the last part.
func TestStreamEndsWithServer(t *testing.T) {
	t.Parallel()
	n := &numbers{last: 1, waits: true}
	s, c := streaming(t, n, Options{})
	var parts []string
	err := c.Stream(t.Context(), Request{Do: DoTrace}, func(part json.RawMessage) error {
		if parts = append(parts, string(part)); len(parts) == 1 {
			go s.Close()
		}
		return nil
	})
	if err != nil || len(parts) != 2 || parts[1] != `{"stopped":true}` {
		t.Errorf("%q, %v", parts, err)
	}
	n.wait(t)
}
