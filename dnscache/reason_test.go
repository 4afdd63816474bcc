package dnscache_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestReason(t *testing.T) {
	t.Parallel()
	system := func(e syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "udp", Err: os.NewSyscallError("connect", e)}
	}
	certificate := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{system(syscall.ECONNREFUSED), "the resolver refuses connections"},
		{system(syscall.ECONNRESET), "the resolver closes connections"},
		{system(syscall.EHOSTUNREACH), "no route to the resolver"},
		{system(syscall.EMFILE), "too many open files"},
		{system(syscall.EADDRNOTAVAIL), "no free port for a query"},
		{system(syscall.ENOBUFS), "no memory for a query"},
		{system(syscall.EPERM), "this machine may not send queries"},
		{certificate(x509.HostnameError{Certificate: &x509.Certificate{}}), "the resolver's certificate is for another name"},
		{certificate(x509.UnknownAuthorityError{}), "the resolver's certificate is of an unknown authority"},
		{certificate(x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotAfter: time.Now().Add(-time.Hour)}}), "the resolver's certificate has expired"},
		{certificate(x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotBefore: time.Now().Add(time.Hour)}}), "the resolver's certificate is not valid yet"},
		{certificate(x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}), "the resolver's certificate is not valid"},
		{errors.New("no answer within 5s"), "timeout"},
		{nil, "timeout"},
	} {
		a := &dnscache.Answer{Outcome: dnscache.Timeout}
		if c.err != nil {
			a.Err = fmt.Errorf("dnscache: a.test TXT: 127.0.0.1:53: %w", c.err)
		}
		if got := a.Reason(); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
	known := &dnscache.Answer{Outcome: dnscache.NXDomain, Err: dnscache.ErrName}
	if got := known.Reason(); got != "" {
		t.Errorf("a known outcome has the reason %q", got)
	}
}

// The reason of a real failure reaches the caller.
func TestReasonOfARefusedConnection(t *testing.T) { undisturbed(t, reasonOfARefusedConnection) }

func reasonOfARefusedConnection(t testing.TB) {
	s, err := dnstest.NewServer("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolver(dnscache.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.Lookup(t.Context(), "a.test", dnscache.TXT).Reason(); got != "the resolver refuses connections" {
		t.Errorf("reason %q", got)
	}
}
