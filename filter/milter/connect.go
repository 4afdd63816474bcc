package milter

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"

	gomilter "github.com/emersion/go-milter"
)

// parseConnect checks the payload of a connect packet and returns it in the form that
// go-milter reads: host, NUL, family, and for '4' and '6' port, address, NUL.
func parseConnect(data []byte) ([]byte, error) {
	host, rest, ok := bytes.Cut(data, []byte{0})
	if !ok || len(rest) == 0 {
		return nil, fmt.Errorf("%w: malformed connect", errProtocol)
	}
	out := append(append([]byte(nil), host...), 0)
	family, rest := rest[0], rest[1:]
	switch gomilter.ProtoFamily(family) {
	case gomilter.FamilyInet, gomilter.FamilyInet6:
		if len(rest) < 2 {
			return nil, fmt.Errorf("%w: malformed connect", errProtocol)
		}
		addr, _, _ := bytes.Cut(rest[2:], []byte{0})
		out = append(out, family, rest[0], rest[1])
		return append(append(out, bareAddr(string(addr))...), 0), nil
	}
	// The path of a unix socket is left out. Postfix puts two octets of a port before
	// it, which go-milter would take for an empty path.
	return append(out, byte(gomilter.FamilyUnknown)), nil
}

// newClient returns the client of a connect that go-milter read.
func (c *Conn) newClient(host, family string, port uint16, addr net.IP) Client {
	ip, _ := netip.AddrFromSlice(addr)
	ip = ip.Unmap()
	if !ip.IsValid() {
		ip = parseAddr(c.macros.clientAddr)
	}
	client := Client{Addr: ip, Port: port, Name: host, Daemon: c.macros.daemonName, MTA: c.macros.version}
	switch family {
	case "tcp4", "tcp6":
		// A message from Postfix's pickup, and so from sendmail(1), has port 0 on
		// loopback.
		client.Local = port == 0 && ip.IsLoopback()
	default:
		// A message from sendmail -bs has no address. Postfix also sends no address,
		// and the name "unknown", for a client that left at once or that XCLIENT
		// hides. Such a client is not local.
		client.Local = !ip.IsValid() && host != "unknown" || ip.IsLoopback()
	}
	return client
}

// bareAddr returns an address without Sendmail's prefix and without a zone.
func bareAddr(s string) string {
	if len(s) > 5 && strings.EqualFold(s[:5], "IPv6:") {
		s = s[5:]
	}
	s, _, _ = strings.Cut(s, "%")
	return s
}

// parseAddr parses an address. It returns the zero Addr for an invalid one.
func parseAddr(s string) netip.Addr {
	ip, err := netip.ParseAddr(bareAddr(s))
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}
