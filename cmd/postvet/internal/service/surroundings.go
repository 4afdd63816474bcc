package service

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

// systemResolvers names the resolvers of the machine, see resolv.conf(5).
const systemResolvers = "/etc/resolv.conf"

// warnOfSurroundings warns of what a container lacks, or of a configuration that is good
// for a machine alone.
func (d *daemon) warnOfSurroundings(c *config.Config) {
	if len(c.DNS.Resolvers) == 0 {
		d.warnOfResolvers()
	}
	// Only a container has the service as its first process.
	if os.Getpid() == 1 && len(d.sockets) > 0 && !slices.ContainsFunc(d.sockets, reachable) {
		d.log.Warn("nothing outside this container reaches a loopback address, unless it shares the network; set listen or POSTVET_LISTEN, such as inet:*:8890",
			zap.Strings("listen", d.addresses))
	}
}

// logExposed logs which secrets of the web page others can read, in one line.
func (d *daemon) logExposed(c *config.Config) {
	if exposed := c.WebExposed(); len(exposed) > 0 {
		d.log.Warn("others can read secrets of the web page, or write them", zap.Strings("exposed", linesOf(exposed)))
	}
}

// warnOfResolvers warns if the machine names no resolver.
func (d *daemon) warnOfResolvers() {
	switch text, err := os.ReadFile(systemResolvers); {
	case errors.Is(err, fs.ErrNotExist):
		d.log.Warn("there is no /etc/resolv.conf, so that a resolver on this machine is asked; name resolvers in dns.resolvers or POSTVET_DNS_RESOLVERS")
	case err == nil && !namesResolver(string(text)):
		d.log.Warn("/etc/resolv.conf names no resolver, so that one on this machine is asked; name resolvers in dns.resolvers or POSTVET_DNS_RESOLVERS")
	}
}

// namesResolver reports whether a resolv.conf names a resolver.
func namesResolver(text string) bool {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			return true
		}
	}
	return false
}

// reachable reports whether a socket, as socket.Canonical writes it, can be reached from
// outside of a container: all but those of loopback.
func reachable(s string) bool {
	address, inet := strings.CutPrefix(s, "inet:")
	if !inet {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.Unmap().IsLoopback()
}

// shown returns what a listener is called in the log and by "postvet status": as Postfix
// writes it, but for one of all addresses, of which Postfix is told that of loopback.
func shown(postfix, canonical string) string {
	if strings.HasPrefix(canonical, "inet:*:") {
		return canonical
	}
	return postfix
}
