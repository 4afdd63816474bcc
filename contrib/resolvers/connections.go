//go:build linux

package main

import (
	"context"
	"crypto/x509"
	"net/netip"
)

// onlyTCP has each answer truncated over UDP, and few connections over TCP.
var onlyTCP = map[string]string{
	"unbound": "  max-udp-size: 64\n  incoming-num-tcp: 4\n",
	"dnsdist": "addAction(NotRule(TCPRule(true)), TCAction())\n" + fewOfDnsdist,
}

// fewSecured has few connections over TLS.
var fewSecured = map[string]string{
	"unbound": secured["unbound"] + "  incoming-num-tcp: 4\n",
	"dnsdist": secured["dnsdist"] + fewOfDnsdist,
}

// fewOfDnsdist are three connections of a client, and one query on each.
const fewOfDnsdist = "setMaxTCPConnectionsPerClient(3)\nsetMaxTCPQueriesPerConnection(1)\n"

// behindRelay puts a relay before the program.
func behindRelay(r func() *relay) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) error {
		if err := s.alone(ctx); err != nil {
			return err
		}
		_, err := s.before(0, r())
		return err
	}
}

// oneAnswer carries one query on each connection, and truncates all answers over UDP.
func oneAnswer() *relay { return &relay{reply: truncated, answers: 1} }

// withoutEDNS loses queries with EDNS.
func withoutEDNS() *relay { return &relay{loses: hasEDNS, answers: 1000} }

// folding has the program change the case of names. It has no TCP. Our resolver asks in
// random case, as it does where answers can be forged: it does not know that this address
// leads to the machine itself.
func folding(ctx context.Context, s *site) error {
	if err := behindRelay(func() *relay { return &relay{change: lowerQuestion} })(ctx, s); err != nil {
		return err
	}
	port := address(s.options.Upstreams[0]).Port()
	s.options.Upstreams[0] = netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()
	return nil
}

// unknownAuthority has our resolver not know who issued the certificate.
func unknownAuthority(ctx context.Context, s *site) error {
	err := overTLS(certificate{})(ctx, s)
	s.options.RootCAs = x509.NewCertPool()
	return err
}
