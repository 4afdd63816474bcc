package mta

import "strings"

// SameSocket reports whether two addresses name one socket. They may be in any
// notation of the MTAs and of milters. It compares the paths of unix sockets as seen
// from outside the chroot, and only the ports of TCP sockets, since one of the two
// often leaves the host out.
func SameSocket(a, b string) bool { return sameSocket(QueueDirectory, a, b) }

func sameSocket(queue, a, b string) bool {
	a, b = canonicalSocket(queue, a), canonicalSocket(queue, b)
	return a != "" && a == b
}

// canonicalSocket returns "path P" or "port N", "" if the address is neither.
func canonicalSocket(queue, s string) string {
	s = strings.TrimSpace(s)
	if path, ok := socketPath(s); ok {
		path = strings.TrimPrefix(path, queue)
		path = strings.TrimPrefix(path, "/var/run")
		path = strings.TrimPrefix(path, "/run")
		return "path " + strings.TrimLeft(path, "/")
	}
	kind, rest, ok := strings.Cut(s, ":")
	if !ok || !strings.EqualFold(kind, "inet") && !strings.EqualFold(kind, "inet6") {
		return ""
	}
	if port, _, ok := strings.Cut(rest, "@"); ok {
		return "port " + portNumber(port)
	}
	return "port " + portNumber(rest[strings.LastIndexByte(rest, ':')+1:])
}

// socketPath returns the path of a unix socket; ok reports whether the address is
// one.
func socketPath(addr string) (path string, ok bool) {
	if strings.HasPrefix(addr, "/") {
		return addr, true
	}
	kind, rest, ok := strings.Cut(addr, ":")
	if ok && (strings.EqualFold(kind, "unix") || strings.EqualFold(kind, "local")) {
		return rest, true
	}
	return "", false
}
