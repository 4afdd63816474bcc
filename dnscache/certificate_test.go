package dnscache_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

const notAccepted = "dns upstream is not asked, its certificate is not accepted"

// RFC 8310 section 5: a certificate that is not valid ends the lookup. The log says once what
// is wrong, and the lookups that follow fail at once with the same words.
func TestCertificates(t *testing.T) {
	t.Parallel()
	now := time.Now()
	names := make([]string, 7)
	for i := range names {
		names[i] = fmt.Sprintf("ns%d.example.org", i)
	}
	valid := x509.Certificate{DNSNames: []string{"dns.example.test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	for _, c := range []struct {
		name     string
		template x509.Certificate
		stranger bool // the authority is not known
		log      string
		reason   string
	}{
		{
			"expired",
			x509.Certificate{DNSNames: valid.DNSNames, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)},
			false,
			"the certificate of dns.example.test has expired at " + now.Add(-time.Hour).UTC().Format(time.RFC3339) + "; renew it on the resolver", "the resolver's certificate has expired",
		},
		{
			"not valid yet",
			x509.Certificate{DNSNames: valid.DNSNames, NotBefore: now.Add(time.Hour), NotAfter: now.Add(2 * time.Hour)},
			false,
			"the certificate of dns.example.test is not valid before " + now.Add(time.Hour).UTC().Format(time.RFC3339) + "; compare the clock of this machine", "the resolver's certificate is not valid yet",
		},
		{
			"other names",
			x509.Certificate{DNSNames: []string{"ns.example.org"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, NotBefore: valid.NotBefore, NotAfter: valid.NotAfter},
			false,
			"the certificate is for ns.example.org, 192.0.2.1, not for dns.example.test; write one of its names after # in dns.resolvers", "the resolver's certificate is for another name",
		},
		{
			"many names",
			x509.Certificate{DNSNames: names, NotBefore: valid.NotBefore, NotAfter: valid.NotAfter},
			false,
			"the certificate is for ns0.example.org, ns1.example.org, ns2.example.org, ns3.example.org, ns4.example.org and 2 more, not for ", "the resolver's certificate is for another name",
		},
		{
			"unknown authority",
			x509.Certificate{Subject: pkix.Name{CommonName: "Our \x1b[2JOwn"}, DNSNames: valid.DNSNames, NotBefore: valid.NotBefore, NotAfter: valid.NotAfter},
			true,
			"the certificate is issued by CN=Our ?[2JOwn, which is no known authority; name a file with the certificate of that authority in dns.tls_ca", "the resolver's certificate is of an unknown authority",
		},
	} {
		runUndisturbed(t, c.name, func(t testing.TB) {
			s, err := dnstest.NewServer("*.test. TXT x")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			addr, roots, err := s.ListenTLSWith(&c.template)
			if err != nil {
				t.Fatal(err)
			}
			if c.stranger {
				roots = x509.NewCertPool()
			}
			core, logs := observer.New(zap.InfoLevel)
			r := resolver(t, dnscache.Options{Upstreams: []string{"tls://" + addr + "#dns.example.test"}, RootCAs: roots, Timeout: 20 * time.Second, AttemptTimeout: 10 * time.Second, Logger: zap.New(core)})
			began := time.Now()
			for i := range 20 {
				a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
				if a.Outcome != dnscache.Timeout || a.Cause != dnscache.CauseResolver || !strings.Contains(a.Err.Error(), c.log) || a.Reason() != c.reason {
					t.Fatalf("%v, %v, %v, %q", a.Outcome, a.Cause, a.Err, a.Reason())
				}
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("20 lookups take %v", took)
			}
			eventually(t, func() bool { return logs.FilterMessage(notAccepted).Len() > 0 })
			u := r.Stats().Upstreams[0]
			said := logs.FilterMessage(notAccepted).All()
			if len(said) != 1 || !strings.Contains(fmt.Sprint(said[0].ContextMap()["error"]), c.log) || !strings.Contains(u.Certificate, c.log) {
				t.Errorf("said %v, status %q", said, u.Certificate)
			}
			if u.Connections > 12 {
				t.Errorf("%d connections for 20 lookups", u.Connections)
			}
			if n := len(s.Queries()); n != 0 {
				t.Errorf("%d queries", n)
			}
		})
	}
}

// When the certificate is renewed, lookups work again without a restart.
func TestRenewedCertificate(t *testing.T) { undisturbed(t, renewedCertificate) }

func renewedCertificate(t testing.TB) {
	now := time.Now()
	s, err := dnstest.NewServer("*.test. TXT x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	bad, roots, err := s.ListenTLSWith(&x509.Certificate{DNSNames: []string{"dns.test"}, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	good, valid, err := s.ListenTLS("dns.test")
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	r := resolver(t, dnscache.Options{Upstreams: []string{"tls://" + bad + "#dns.test"}, RootCAs: roots, Timeout: 5 * time.Second, Logger: zap.New(core)})
	renew := r.DialInstead(good, "dns.test", valid)
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Timeout {
		t.Fatal(a.Outcome)
	}
	renew()
	eventually(t, func() bool { return r.Lookup(t.Context(), "a.test", dnscache.TXT).Outcome == dnscache.Found })
	eventually(t, func() bool { return logs.FilterMessage("dns upstream has a valid certificate again").Len() > 0 })
	if n := logs.FilterMessage("dns upstream has a valid certificate again").Len(); n != 1 || r.Stats().Upstreams[0].Certificate != "" {
		t.Errorf("said so %d times", n)
	}
}

// Lookups that wait until a resolver accepts connections wait no longer when it has come
// with a certificate that is not valid. Another resolver is asked instead.
func TestCertificateAfterAnOutage(t *testing.T) { undisturbed(t, certificateAfterAnOutage) }

func certificateAfterAnOutage(t testing.TB) {
	s, err := dnstest.NewServer("*.test. TXT x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	addr, _, err := s.ListenTLS("dns.test")
	if err != nil {
		t.Fatal(err)
	}
	const long = time.Minute
	r := resolver(t, dnscache.Options{Upstreams: []string{"tls://" + nobody(t) + "#dns.test"}, RootCAs: x509.NewCertPool(), Timeout: long})
	start := r.DialInstead(addr, "dns.test", x509.NewCertPool())
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
			if a.Outcome != dnscache.Timeout || a.Cause != dnscache.CauseResolver || !strings.HasPrefix(a.Reason(), "the resolver's certificate is ") {
				t.Errorf("%v, %v, %v", a.Outcome, a.Cause, a.Err)
			}
		})
	}
	eventually(t, func() bool { return r.Stats().Upstreams[0].Failures > 0 })
	start()
	wg.Wait()
	if took := time.Since(began); took > long/2 {
		t.Errorf("it takes %v", took)
	}
	two := resolver(t, dnscache.Options{Upstreams: []string{"tls://" + addr + "#dns.test", s.Addr()}, RootCAs: x509.NewCertPool(), Timeout: long})
	for i := range 5 {
		if a := two.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
			t.Errorf("%v, %v", a.Outcome, a.Err)
		}
	}
}
