package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// serve starts a server on a socket of its own and closes it with the test.
func serve(t *testing.T, o Options) (*Server, *Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pv") // a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if o.Handler == nil {
		o.Handler = func(_ context.Context, _ Peer, q Request) (any, error) { return q, nil }
	}
	o.Postvet, o.GID = "postvet 1", -1
	s := NewServer(o)
	s.Start(l)
	t.Cleanup(s.Close)
	return s, &Client{Socket: path, Postvet: "postvet 2"}
}

// raw sends bytes and returns all that comes back.
func raw(t *testing.T, path, text string) string {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	_, _ = io.WriteString(c, text)
	_ = c.(*net.UnixConn).CloseWrite()
	b, _ := io.ReadAll(c)
	return string(b)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	fault := &Refusal{Code: CodeRefused, Errors: []string{"one", "two"}}
	_, c := serve(t, Options{UID: os.Getuid(), Handler: func(_ context.Context, p Peer, q Request) (any, error) {
		if p.UID != os.Getuid() || p.PID != os.Getpid() || len(p.GIDs) == 0 {
			t.Errorf("the peer is %+v", p)
		}
		switch q.Do {
		case DoReload:
			return nil, fault
		case DoCacheFlush:
			return nil, errors.New("out of luck")
		}
		return q, nil
	}})
	var q Request
	want := Request{V: Version, Do: DoLogLevel, Level: "debug", For: 60}
	if err := c.Do(t.Context(), want, &q); err != nil || q != want {
		t.Errorf("%+v, %v", q, err)
	}
	var r *Refusal
	if err := c.Do(t.Context(), Request{Do: DoReload}, nil); !errors.As(err, &r) || r.Code != CodeRefused || r.Error() != "one\ntwo" {
		t.Errorf("refused: %v", err)
	}
	if err := c.Do(t.Context(), Request{Do: DoCacheFlush, All: true}, nil); !errors.As(err, &r) || r.Code != CodeFailed || r.Error() != "out of luck" {
		t.Errorf("failed: %v", err)
	}
}

