package dnscache

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// certificateError says what is wrong with the certificate of an upstream, and how that
// can be put right.
type certificateError struct {
	text string
	err  error
}

func (e *certificateError) Error() string { return e.text }
func (e *certificateError) Unwrap() error { return e.err }

// uncertified reports whether no upstream can be asked for the sake of its certificate. That
// does not change while a question waits.
func (us *upstreams) uncertified() bool {
	list := *us.list.Load()
	for _, u := range list {
		if !u.streams.uncertified() {
			return false
		}
	}
	return len(list) > 0
}

func (ss *streams) uncertified() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.open) == 0 && ss.pause.lasting(time.Now()) != nil
}

// explained returns the error of dialling in words that a person can act upon, if it is
// about a certificate.
func explained(err error) error {
	var verification *tls.CertificateVerificationError
	if !errors.As(err, &verification) {
		return err
	}
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	text := "certificate: " + printable(err.Error(), maxCertificateText)
	switch {
	case errors.As(err, &host):
		text = fmt.Sprintf("the certificate is for %s, not for %s; write one of its names after # in dns.resolvers, or get one for that name", certificateNames(host.Certificate), printable(host.Host, maxCertificateName))
	case errors.As(err, &authority):
		issuer := "its issuer"
		if authority.Cert != nil && authority.Cert.Issuer.String() != "" {
			issuer = printable(authority.Cert.Issuer.String(), maxCertificateName)
		}
		text = fmt.Sprintf("the certificate is issued by %s, which is no known authority; name a file with the certificate of that authority in dns.tls_ca", issuer)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		text = expiry(invalid.Cert, time.Now())
	case errors.As(err, &invalid):
		text = "the certificate is not valid: " + printable(invalid.Error(), maxCertificateText)
	}
	return &certificateError{text: text, err: err}
}

// expiry says when a certificate, of the upstream or of an authority, is valid.
func expiry(c *x509.Certificate, now time.Time) string {
	if now.Before(c.NotBefore) {
		return fmt.Sprintf("the certificate of %s is not valid before %s; compare the clock of this machine", certificateNames(c), day(c.NotBefore))
	}
	return fmt.Sprintf("the certificate of %s has expired at %s; renew it on the resolver", certificateNames(c), day(c.NotAfter))
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// These bound the text of a certificate, which its owner writes.
const (
	maxCertificateNames = 5
	maxCertificateName  = 80
	maxCertificateText  = 200
)

// certificateNames returns the names of a certificate, for people.
func certificateNames(c *x509.Certificate) string {
	var names []string
	if c != nil {
		for _, n := range c.DNSNames {
			names = append(names, printable(n, maxCertificateName))
		}
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		if len(names) == 0 && c.Subject.String() != "" {
			names = append(names, printable(c.Subject.String(), maxCertificateName))
		}
	}
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > maxCertificateNames:
		return strings.Join(names[:maxCertificateNames], ", ") + fmt.Sprintf(" and %d more", len(names)-maxCertificateNames)
	}
	return strings.Join(names, ", ")
}
