package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// outcome is what a Snapshot told at its end.
type outcome struct {
	octets int64
	err    error
}

// exporting starts a server that exports what from has.
func exporting(t *testing.T, from io.Reader) (*Client, <-chan outcome) {
	t.Helper()
	ended := make(chan outcome, 1)
	_, c := serve(t, Options{UID: os.Getuid(), Handler: func(context.Context, Peer, Request) (any, error) {
		return Snapshot(from, func(octets int64, err error) { ended <- outcome{octets, err} }), nil
	}})
	return c, ended
}

func TestExport(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, partBytes - 1, partBytes, partBytes + 1, 5*partBytes + 7} {
		want := bytes.Repeat([]byte{0, '\n', 0xff}, size)[:size]
		c, ended := exporting(t, bytes.NewReader(want))
		var got bytes.Buffer
		if err := c.Export(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d octets: %d come, %v", size, got.Len(), err)
		}
		if o := <-ended; o != (outcome{int64(size), nil}) {
			t.Errorf("%d octets: told %+v", size, o)
		}
	}
}

// TestExportEndsEarly: a snapshot that is not whole is an error on both sides.
func TestExportEndsEarly(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	c, ended := exporting(t, io.MultiReader(strings.NewReader(strings.Repeat("x", 2*partBytes)), failing{broken}))
	if err := c.Export(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("the service fails: %v", err)
	}
	if o := <-ended; o.octets != 2*partBytes || !errors.Is(o.err, broken) {
		t.Errorf("the service fails, and tells %+v", o)
	}

	full := errors.New("disk full")
	c, ended = exporting(t, strings.NewReader(strings.Repeat("x", 100*partBytes)))
	if err := c.Export(t.Context(), failing{full}); !errors.Is(err, full) {
		t.Errorf("the client fails: %v", err)
	}
	if o := <-ended; o.err == nil {
		t.Error("nobody knows that the client left")
	}

	dying := answering(t, `{"v":1,"result":{"data":"eA=="}}`+"\n")
	if err := dying.Export(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("the service dies: %v", err)
	}
}

// failing is a reader and a writer that cannot.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// loading starts a server whose handler of snapshots is load.
func loading(t *testing.T, load func(io.Reader) (Fetched, error)) *Client {
	t.Helper()
	_, c := serve(t, Options{UID: os.Getuid(), Handler: func(_ context.Context, _ Peer, q Request) (any, error) {
		if q.Do != DoCacheLoad || q.Body == nil {
			return nil, fmt.Errorf("asked for %q, with a body: %v", q.Do, q.Body != nil)
		}
		return load(q.Body)
	}})
	return c
}

func TestLoad(t *testing.T) {
	t.Parallel()
	c := loading(t, func(r io.Reader) (Fetched, error) {
		b, err := io.ReadAll(r)
		return Fetched{Source: "x", Loaded: len(b)}, err
	})
	for _, size := range []int{0, 1, maxRequest, 1 << 20} {
		f, err := c.Load(t.Context(), strings.NewReader(strings.Repeat("\n", size)))
		if err != nil || f.Loaded != size {
			t.Errorf("%d octets: %+v, %v", size, f, err)
		}
	}
	lost := errors.New("disk lost")
	if _, err := c.Load(t.Context(), io.MultiReader(strings.NewReader("x"), failing{lost})); !errors.Is(err, lost) {
		t.Errorf("a snapshot that cannot be read: %v", err)
	}
}

// TestLoadRefusedEarly: the answer of a service that reads no more comes through, also if
// the snapshot has no end, or its source is silent.
func TestLoadRefusedEarly(t *testing.T) {
	t.Parallel()
	c := loading(t, func(r io.Reader) (Fetched, error) {
		_, err := io.ReadFull(r, make([]byte, 1))
		return Fetched{}, errors.Join(errors.New("no snapshot"), err)
	})
	silent, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() })
	for name, r := range map[string]io.Reader{
		"without end": endless{}, "silent": io.MultiReader(strings.NewReader("x"), silent),
	} {
		_, err := c.Load(t.Context(), r)
		if refusal := (*Refusal)(nil); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "no snapshot") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestTrusted: a socket of another user is not believed.
func TestTrusted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := trusted(conn); err != nil {
		t.Errorf("our own: %v", err)
	}
	if err := trusts(Peer{UID: 0}, 1000); err != nil {
		t.Errorf("root: %v", err)
	}
	if err := trusts(Peer{UID: 1001}, 1000); err == nil || err.Error() != "user 1001 listens there, and neither root nor user 1000" {
		t.Errorf("another user: %v", err)
	}
}

// TestSnapshotTakesTooLong: a client that takes a part now and then does not hold the
// snapshot for ever.
func TestSnapshotTakesTooLong(t *testing.T) {
	t.Parallel()
	s := Snapshot(endless{}, func(_ int64, err error) {
		if err == nil || !strings.Contains(err.Error(), "not taken within 1m0s") {
			t.Error(err)
		}
	}).(*snapshot)
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until = time.Now().Add(-time.Second)
	if _, err := s.Next(t.Context()); err == nil {
		t.Error("goes on")
	}
	s.Close()
}
