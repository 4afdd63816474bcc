package filter

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxSocketPath is what sockaddr_un holds on Linux, without the final NUL.
const maxSocketPath = 107

// ListenAddress is where to listen: what Postfix's notation, Sendmail's and
// systemd's come down to.
type ListenAddress struct {
	// Network is "tcp", "tcp4", "tcp6", "unix", "systemd" or "fd".
	Network string
	// Address is host:port, an absolute path, the name of a passed socket, or
	// the number of a descriptor.
	Address string
}

// String returns the address in Postfix's notation.
func (a ListenAddress) String() string {
	switch a.Network {
	case "tcp", "tcp4":
		return "inet:" + a.Address
	case "tcp6":
		return "inet6:" + a.Address
	}
	return a.Network + ":" + a.Address
}

// Socket returns the address as the sockets made of it have it, in Postfix's
// notation and the same for all notations of one address: "inet:127.0.0.1:8890",
// "inet:*:8890" for all addresses, "unix:/path". It is "" where the address alone
// does not tell: a host's name, a passed socket.
func (a ListenAddress) Socket() string {
	switch a.Network {
	case "unix":
		return "unix:" + a.Address
	case "systemd", "fd":
		return ""
	}
	return inetSocket(a.Address)
}

// SocketAddress is the address of a listener, in the notation of
// [ListenAddress.Socket].
func SocketAddress(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return inetSocket(a.String())
}

func inetSocket(hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return ""
	}
	if host == "" {
		return "inet:*:" + port
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return ""
	case ip.IsUnspecified():
		return "inet:*:" + port
	}
	return "inet:" + net.JoinHostPort(ip.Unmap().String(), port)
}

// ParseListenAddress reads
//
//	inet:host:port  inet:port  host:port        as in Postfix's main.cf
//	inet:port@host  inet6:port@host             as in sendmail.mc and libmilter
//	unix:/path      local:/path     /path
//	systemd:NAME    fd:N                        sockets passed by systemd
//
// A port without a host is that of 127.0.0.1, or ::1 for inet6: a milter that
// the network can reach is one that anybody can ask. "*" as host means all
// addresses.
func ParseListenAddress(s string) (ListenAddress, error) {
	fail := func(format string, args ...any) (ListenAddress, error) {
		return ListenAddress{}, fmt.Errorf("filter: listen address %q: %s", s, fmt.Sprintf(format, args...))
	}
	if strings.HasPrefix(s, "/") {
		s = "unix:" + s
	}
	kind, rest, ok := strings.Cut(s, ":")
	if !ok {
		return fail("neither inet:host:port nor unix:/path")
	}
	switch strings.ToLower(kind) {
	case "unix", "local":
		switch {
		case !strings.HasPrefix(rest, "/"):
			return fail("the path must be absolute (Postfix looks for a relative one below its queue directory, such as /var/spool/postfix/%s)", rest)
		case len(rest) > maxSocketPath:
			return fail("the path has %d octets, a socket's may have %d", len(rest), maxSocketPath)
		case strings.HasSuffix(rest, "/") || strings.ContainsRune(rest, 0):
			return fail("the path names no file")
		}
		return ListenAddress{"unix", rest}, nil
	case "systemd":
		if rest == "" {
			return fail("the name of the passed socket is missing (FileDescriptorName= of the socket unit)")
		}
		return ListenAddress{"systemd", rest}, nil
	case "fd":
		if n, err := strconv.Atoi(rest); err != nil || n < 3 || n > 1<<20 {
			return fail("%q is not the number of a passed descriptor; the first one is 3", rest)
		}
		return ListenAddress{"fd", rest}, nil
	case "inet":
		return parseInet(s, rest, "tcp")
	case "inet6":
		return parseInet(s, rest, "tcp6")
	}
	return parseInet(s, s, "tcp")
}

func parseInet(whole, s, network string) (ListenAddress, error) {
	fail := func(why string) (ListenAddress, error) {
		return ListenAddress{}, fmt.Errorf("filter: listen address %q: %s", whole, why)
	}
	host, port := "", s
	if p, h, ok := strings.Cut(s, "@"); ok {
		host, port = h, p
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	} else if network == "tcp" && strings.Contains(host, ":") && !strings.Contains(s, "@") {
		return fail("an IPv6 address before a port needs brackets: [" + host + "]:" + port)
	}
	if strings.ContainsAny(host, " \t/@[]") {
		return fail("malformed host " + strconv.Quote(host))
	}
	if n, err := strconv.Atoi(port); err != nil {
		if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
			return fail(strconv.Quote(port) + " is not a port")
		}
	} else if n < 0 || n > 65535 {
		return fail("port " + port + " is not between 1 and 65535")
	}
	switch {
	case host == "*":
		host = ""
	case host == "" && network == "tcp6":
		host = "::1"
	case host == "":
		host = "127.0.0.1"
	}
	return ListenAddress{network, net.JoinHostPort(host, port)}, nil
}
