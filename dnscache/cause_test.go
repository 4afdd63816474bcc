package dnscache

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestCauseOfError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want Cause
	}{
		{syscall.ECONNREFUSED, CauseResolver},
		{syscall.ECONNRESET, CauseResolver},
		{syscall.EPIPE, CauseResolver},
		{syscall.ETIMEDOUT, CauseResolver},
		{errStreamEnded, CauseResolver},
		{errors.New("x509: certificate has expired"), CauseResolver},
		{syscall.EMFILE, CauseHost},
		{syscall.ENFILE, CauseHost},
		{syscall.ENOBUFS, CauseHost},
		{syscall.EAGAIN, CauseHost},
		{syscall.EADDRNOTAVAIL, CauseHost},
		{syscall.ENETUNREACH, CauseHost},
		{syscall.EHOSTUNREACH, CauseHost},
		{syscall.EPERM, CauseHost},
	} {
		wrapped := fmt.Errorf("192.0.2.1:53: %w", &net.OpError{Op: "dial", Net: "udp", Err: os.NewSyscallError("socket", c.err)})
		if got := causeOf(wrapped); got != c.want || got == CauseName {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

// Want of something on this machine is no reason to ask an upstream that does not validate.
func TestReplacedAfterAnErrorOfThisMachine(t *testing.T) {
	t.Parallel()
	for _, e := range hostErrors {
		lack := errors.Is(e, syscall.EMFILE) || errors.Is(e, syscall.ENFILE) || errors.Is(e, syscall.ENOBUFS) || errors.Is(e, syscall.ENOMEM) ||
			errors.Is(e, syscall.EAGAIN) || errors.Is(e, syscall.EADDRNOTAVAIL) || errors.Is(e, syscall.EADDRINUSE)
		f := &failure{outcome: Timeout, reason: &net.OpError{Op: "dial", Err: e}, cause: CauseHost}
		if got := replaced(t.Context(), f, nil); got == lack {
			t.Errorf("%v: %v", e, got)
		}
	}
}
