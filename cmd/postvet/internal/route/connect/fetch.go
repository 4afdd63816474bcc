package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// maxWebAddresses bounds the addresses of a web server that are tried.
const maxWebAddresses = 4

// Redirected is the error of a file that stands elsewhere, by the web server's answer.
type Redirected struct{ Code int }

func (e *Redirected) Error() string {
	return fmt.Sprintf("the web server redirects elsewhere (%d)", e.Code)
}

// Fetch fetches a file over HTTPS from the addresses of its host, and returns its octets
// and its type. Neither redirects are followed nor proxies asked. The error says in words
// why there is none; more than most octets are one.
func (c *Client) Fetch(ctx context.Context, url string, addrs []netip.Addr, most int) (body []byte, kind string, err error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.DialogueTime, DialogueTime))
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return c.dialAny(ctx, addrs[:min(len(addrs), maxWebAddresses)])
		},
		TLSClientConfig:    &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12, Time: c.Now},
		DisableKeepAlives:  true,
		DisableCompression: true, // what is read is bounded

		MaxResponseHeaderBytes: 16 << 10,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("User-Agent", "postvet")
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", errors.New(webError(err))
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code >= 300 && code <= 399:
		return nil, "", &Redirected{code}
	case code != http.StatusOK:
		return nil, "", fmt.Errorf("the web server answers %d %s", code, http.StatusText(code))
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	switch {
	case err != nil:
		return nil, "", errors.New(webError(err))
	case len(body) > most:
		return nil, "", fmt.Errorf("the file has more than %d KB", most>>10)
	}
	return body, resp.Header.Get("Content-Type"), nil
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
