package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/mtasts"
)

// PolicyFile is a policy as the web server has it.
type PolicyFile struct {
	Text string
	// Plain reports that its type is text/plain, as RFC 8461 section 3.2 demands.
	Plain bool
	Type  string
}

// maxPolicyAddresses bounds the addresses of a web server that are tried.
const maxPolicyAddresses = 4

// Policy fetches the policy of a domain from the addresses of its policy host. The error
// says in words why a sender gets none.
func (c *Client) Policy(ctx context.Context, domain string, addrs []netip.Addr) (PolicyFile, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.DialogueTime, DialogueTime))
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return c.dialAny(ctx, addrs[:min(len(addrs), maxPolicyAddresses)])
		},
		TLSClientConfig:    &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12, Time: c.Now},
		DisableKeepAlives:  true,
		DisableCompression: true, // what is read is bounded

		MaxResponseHeaderBytes: 16 << 10,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport,
		// RFC 8461 section 3.3: a redirect is not followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, mtasts.PolicyURL(domain), nil)
	if err != nil {
		return PolicyFile{}, err
	}
	req.Header.Set("User-Agent", "postvet")
	resp, err := client.Do(req)
	if err != nil {
		return PolicyFile{}, errors.New(webError(err))
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code >= 300 && code <= 399:
		return PolicyFile{}, fmt.Errorf("the web server redirects elsewhere (%d), which senders do not follow (RFC 8461 section 3.3)", code)
	case code != http.StatusOK:
		return PolicyFile{}, fmt.Errorf("the web server answers %d %s", code, http.StatusText(code))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mtasts.MaxPolicy+1))
	switch {
	case err != nil:
		return PolicyFile{}, errors.New(webError(err))
	case len(body) > mtasts.MaxPolicy:
		return PolicyFile{}, errors.New("the file has more than 64 KB")
	}
	kind := resp.Header.Get("Content-Type")
	plain, _, err := mime.ParseMediaType(kind)
	return PolicyFile{Text: string(body), Plain: err == nil && plain == "text/plain", Type: foreign.Line(kind, 100)}, nil
}

// dialAny connects to the first address that takes the connection.
func (c *Client) dialAny(ctx context.Context, addrs []netip.Addr) (conn net.Conn, err error) {
	err = errors.New("the host has no address")
	for _, ip := range addrs {
		conn, err = c.dial(ctx, netip.AddrPortFrom(ip, httpsPort))
		if err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// webError returns an error of HTTPS in words.
func webError(err error) string {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return "the certificate of the web server is not for " + name.Host
	case errors.As(err, &authority):
		return "the certificate of the web server is of an authority that nobody trusts"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of the web server has expired or is not valid yet"
	case errors.As(err, &invalid):
		return "the certificate of the web server is not valid"
	}
	return "the web server: " + failure(Connecting, err, ConnectTime).Text
}

// VerifyName checks certificates by the trusted authorities, as MTA-STS demands (RFC 8461
// section 4.2). The error says in words what is wrong.
func (c *Client) VerifyName(chain []*x509.Certificate, host string, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("it has no certificate")
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:min(len(chain), 20)] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: c.Roots, Intermediates: between, CurrentTime: now, DNSName: host})
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &name):
		return errors.New("its certificate is not for " + host)
	case errors.As(err, &authority):
		return errors.New("its certificate is of an authority that nobody trusts, or the authority's certificate is not sent")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.After(chain[0].NotAfter):
		return errors.New("its certificate has expired on " + chain[0].NotAfter.UTC().Format(time.DateOnly))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(chain[0].NotBefore):
		return errors.New("its certificate is not valid before " + chain[0].NotBefore.UTC().Format(time.DateOnly))
	}
	return errors.New("its certificate is not valid: " + foreign.Line(err.Error(), 100))
}
