package config

import (
	"slices"
	"strconv"

	"github.com/postvet/postvet/filter/socket"
)

// ListenAddresses returns the addresses to listen on: those of the key listen;
// if it is not set, the sockets that systemd passed; without those, the default.
func (c *Config) ListenAddresses() []string {
	passed := socket.Passed()
	if c.IsSet("listen") || len(passed) == 0 {
		return slices.Clone(c.Listen)
	}
	var list []string
	for i := range passed {
		list = append(list, passedAddress(i))
	}
	return list
}

// UnusedSockets returns the names of the sockets that systemd passed and that no
// address takes.
func (c *Config) UnusedSockets() []string {
	var names []string
	for i, name := range socket.Passed() {
		taken := slices.ContainsFunc(c.ListenAddresses(), func(s string) bool {
			a, err := socket.Parse(s)
			return err == nil && (a.Network == "systemd" && a.Address == name || a.Network == "fd" && "fd:"+a.Address == passedAddress(i))
		})
		if !taken {
			names = append(names, name)
		}
	}
	return names
}

func passedAddress(i int) string { return "fd:" + strconv.Itoa(socket.FirstPassed+i) }
