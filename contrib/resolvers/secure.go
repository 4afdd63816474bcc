//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// resolverName is the name that our resolver wants in the certificate.
const resolverName = "resolver.example"

// secured are the lines that have a program answer over TLS on the port PORT.
var secured = map[string]string{
	"unbound": "  interface: 127.0.0.1@PORT\n  tls-port: PORT\n  tls-service-key: \"" + dir + "/key.pem\"\n  tls-service-pem: \"" + dir + "/cert.pem\"\n",
	"dnsdist": "addTLSLocal('127.0.0.1:PORT', '" + dir + "/cert.pem', '" + dir + "/key.pem')\n",
	"kresd":   "net.tls('" + dir + "/cert.pem', '" + dir + "/key.pem')\nnet.listen('127.0.0.1', PORT, { kind = 'tls' })\n",
}

// certificate is what is wrong with a certificate.
type certificate struct {
	name    string // in place of resolverName
	expired bool
}

// overTLS has our resolver ask the program over TLS. The authority that issued the
// certificate is known to our resolver.
func overTLS(c certificate) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) error {
		pool, cert, key, err := c.issue()
		if err != nil {
			return err
		}
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		lines := strings.ReplaceAll(s.lines, "PORT", fmt.Sprint(addr.Port()))
		if _, err := s.run(ctx, s.program, setting{lines: lines, files: map[string]string{"cert.pem": cert, "key.pem": key}}); err != nil {
			return err
		}
		s.options.Upstreams = []string{"tls://" + addr.String() + "#" + resolverName}
		s.options.RootCAs = pool
		return nil
	}
}

// issue makes an authority and a certificate of it, with its key.
func (c certificate) issue() (pool *x509.CertPool, cert, key string, err error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", "", err
	}
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private authority"},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, "", "", err
	}
	if authority, err = x509.ParseCertificate(der); err != nil {
		return nil, "", "", err
	}
	pool = x509.NewCertPool()
	pool.AddCert(authority)

	ownKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", "", err
	}
	own := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{resolverName},
		NotBefore: now.Add(-47 * time.Hour), NotAfter: now.Add(23 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if c.name != "" {
		own.DNSNames = []string{c.name}
	}
	if c.expired {
		own.NotAfter = now.Add(-time.Hour)
	}
	if der, err = x509.CreateCertificate(rand.Reader, own, authority, ownKey.Public(), authorityKey); err != nil {
		return nil, "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(ownKey)
	if err != nil {
		return nil, "", "", err
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return pool, block("CERTIFICATE", der), block("PRIVATE KEY", private), nil
}