// TestHostileBytes: whatever is sent, the answer is one line, or none if nothing
// was sent, and the server goes on.
func TestHostileBytes(t *testing.T) {
	t.Parallel()
	_, c := serve(t, Options{UID: os.Getuid()})
	for _, tc := range []struct{ name, text, code string }{
		{"nothing", "", "none"},
		{"an empty line", "\n", CodeRequest},
		{"no end of line", `{"v":1,"do":"status"}`, ""},
		{"garbage", "\x00\xff\xfe\n", CodeRequest},
		{"HTTP", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", CodeRequest},
		{"as long as may be", `{"v":1,"do":"status"}` + strings.Repeat(" ", maxRequest-30) + "\n", ""},
		{"too long", `{"v":1,"do":"` + strings.Repeat("x", maxRequest) + "\"}\n", CodeRequest},
		{"endless", strings.Repeat("x", 1<<20), CodeRequest},
		{"deep", strings.Repeat("[", maxRequest-1) + "\n", CodeRequest},
		{"pipelined", `{"v":1,"do":"status"}` + "\n" + `{"v":1,"do":"reload"}` + "\n", ""},
		{"another version", `{"v":99,"do":"status"}` + "\n", CodeVersion},
	} {
		got := raw(t, c.Socket, tc.text)
		if tc.code == "none" {
			if got != "" {
				t.Errorf("%s: %q", tc.name, got)
			}
			continue
		}
		var r Response
		if err := json.Unmarshal([]byte(got), &r); err != nil || r.Code != tc.code || strings.Count(got, "\n") != 1 || r.V != Version || r.Postvet != "postvet 1" {
			t.Errorf("%s: %.200q", tc.name, got)
		}
	}
	if err := c.Do(t.Context(), Request{Do: DoStatus}, nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		peer Peer
		gid  int
		want bool
	}{
		{"root", Peer{UID: 0, GIDs: []int{0}}, -1, true},
		{"the user", Peer{UID: 99, GIDs: []int{99}}, -1, true},
		{"another user", Peer{UID: 1000, GIDs: []int{1000}}, -1, false},
		{"another user, without a group set", Peer{UID: 1000, GIDs: []int{-1}}, -1, false},
		{"its first group", Peer{UID: 1000, GIDs: []int{4}}, 4, true},
		{"a further group", Peer{UID: 1000, GIDs: []int{1000, 4}}, 4, true},
		{"other groups", Peer{UID: 1000, GIDs: []int{1000, 5}}, 4, false},
	} {
		if got := tc.peer.may(99, tc.gid); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// TestTooMany: while all requests that may be carried out at once are, others get an
// answer that says so.
func TestTooMany(t *testing.T) {
	t.Parallel()
	began, end := make(chan struct{}), make(chan struct{})
	_, c := serve(t, Options{UID: os.Getuid(), MaxConnections: 2, Timeout: time.Minute, Handler: func(_ context.Context, _ Peer, q Request) (any, error) {
		if q.Do == DoReload {
			began <- struct{}{}
			<-end
		}
		return q, nil
	}})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			if err := c.Do(t.Context(), Request{Do: DoReload}, nil); err != nil {
				t.Error(err)
			}
		})
		<-began
	}
	var r *Refusal
	if err := c.Do(t.Context(), Request{Do: DoStatus}, nil); !errors.As(err, &r) || r.Code != CodeBusy {
		t.Errorf("with all connections in use: %v", err)
	}
	close(end)
	wait.Wait()
	if err := c.Do(t.Context(), Request{Do: DoStatus}, nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestOneUserLeavesSlots: a single user cannot take all slots.
func TestOneUserLeavesSlots(t *testing.T) {
	t.Parallel()
	s := NewServer(Options{MaxConnections: 8})
	take := func(uid int) error {
		_, err := s.take(&conn{peer: Peer{UID: uid}, replaced: make(chan struct{})})
		return err
	}
	for i, tc := range []struct {
		uid int
		ok  bool
	}{{1000, true}, {1000, true}, {1000, true}, {1000, true}, {1000, true}, {1000, true}, {1000, false}, {0, true}, {0, true}, {0, false}} {
		if err := take(tc.uid); (err == nil) != tc.ok {
			t.Errorf("slot %d, user %d: %v", i, tc.uid, err)
		}
	}
}

// TestIdleConnections: five hundred connections that send nothing, or half a request, do
// not keep a request from its answer, and the oldest of them learn why they end.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	s, c := serve(t, Options{UID: os.Getuid(), Timeout: time.Minute})
	conns := silent(t, c, 500)
	for _, conn := range conns[250:] {
		_, _ = io.WriteString(conn, `{"v":1,`) // the server may have closed it
	}
	shortest := time.Minute
	for range 5 {
		began := time.Now()
		if err := c.Do(t.Context(), Request{Do: DoStatus}, nil); err != nil {
			t.Error(err)
		}
		shortest = min(shortest, time.Since(began))
	}
	if shortest > time.Second { // one alone may meet a machine that stands still
		t.Errorf("each answer took %v or more", shortest)
	}
	var r Response
	_ = conns[0].SetReadDeadline(time.Now().Add(time.Minute))
	told, _ := io.ReadAll(conns[0])
	if err := json.Unmarshal(told, &r); err != nil || r.Code != CodeBusy {
		t.Errorf("the oldest is told %q", told)
	}
	if n := s.idle.Len(); n > s.opt.MaxIdle {
		t.Errorf("%d are idle, want at most %d", n, s.opt.MaxIdle)
	}
}

// TestSilentClients: connections that send nothing are closed.
func TestSilentClients(t *testing.T) {
	t.Parallel()
	_, c := serve(t, Options{UID: os.Getuid(), Timeout: 50 * time.Millisecond})
	for _, conn := range silent(t, c, 2) {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("a silent client is told %d, %v", n, err)
		}
	}
}

// silent opens connections that send nothing.
func silent(t *testing.T, c *Client, n int) (conns []net.Conn) {
	t.Helper()
	for range n {
		conn, err := net.Dial("unix", c.Socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		conns = append(conns, conn)
	}
	return conns
}

// TestOneAfterTheOther: after its answer a client can ask again, although the
// server may not yet have closed its last connection.
func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	_, c := serve(t, Options{UID: os.Getuid(), MaxConnections: 1})
	for i := range 500 {
		if err := c.Do(t.Context(), Request{Do: DoStatus}, nil); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
}

// TestCloseEndsRequests: Close ends the contexts of requests, and they are still
// answered.
func TestCloseEndsRequests(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	s, c := serve(t, Options{UID: os.Getuid(), Handler: func(ctx context.Context, _ Peer, _ Request) (any, error) {
		close(began)
		<-ctx.Done()
		return nil, refuse(CodeBusy, "it ends; come back")
	}})
	var wait sync.WaitGroup
	wait.Go(func() {
		var r *Refusal
		if err := c.Do(t.Context(), Request{Do: DoReload}, nil); !errors.As(err, &r) || r.Code != CodeBusy {
			t.Errorf("the one who waits is told %v", err)
		}
	})
	<-began
	idle, err := net.Dial("unix", c.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	s.Close()
	wait.Wait()
	s.Close()
}
