package mta

import "strings"

// QueueDirectory is where Debian's chrooted smtpd has its root.
const QueueDirectory = "/var/spool/postfix"

// SameSocket reports whether two addresses, in any notation of the MTAs and of
// milters, name one socket as far as can be told from their texts: unix sockets
// by their path as seen from outside the chroot, TCP sockets by their port, as
// one of the two often leaves the host out.
func SameSocket(a, b string) bool { return sameSocket(QueueDirectory, a, b) }

func sameSocket(queue, a, b string) bool {
	a, b = plainSocket(queue, a), plainSocket(queue, b)
	return a != "" && a == b
}

// plainSocket is "path P" or "port N".
func plainSocket(queue, s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "/") {
		s = "unix:" + s
	}
	kind, rest, ok := strings.Cut(s, ":")
	switch {
	case !ok:
		return ""
	case strings.EqualFold(kind, "unix"), strings.EqualFold(kind, "local"):
		rest = strings.TrimPrefix(rest, queue)
		rest = strings.TrimPrefix(rest, "/var/run")
		rest = strings.TrimPrefix(rest, "/run")
		return "path " + strings.TrimLeft(rest, "/")
	case strings.EqualFold(kind, "inet"), strings.EqualFold(kind, "inet6"):
		if port, _, ok := strings.Cut(rest, "@"); ok {
			return "port " + port
		}
		return "port " + rest[strings.LastIndexByte(rest, ':')+1:]
	}
	return ""
}
