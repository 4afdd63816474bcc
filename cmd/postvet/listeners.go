package main

import (
	"net"
	"slices"
	"strconv"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/filter/socket"
)

// addresses are those to listen on: the configured ones; without any, the
// sockets that systemd passed; without those, the default.
func addresses(c *config.Config) []string {
	passed := socket.Passed()
	if c.IsSet("listen") || len(passed) == 0 {
		return slices.Clone(c.Listen)
	}
	var list []string
	for i := range passed {
		list = append(list, "fd:"+strconv.Itoa(socket.FirstPassed+i))
	}
	return list
}

// openListeners opens all or none.
func openListeners(c *config.Config) ([]net.Listener, error) {
	var open []net.Listener
	for _, a := range addresses(c) {
		l, err := socket.Listen(a, socket.Options{Mode: c.Socket.Mode, Group: c.Socket.Group})
		if err != nil {
			closeAll(open)
			return nil, failed("%s", err)
		}
		open = append(open, l)
	}
	return open, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

// unused are the names of the sockets that systemd passed and that no address
// takes.
func unused(c *config.Config) []string {
	var names []string
	passed := socket.Passed()
	for i, name := range passed {
		taken := slices.ContainsFunc(addresses(c), func(a string) bool {
			p, err := socket.Parse(a)
			return err == nil && (p.Network == "systemd" && p.Address == name || p.Network == "fd" && p.Address == strconv.Itoa(socket.FirstPassed+i))
		})
		if !taken {
			names = append(names, name)
		}
	}
	return names
}
