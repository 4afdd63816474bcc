package socket

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// maxPath is what sockaddr_un holds on Linux, without the final NUL.
const maxPath = 107

// AddressError reports an address that is none.
type AddressError struct {
	Address string // as it was written
	Reason  string
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("listen address %q: %s", e.Address, e.Reason)
}

// Parse reads
//
//	inet:host:port  inet:port  host:port        as in Postfix's main.cf
//	inet:port@host  inet6:port@host             as in sendmail.mc and libmilter
//	unix:/path      local:/path     /path
//	systemd:NAME    fd:N                        sockets passed by systemd
//
// A port without a host is one of 127.0.0.1, or of ::1 for inet6: anybody on the
// network could ask a milter that listens on all addresses. These are "*". An
// error is an *AddressError.
func Parse(s string) (Address, error) {
	a, reason := parse(s)
	if reason != "" {
		return Address{}, &AddressError{Address: s, Reason: reason}
	}
	return a, nil
}

func parse(s string) (a Address, reason string) {
	if strings.HasPrefix(s, "/") {
		s = "unix:" + s
	}
	kind, rest, ok := strings.Cut(s, ":")
	if !ok {
		return Address{}, "neither inet:host:port nor unix:/path"
	}
	switch strings.ToLower(kind) {
	case "unix", "local":
		return parsePath(rest)
	case "systemd":
		if rest == "" {
			return Address{}, "the name of the passed socket is missing (FileDescriptorName= of the socket unit)"
		}
		return Address{"systemd", rest}, ""
	case "fd":
		if n, err := strconv.Atoi(rest); err != nil || n < FirstPassed || n > 1<<20 {
			return Address{}, fmt.Sprintf("%q is not the number of a passed descriptor; the first one is %d", rest, FirstPassed)
		}
		return Address{"fd", rest}, ""
	case "inet":
		return parseInet(rest, "tcp")
	case "inet6":
		return parseInet(rest, "tcp6")
	}
	if strings.HasPrefix(rest, "//") {
		return Address{}, "a URL is no address of a socket"
	}
	return parseInet(s, "tcp")
}

func parsePath(path string) (a Address, reason string) {
	switch {
	case !strings.HasPrefix(path, "/"):
		reason = fmt.Sprintf("the path must be absolute (Postfix looks for a relative one below its queue directory, such as /var/spool/postfix/%s)", path)
	case len(path) > maxPath:
		reason = fmt.Sprintf("the path has %d octets, a socket's may have %d", len(path), maxPath)
	case strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0):
		reason = "the path names no file"
	}
	return Address{"unix", path}, reason
}

func parseInet(s, network string) (a Address, reason string) {
	host, port := "", s
	if p, h, ok := strings.Cut(s, "@"); ok {
		host, port = h, p
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	} else if network == "tcp" && strings.Contains(host, ":") && !strings.Contains(s, "@") {
		return Address{}, "an IPv6 address before a port needs brackets: [" + host + "]:" + port
	}
	if strings.ContainsAny(host, " \t/@[]") {
		return Address{}, "malformed host " + strconv.Quote(host)
	}
	if n, err := strconv.Atoi(port); err != nil {
		if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
			return Address{}, strconv.Quote(port) + " is not a port"
		}
	} else if n < 0 || n > 65535 {
		return Address{}, "port " + port + " is not between 1 and 65535"
	}
	switch {
	case host == "*":
		host = ""
	case host == "" && network == "tcp6":
		host = "::1"
	case host == "":
		host = "127.0.0.1"
	}
	return Address{network, net.JoinHostPort(host, port)}, ""
}
