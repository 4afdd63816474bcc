// Package transfer brings the answers of the DNS cache from one machine to another: over
// HTTPS, where both ends prove by certificates who they are, or from the control socket of
// another service on this machine, or at the end of a tunnel.
//
// A server is believed about every name, and a client sees who writes to whom. So both must
// be known. A client accepts no server but the one that it names, with a
// certificate of the given authorities; a server accepts no client without one of these for
// a name on its list. What comes is bounded, and judged by [dnscache.Resolver.Import].
package transfer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
)

// path is where a server has its snapshot.
const path = "/snapshot"

// Files are the paths of the files (PEM) by which a machine proves who it is, and those of
// the authorities for others. They are read at each connection, so that renewed ones count
// at once.
type Files struct {
	Certificate, Key, CA string
}

// read returns the certificate with its key, and the authorities.
func (f Files) read() (tls.Certificate, *x509.CertPool, error) {
	var none tls.Certificate
	if f.Certificate == "" || f.Key == "" || f.CA == "" {
		return none, nil, errors.New("peers.certificate, peers.key and peers.ca_file are needed; set all three")
	}
	chain, err := input.ReadFile(f.Certificate, 1)
	if err != nil {
		return none, nil, fmt.Errorf("peers.certificate: %w; name a readable file (PEM)", err)
	}
	key, err := keys.ReadSecret(f.Key)
	if err != nil {
		return none, nil, fmt.Errorf("peers.key: %w", err)
	}
	certificate, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return none, nil, fmt.Errorf("peers.certificate %s and peers.key %s cannot be used together: %w", f.Certificate, f.Key, err)
	}
	text, err := input.ReadFile(f.CA, 1)
	if err != nil {
		return none, nil, fmt.Errorf("peers.ca_file: %w; name a readable file (PEM)", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return none, nil, fmt.Errorf("peers.ca_file: %s has no certificate in PEM; name the file of your own authority", f.CA)
	}
	return certificate, pool, nil
}

// Check returns what is wrong with the files, nil if nothing is.
func (f Files) Check() error {
	_, _, err := f.read()
	return err
}
