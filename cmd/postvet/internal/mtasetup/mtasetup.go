// Package mtasetup returns the lines that an administrator adds to the configuration
// of Postfix or Sendmail so that the MTA uses Postvet as a milter.
package mtasetup

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
	"github.com/postvet/postvet/filter/socket"
)

// postfixQueue begins the paths that a chrooted smtpd can reach in Debian.
const postfixQueue = mta.QueueDirectory + "/"

// Socket is the address of a listener as either MTA writes it.
type Socket struct {
	Postfix, Sendmail string
	// Note is a line about what may prevent the connection, "" for nothing.
	Note string
}

// OfListener returns the socket of a listener. It reads the address in use, so
// that a port chosen by the system is right too.
func OfListener(l net.Listener) Socket { return ofAddr(l.Addr()) }

func ofAddr(a net.Addr) Socket {
	if a.Network() == "unix" {
		return ofPath(a.String())
	}
	return ofTCP(a.String())
}

// OfAddress returns the socket of an address in any notation, on which nobody
// needs to listen yet; "" is the default address.
func OfAddress(addr string) (Socket, error) {
	if addr == "" {
		addr = config.Default().Listen[0]
	}
	a, err := socket.Parse(addr)
	switch {
	case err != nil:
		return Socket{}, err
	case a.Network == "unix":
		return ofPath(a.Address), nil
	case !strings.HasPrefix(a.Network, "tcp"):
		return Socket{}, fmt.Errorf("%s has no address that an MTA could be told", addr)
	}
	return ofTCP(a.Address), nil
}

func ofTCP(addr string) Socket {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return Socket{Postfix: "inet:" + addr, Sendmail: "inet:" + addr}
	}
	s, kind := Socket{}, "inet"
	if host == "" {
		host = "0.0.0.0"
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if ip.IsUnspecified() {
			s.Note = "It listens on every address of this machine: keep strangers out with a firewall."
			host = "127.0.0.1" // a socket for :: takes both families
		} else if ip.Is6() {
			kind = "inet6"
		}
	}
	s.Postfix = "inet:" + net.JoinHostPort(host, port)
	s.Sendmail = kind + ":" + port + "@" + host
	return s
}

func ofPath(path string) Socket {
	s := Socket{Postfix: "unix:" + path, Sendmail: "unix:" + path}
	if inside, ok := strings.CutPrefix(path, postfixQueue); ok {
		s.Postfix = "unix:" + inside
		s.Note = "Postfix's path is relative to " + postfixQueue + ", the root of its chroot."
	} else {
		s.Note = "Where smtpd is chrooted (Debian; see master.cf), Postfix only reaches sockets below\n" +
			"# " + postfixQueue + ": choose one there, or an inet: address."
	}
	return s
}

// Lines returns the lines for main.cf and for sendmail.mc. An MTA with
// two sockets sends each message to Postvet twice, so those after the first are
// alternatives.
func Lines(sockets []Socket) string {
	first := sockets[0]
	var b strings.Builder
	b.WriteString("# Postfix: add to main.cf, then \"postfix reload\".\n")
	fmt.Fprintf(&b, "smtpd_milters = %s\n", first.Postfix)
	b.WriteString("milter_protocol = 6\nmilter_default_action = tempfail\n")
	alternatives(&b, sockets, func(s Socket) string { return s.Postfix })
	if first.Note != "" {
		b.WriteString("# " + first.Note + "\n")
	}
	b.WriteString("\n# Sendmail: add to sendmail.mc, rebuild sendmail.cf, restart.\n")
	b.WriteString(mta.SendmailMC(first.Sendmail) + "\n")
	alternatives(&b, sockets, func(s Socket) string { return s.Sendmail })
	return b.String()
}

func alternatives(b *strings.Builder, sockets []Socket, of func(Socket) string) {
	for i, s := range sockets[1:] {
		lead := "# or instead: "
		if i > 0 {
			lead = "#             "
		}
		b.WriteString(lead + of(s) + "\n")
	}
}
