package config

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// checkTLSCA accepts a path of a file.
func checkTLSCA(s string) (normal, problem, remedy string) {
	normal, problem, _ = checkRuleFile(s)
	return normal, problem, `write a path such as "/etc/postvet/authority.pem"`
}

// loadTLSCA reads the file of dns.tls_ca.
func (c *Config) loadTLSCA() error {
	const key = "dns.tls_ca"
	c.DNS.Authorities = nil
	name := c.DNS.TLSCA
	if name == "" {
		return nil
	}
	at := c.origin[key]
	fault := func(problem, remedy string) error { return Errors{c.fault(key, problem, remedy)} }
	if !filepath.IsAbs(name) && at.line > 0 {
		name = filepath.Join(filepath.Dir(at.file), name)
	}
	text, problem := readList(name)
	if problem != "" {
		return fault(problem, "name a readable file with the certificate of the authority (PEM)")
	}
	pool, problem := authorities(text)
	if problem != "" {
		return fault(cite(name)+" "+problem, `name a file with certificates of authorities, each between "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----"`)
	}
	c.DNS.Authorities = pool
	return nil
}

// authorities returns the certificates in a file. The problem says why there are none.
func authorities(text []byte) (pool *x509.CertPool, problem string) {
	pool = x509.NewCertPool()
	n, other := 0, ""
	for len(text) > 0 {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			other = block.Type
			continue
		}
		n++
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Sprintf("has a certificate that cannot be read, number %d: %s", n, foreign.Terminal(err.Error(), maxShown))
		}
		pool.AddCert(certificate)
	}
	switch {
	case n > 0:
		return pool, ""
	case other != "":
		return nil, "has no certificate, but something else: " + foreign.Terminal(strings.ToLower(other), maxShown)
	}
	return nil, "has no certificate in PEM"
}
