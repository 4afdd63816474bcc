package dnstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// ListenTLS makes the server answer over TLS too (RFC 7858), on another loopback
// port. The certificate is for the host name, not for the address. roots contains the
// authority that issued it. Close stops this listener too.
func (s *Server) ListenTLS(host string) (addr string, roots *x509.CertPool, err error) {
	return s.ListenTLSWith(&x509.Certificate{
		DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	})
}

// ListenTLSWith is ListenTLS with a certificate that has the names and times of template.
func (s *Server) ListenTLSWith(template *x509.Certificate) (addr string, roots *x509.CertPool, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, err
	}
	template = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: template.Subject, DNSNames: template.DNSNames, IPAddresses: template.IPAddresses,
		NotBefore: template.NotBefore, NotAfter: template.NotAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", nil, err
	}
	roots = x509.NewCertPool()
	roots.AddCert(cert)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var up sync.WaitGroup
	up.Add(1)
	srv := &dns.Server{
		Listener: tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}),
		Handler:  dns.HandlerFunc(s.serve), NotifyStartedFunc: up.Done,
	}
	go srv.ActivateAndServe()
	up.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secure = append(s.secure, srv)
	return l.Addr().String(), roots, nil
}

// networkOf returns the network of a query, in the words of Query.Net.
func networkOf(w dns.ResponseWriter) string {
	if c, ok := w.(dns.ConnectionStater); ok && c.ConnectionState() != nil {
		return "tls"
	}
	return w.RemoteAddr().Network()
}
