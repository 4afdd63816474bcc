package control

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// answering returns a socket that gives one connection an answer that no server
// gives.
func answering(t *testing.T, answer string) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = bufio.NewReader(c).ReadString('\n')
		if answer == "silence" {
			_, _ = io.Copy(io.Discard, c) // until the client leaves
			return
		}
		_, _ = io.WriteString(c, answer)
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return &Client{Socket: path, Postvet: "postvet 2"}
}

func TestClientErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		c    *Client
		says string
	}{
		{"no socket", &Client{Socket: filepath.Join(dir, "absent")}, "it does not run, or its configuration has no control.socket; start it"},
		{"left from a dead service", &Client{Socket: stale}, "left from a service that is dead; start it"},
		{"a file", &Client{Socket: file}, "is not a socket; name the right one"},
		{"a path too long", &Client{Socket: "/" + strings.Repeat("x", 200)}, "; name the right socket"},
		{"another program", answering(t, "220 mx.example.org ESMTP\r\n"), "is not Postvet's control socket; name the right one"},
		{"endless", answering(t, strings.Repeat("x", maxResponse+10)), "is not Postvet's control socket; name the right one"},
		{"it dies", answering(t, ""), "without an answer; look at its log"},
		{"it dies in the middle", answering(t, `{"v":1,"pos`), "without an answer; look at its log"},
		{"another version", answering(t, `{"v":7,"postvet":"postvet 9"}`+"\n"), "the service is postvet 9 and is not understood by this command, postvet 2; restart the service"},
		{"it knows of no such version", answering(t, `{"v":7,"code":"version","errors":["x"],"postvet":"postvet 9"}`+"\n"), "the service is postvet 9 and"},
		{"a result of another kind", answering(t, `{"v":1,"postvet":"postvet 9","result":5}`+"\n"), "the service is postvet 9 and"},
		{"no result", answering(t, `{"v":1,"postvet":"postvet 9"}`+"\n"), "the service is postvet 9 and"},
		{"no, without a reason", answering(t, `{"v":1,"code":"failed"}`+"\n"), "without a reason; look at its log"},
		{"silence", answering(t, "silence"), "did not answer in time; look at its log"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		if tc.name == "silence" {
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		}
		var s Status
		err := tc.c.Do(ctx, Request{Do: DoStatus}, &s)
		cancel()
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestDialErrors tests the errors that need another user or a full queue.
func TestDialErrors(t *testing.T) {
	t.Parallel()
	c := &Client{Socket: "/run/postvet/control.sock"}
	for _, tc := range []struct {
		err  error
		says string
	}{
		{fs.ErrPermission, "permission denied for user "},
		{syscall.EACCES, "become root or the user of the service"},
		{syscall.EAGAIN, "does not take the connection"},
		{syscall.EPROTOTYPE, "is not a control socket"},
		{syscall.ENOMEM, "cannot connect"},
	} {
		err := c.dialError(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", tc.err)})
		if !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "; ") || !errors.Is(err, tc.err) {
			t.Errorf("%v: %v", tc.err, err)
		}
	}
}
