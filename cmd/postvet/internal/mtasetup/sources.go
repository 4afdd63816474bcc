package mtasetup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/filter/socket"
)

// Sources are where Postvet's sockets are looked up, besides its configuration.
type Sources struct {
	// Running are the sockets of the running service in Postfix's notation, nil if it
	// was not asked or did not answer. Control is the socket where it was asked.
	Running []string
	Control string
	// Refused says why the service did not answer although it seems to run, "" if
	// none seems to.
	Refused string
	// UnitFolders are where systemd's units are looked for.
	UnitFolders []string
}

// Sockets are the addresses that Postvet listens on, in Postfix's notation.
type Sockets struct {
	Addresses []string
	// From says how they are known, in the form "as ... says".
	From string
}

// String returns the addresses with how they are known.
func (s Sockets) String() string {
	return strings.Join(s.Addresses, ", ") + ", " + s.From
}

// Sockets returns the sockets of a service with the configuration c. Its key listen
// counts first. Without it, or where it names what systemd passes, the running
// service knows them, then the packaged socket units.
func (s Sources) Sockets(c *config.Config) Sockets {
	listen := Sockets{c.ListenAddresses(), "as listen says (" + c.Place("listen") + ")"}
	passes := slices.ContainsFunc(listen.Addresses, func(addr string) bool {
		a, err := socket.Parse(addr)
		return err == nil && (a.Network == "systemd" || a.Network == "fd")
	})
	switch {
	case c.IsSet("listen") && !passes:
		return listen.normal()
	case len(s.Running) > 0:
		return s.running(s.Running)
	case c.IsSet("listen"):
		return listen.normal()
	}
	return s.unitsOr(Sockets{listen.Addresses, "as by default"})
}

// WithoutListen returns the sockets that a service will have after a restart with a
// file that does not set listen. The running service may have others, from the file
// before.
func (s Sources) WithoutListen() Sockets {
	units, _ := unitSockets(s.UnitFolders)
	var passed []string
	for _, addr := range s.Running {
		if len(units) == 0 || slices.Contains(units, addr) {
			passed = append(passed, addr)
		}
	}
	if len(passed) > 0 {
		return s.running(passed)
	}
	return s.unitsOr(Sockets{config.Default().Listen, "as by default"})
}

func (s Sources) running(addresses []string) Sockets {
	return Sockets{addresses, "as the running service says (" + s.Control + ")"}.normal()
}

// unitsOr returns the sockets of the packaged units, or others if there are none.
func (s Sources) unitsOr(others Sockets) Sockets {
	if units, names := unitSockets(s.UnitFolders); len(units) > 0 {
		others = Sockets{units, "as systemd's " + strings.Join(names, " and ") + " say"}
		if len(names) == 1 {
			others.From += "s"
		}
	}
	if s.Refused != "" {
		others.From += fmt.Sprintf("; the running service was not asked: %s", s.Refused)
	}
	return others.normal()
}

// normal returns the sockets with all addresses in Postfix's notation.
func (s Sockets) normal() Sockets {
	var all []string
	for _, addr := range s.Addresses {
		if a, err := socket.Parse(addr); err == nil { // checked when it was set
			all = append(all, strings.Replace(a.String(), "inet::", "inet:*:", 1))
		}
	}
	s.Addresses = all
	return s
}

// ofMTAs returns what Postfix and what Sendmail is told: the first socket that each
// can reach. One in Postfix's chroot is best for Postfix. at is the whole address of
// Postfix's. All are "" if an MTA could not be told any.
func (s Sockets) ofMTAs() (postfix, sendmail, at string) {
	for _, addr := range s.Addresses {
		one, err := OfAddress(addr)
		if err != nil {
			continue
		}
		if sendmail == "" {
			sendmail = one.Sendmail
		}
		const inQueue = "unix:" + postfixQueue
		if at == "" || strings.HasPrefix(addr, inQueue) && !strings.HasPrefix(at, inQueue) {
			postfix, at = one.Postfix, addr
		}
	}
	return postfix, sendmail, at
}
