package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/filter/socket"
)

// postfixQueue is where Debian's chrooted smtpd has its root.
const postfixQueue = "/var/spool/postfix/"

// wiring is what an administrator has to write into the MTA's configuration
// for a listener.
type wiring struct {
	postfix, sendmail string
	note              string // "" or a line about what may stand in the way
}

// wiringOf reads the address that is really listened on, so that a port chosen
// by the system is right too.
func wiringOf(a net.Addr) wiring {
	if a.Network() == "unix" {
		return wiringOfPath(a.String())
	}
	return wiringOfTCP(a.String())
}

func wiringOfTCP(addr string) wiring {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return wiring{postfix: "inet:" + addr, sendmail: "inet:" + addr}
	}
	w, kind := wiring{}, "inet"
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if ip.IsUnspecified() {
			w.note = "It listens on every address of this machine: keep strangers out with a firewall."
			host = "127.0.0.1" // a socket for :: takes both families
		} else if ip.Is6() {
			kind = "inet6"
		}
	}
	w.postfix = "inet:" + net.JoinHostPort(host, port)
	w.sendmail = kind + ":" + port + "@" + host
	return w
}

// wiringOfAddress is wiringOf for an address that nobody listens on yet, in any
// notation; "" is the default.
func wiringOfAddress(addr string) (wiring, error) {
	if addr == "" {
		addr = config.Default().Listen[0]
	}
	a, err := socket.Parse(addr)
	switch {
	case err != nil:
		return wiring{}, err
	case a.Network == "unix":
		return wiringOfPath(a.Address), nil
	case !strings.HasPrefix(a.Network, "tcp"):
		return wiring{}, fmt.Errorf("%s has no address that an MTA could be told", addr)
	}
	return wiringOfTCP(a.Address), nil
}

func wiringOfPath(path string) wiring {
	w := wiring{postfix: "unix:" + path, sendmail: "unix:" + path}
	if inside, ok := strings.CutPrefix(path, postfixQueue); ok {
		w.postfix = "unix:" + inside
		w.note = "Postfix's path is relative to " + postfixQueue + ", the root of its chroot."
	} else {
		w.note = "Where smtpd is chrooted (Debian; see master.cf), Postfix only reaches sockets below\n" +
			"# " + postfixQueue + ": choose one there, or an inet: address."
	}
	return w
}

// wiringText is what serve prints for its listeners.
func wiringText(listeners []net.Listener) string {
	var all []wiring
	for _, l := range listeners {
		all = append(all, wiringOf(l.Addr()))
	}
	first := all[0]
	var b strings.Builder
	b.WriteString("# Postfix: add to main.cf, then \"postfix reload\".\n")
	fmt.Fprintf(&b, "smtpd_milters = %s\n", first.postfix)
	b.WriteString("milter_protocol = 6\nmilter_default_action = tempfail\n")
	alternatives(&b, all, func(w wiring) string { return w.postfix })
	if first.note != "" {
		b.WriteString("# " + first.note + "\n")
	}
	b.WriteString("\n# Sendmail: add to sendmail.mc, rebuild sendmail.cf, restart.\n")
	fmt.Fprintf(&b, "INPUT_MAIL_FILTER(`postvet', `S=%s, F=T, T=C:30s;S:10s;R:60s;E:5m')dnl\n", first.sendmail)
	alternatives(&b, all, func(w wiring) string { return w.sendmail })
	return b.String()
}

// alternatives names the sockets after the first: an MTA that gets two of them
// asks twice about each message.
func alternatives(b *strings.Builder, all []wiring, of func(wiring) string) {
	for i, w := range all[1:] {
		lead := "# or instead: "
		if i > 0 {
			lead = "#             "
		}
		b.WriteString(lead + of(w) + "\n")
	}
}

// names are the addresses for the log.
func names(listeners []net.Listener) []string {
	var s []string
	for _, l := range listeners {
		s = append(s, wiringOf(l.Addr()).postfix)
	}
	return s
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
