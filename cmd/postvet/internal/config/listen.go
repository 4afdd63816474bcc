package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/filter/socket"
)

// ListenAddresses returns the addresses to listen on: those of the key listen. If
// it is not set, they are the sockets that systemd passed, or else the default.
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

// listenConflicts finds addresses that are the same socket.
func (c *Config) listenConflicts(x *conflicts) {
	seen := map[socket.Address]string{}
	for _, s := range c.Listen {
		a, err := socket.Parse(s)
		if err != nil {
			continue // checkListen has refused it
		}
		if first, twice := seen[a]; twice && !strings.HasSuffix(a.Address, ":0") {
			problem := cite(s) + " stands in the list twice"
			if first != s {
				problem = cite(first) + " and " + cite(s) + " are the same socket"
			}
			x.fault("listen", "listen", problem, "remove one")
		}
		seen[a] = s
	}
}
