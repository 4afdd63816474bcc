package dnscache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// endpoint is the address of an upstream and how it is queried.
type endpoint struct {
	addr netip.AddrPort
	// name is what the certificate must be for, a name or an address. It is empty
	// if the upstream is queried over UDP and TCP, without TLS.
	name string
}

const tlsScheme = "tls://"

// String returns the endpoint in the form of Options.Upstreams.
func (e endpoint) String() string {
	if e.name == "" {
		return e.addr.String()
	}
	s := tlsScheme + e.addr.String()
	if e.addr.Addr().WithZone("").String() != e.name {
		s += "#" + e.name
	}
	return s
}

// parseEndpoint reads one of Options.Upstreams.
func parseEndpoint(s string) (endpoint, error) {
	addr, secure := strings.CutPrefix(s, tlsScheme)
	port, wanted := "53", `an IP address with a port, as in 127.0.0.1:53 or tls://192.0.2.53:853#dns.example.org`
	var name string
	if secure {
		port = "853" // RFC 7858 section 3.1
		var named bool
		if addr, name, named = strings.Cut(addr, "#"); named && !hostName(name) {
			return endpoint{}, fmt.Errorf("dnscache: Upstreams: %q: after # comes the name in the resolver's certificate", s)
		}
	}
	ap, ok := addrPort(addr, port)
	if !ok {
		return endpoint{}, fmt.Errorf("dnscache: Upstreams: %q is not %s", s, wanted)
	}
	if secure && name == "" {
		name = ap.Addr().WithZone("").String()
	}
	return endpoint{addr: ap, name: strings.ToLower(name)}, nil
}

// addrPort parses the host and port of an endpoint.
func addrPort(s, port string) (netip.AddrPort, bool) {
	host := s
	if _, err := netip.ParseAddr(s); err != nil {
		if h, p, err := net.SplitHostPort(s); err == nil {
			host, port = h, p
		} else {
			host = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
		}
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ap, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	return ap, err == nil && ap.Port() != 0
}

// hostName reports whether s can be a name in a certificate: a host name or an
// address.
func hostName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if _, ok := keyName(s); !ok || strings.HasSuffix(s, ".") {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && !digit(s[i]) && s[i] != '-' && s[i] != '.' && s[i] != '_' {
			return false
		}
	}
	return true
}

// dialer returns the function that connects to the endpoint. Over TLS the certificate must
// be valid (RFC 8310 section 5, strict privacy). There is no fallback to a connection that
// others could read and change.
func (e endpoint) dialer(roots *x509.CertPool) func(context.Context) (net.Conn, error) {
	plain := &net.Dialer{}
	if e.name == "" {
		return func(ctx context.Context) (net.Conn, error) { return plain.DialContext(ctx, "tcp", e.addr.String()) }
	}
	secure := &tls.Dialer{NetDialer: plain, Config: &tls.Config{
		ServerName: e.name, RootCAs: roots, MinVersion: tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(maxStreams),
	}}
	return func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, "tcp", e.addr.String()) }
}
