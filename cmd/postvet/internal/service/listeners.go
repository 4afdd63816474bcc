package service

import (
	"net"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
	"github.com/postvet/postvet/filter/socket"
)

// openListeners opens all listeners of the configuration, or none if one fails.
func openListeners(c *config.Config) ([]net.Listener, error) {
	var open []net.Listener
	for _, a := range c.ListenAddresses() {
		l, err := socket.Listen(a, socket.Options{Mode: c.Socket.Mode, Group: c.Socket.Group})
		if err != nil {
			closeAll(open)
			return nil, err
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

// socketsOf returns each listener's socket as an MTA writes it.
func socketsOf(listeners []net.Listener) []mtasetup.Socket {
	var all []mtasetup.Socket
	for _, l := range listeners {
		all = append(all, mtasetup.OfListener(l))
	}
	return all
}
