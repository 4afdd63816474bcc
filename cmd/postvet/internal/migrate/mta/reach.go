package mta

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// inetAddress is a TCP address as an MTA names it.
type inetAddress struct{ host, port string }

// parseInet reads an address in the notation of Sendmail ("inet:port@host") or of
// Postfix ("inet:host:port"); ok is false if it is not in that notation.
func parseInet(s string, sendmail bool) (a inetAddress, ok bool) {
	kind, rest, ok := strings.Cut(strings.TrimSpace(s), ":")
	if !ok || !strings.EqualFold(kind, "inet") && !strings.EqualFold(kind, "inet6") {
		return a, false
	}
	if sendmail {
		port, host, _ := strings.Cut(rest, "@")
		return inetAddress{strings.ToLower(host), portNumber(port)}, port != "" && !strings.Contains(port, ":")
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 || strings.Contains(rest, "@") {
		return inetAddress{port: portNumber(rest)}, false
	}
	return inetAddress{strings.ToLower(strings.Trim(rest[:i], "[]")), portNumber(rest[i+1:])}, true
}

// portNumber returns the number of a port that an MTA names by number or by service
// (services(5)). It returns the name if there is no such service.
func portNumber(port string) string {
	if strings.Trim(port, "0123456789") == "" {
		return cmp.Or(strings.TrimLeft(port, "0"), port)
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return strings.ToLower(port)
	}
	return strconv.Itoa(n)
}

// unknownPorts names the milters of a list whose port is a name that this machine
// does not know, so that neither the MTA nor we can tell where they are.
func (c *check) unknownPorts(list []Milter) {
	for _, m := range list {
		a, ok := parseInet(m.Socket, m.Name != "")
		if ok && strings.Trim(a.port, "0123456789") != "" {
			c.Error(fmt.Sprintf("the port %q of %s is no service in /etc/services: the MTA cannot ask there", a.port, m.Socket), "write the port as a number")
		}
	}
}

// reaches reports whether a connection to the address of a milter in an MTA's list
// arrives at one of our addresses, which is in Postfix's notation: at the same port,
// of the same host and family, or of any address of this machine.
func reaches(queue string, m Milter, ours string) bool {
	if _, ok := socketPath(m.Socket); ok {
		return sameSocket(queue, m.Socket, ours)
	}
	theirs, ok := parseInet(m.Socket, m.Name != "")
	listening, isInet := parseInet(ours, false)
	if !ok || !isInet || theirs.port != listening.port || theirs.host == "" {
		return false
	}
	local := []string{"127.0.0.1", "::1", "localhost"}
	switch listening.host {
	case "", "*", "::":
		return true // of both families
	case "0.0.0.0":
		return !strings.Contains(theirs.host, ":")
	case "localhost":
		return slices.Contains(local, theirs.host)
	}
	if theirs.host == "localhost" {
		return slices.Contains(local, listening.host)
	}
	a, errA := netip.ParseAddr(theirs.host)
	b, errB := netip.ParseAddr(listening.host)
	if errA == nil && errB == nil {
		return a.Unmap() == b.Unmap()
	}
	return theirs.host == listening.host
}

// namesake returns the milter of a list that looks like ours at another address: by
// its name or path, or by the port.
func (p Postvet) namesake(list []Milter) (Milter, bool) {
	i := slices.IndexFunc(list, func(m Milter) bool {
		return strings.Contains(strings.ToLower(m.Name+" "+m.Socket), "postvet") ||
			slices.ContainsFunc(p.Listen, func(l string) bool { return SameSocket(m.Socket, l) })
	})
	if i < 0 {
		return Milter{}, false
	}
	return list[i], true
}
