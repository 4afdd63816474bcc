package config

import (
	"io/fs"
	"net"
	"net/netip"
	"strings"

	"github.com/postvet/postvet/filter/socket"
)

// Metrics is where metrics and health checks are served.
type Metrics struct {
	// Listen is a socket in the notations of socket.Parse, "" for none.
	Listen string
	// AllowRemote allows a socket that other machines reach.
	AllowRemote bool
	Mode        fs.FileMode
	Group       string
}

func (m *Metrics) section() section {
	return section{name: "metrics", comment: `A page for Prometheus (/metrics) and two for health checks (/healthz,
/readyz), over HTTP without a password.`, keys: []key{
		{
			name: "listen", value: text(&m.Listen, "", checkMetricsListen), restart: true, environment: true,
			comment: `Where the pages are served, such as "inet:127.0.0.1:9890" or
"unix:/run/postvet/metrics.sock". Empty: nowhere. Needs a restart to change.`,
		},
		{
			name: "allow_remote", value: truth(&m.AllowRemote, false), restart: true, environment: true,
			comment: `Allow an address that other machines reach. Let a firewall choose which. Needs
a restart to change.`,
		},
		{
			name: "mode", value: accessRights(&m.Mode, 0o660), restart: true,
			comment: "Access rights of a unix socket, in octal. Needs a restart to change.",
		},
		{
			name: "group", value: text(&m.Group, "", checkGroup), restart: true,
			comment: `Group of a unix socket, by name or number. Empty: the group of the process.
Needs a restart to change.`,
		},
	}}
}

const metricsRemedy = `write an address such as "inet:127.0.0.1:9890" or "unix:/run/postvet/metrics.sock"`

// checkMetricsListen accepts what checkListen does, except sockets that systemd
// passes, which are for the MTA.
func checkMetricsListen(s string) (normal, problem, remedy string) {
	if _, problem, _ := checkListen(s); problem != "" {
		return "", problem, metricsRemedy
	}
	if a, err := socket.Parse(s); err != nil || a.Network == "systemd" || a.Network == "fd" {
		return "", cite(s) + " is a passed socket", metricsRemedy
	}
	return s, "", ""
}

// remote reports whether other machines may reach the metrics.
func (m Metrics) remote() bool {
	a, err := socket.Parse(m.Listen)
	if err != nil || !strings.HasPrefix(a.Network, "tcp") {
		return false
	}
	host, _, err := net.SplitHostPort(a.Address)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host != "localhost" // another name may lead anywhere
	}
	return !ip.Unmap().IsLoopback()
}

func (c *Config) metricsConflicts(x *conflicts) {
	if c.Metrics.Listen == "" {
		return
	}
	if c.Metrics.remote() && !c.Metrics.AllowRemote {
		x.fault("metrics.listen", "metrics.allow_remote",
			cite(c.Metrics.Listen)+" can be reached from other machines, and every one that does can read the metrics",
			`write a loopback address such as "inet:127.0.0.1:9890", or allow it with allow_remote = true behind a firewall`)
	}
	at, err := socket.Parse(c.Metrics.Listen)
	if err != nil || strings.HasSuffix(at.Address, ":0") {
		return
	}
	for _, s := range c.Listen {
		if a, err := socket.Parse(s); err == nil && a == at {
			x.fault("metrics.listen", "listen", cite(c.Metrics.Listen)+" is a socket of listen too", "give each a socket of its own")
		}
	}
}
