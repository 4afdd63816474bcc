package dnscache

import (
	"crypto/x509"
	"errors"
	"syscall"
	"time"
)

// Reason returns why a lookup failed in words, without the address of a resolver: what
// stood between this machine and the resolver or failed validation, if that is known, and
// else the outcome. It is "" if the outcome is Known.
func (a *Answer) Reason() string {
	if a.Outcome.Known() {
		return ""
	}
	for _, w := range systemReasons {
		for _, e := range w.errors {
			if errors.Is(a.Err, e) {
				return w.text
			}
		}
	}
	var bogus *bogusError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(a.Err, &bogus):
		return bogus.Error()
	case errors.As(a.Err, &name):
		return "the resolver's certificate is for another name"
	case errors.As(a.Err, &authority):
		return "the resolver's certificate is of an unknown authority"
	case errors.As(a.Err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil && time.Now().Before(invalid.Cert.NotBefore):
		return "the resolver's certificate is not valid yet"
	case errors.As(a.Err, &invalid) && invalid.Reason == x509.Expired:
		return "the resolver's certificate has expired"
	case errors.As(a.Err, &invalid):
		return "the resolver's certificate is not valid"
	}
	return a.Outcome.String()
}

// systemReasons are the words for errors of the system, and of the wait for a turn. The
// first that fits counts.
var systemReasons = []struct {
	text   string
	errors []error
}{
	{"too many questions wait for the resolver", []error{errBusy}},
	{"the resolver refuses connections", []error{syscall.ECONNREFUSED}},
	{"the resolver closes connections", []error{syscall.ECONNRESET, syscall.EPIPE, errStreamEnded}},
	{"no route to the resolver", []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EAFNOSUPPORT}},
	{"too many open files", []error{syscall.EMFILE, syscall.ENFILE}},
	{"no free port for a query", []error{syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN}},
	{"no memory for a query", []error{syscall.ENOBUFS, syscall.ENOMEM}},
	{"this machine may not send queries", []error{syscall.EPERM, syscall.EACCES}},
}
