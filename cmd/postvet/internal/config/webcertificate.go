package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// StartFaults returns faults of files that the service reads at its start, and without which
// it does not start. Loading does not read them, as only the service's user may be able to.
func (c *Config) StartFaults() Errors {
	w := &c.Web
	if w.Listen == "" || w.TLSCert == "" || w.TLSKey == "" {
		return nil
	}
	for _, f := range [...]struct{ key, file string }{{"web.tls_cert", w.TLSCert}, {"web.tls_key", w.TLSKey}} {
		if _, err := os.Stat(f.file); errors.Is(err, fs.ErrNotExist) {
			return Errors{c.fault(f.key, cite(f.file)+" does not exist, so that the service does not start", "name a file in PEM")}
		}
	}
	if _, err := tls.LoadX509KeyPair(w.TLSCert, w.TLSKey); err != nil && !errors.Is(err, fs.ErrPermission) {
		return Errors{c.fault("web.tls_key", fmt.Sprintf("%s and %s cannot be used, so that the service does not start: %v", cite(w.TLSCert), cite(w.TLSKey), err),
			"name a certificate with its chain in tls_cert, and its private key in tls_key, both in PEM")}
	}
	return nil
}
