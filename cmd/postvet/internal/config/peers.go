package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/postvet/postvet/filter/socket"
)

// Peers are the machines that may have the answers of the DNS cache, and how this one and
// they prove who they are.
type Peers struct {
	// Listen is a socket in the notations of socket.Parse, "" for none.
	Listen string
	// Names are what the certificates of the peers are for.
	Names                    []string
	Certificate, Key, CAFile string
}

func (p *Peers) section() section {
	return section{name: "peers", comment: `The DNS cache of this machine for those that start later: they load its
answers, see warm_from of [dns]. Over HTTPS alone, and both ends must have
certificates of your own authority. postvet-dns(7) says more. None of this is
needed for control sockets.`, keys: []key{
		{
			name: "listen", value: text(&p.Listen, "", checkPeersListen), restart: true,
			comment: `Where the answers are served, such as "inet:0.0.0.0:8894". Empty: nowhere.
Needs a restart to change.`,
		},
		{
			name: "names", value: list(&p.Names, checkPeerName, `write a list, such as ["mx2.example.org"]`),
			comment: `The machines that may load them: a name, or an address, that the certificate
of each is for. They see who writes to whom.`,
		},
		{
			name: "certificate", value: text(&p.Certificate, "", checkPeersFile),
			comment: `File with the certificate (PEM) by which this machine proves who it is, to
those that load its answers and those whose answers it loads. It, the key and
the authorities are read at each connection.`,
		},
		{
			name: "key", value: text(&p.Key, "", checkPeersFile),
			comment: "File with its private key (PEM), which others must not be able to read.",
		},
		{
			name: "ca_file", value: text(&p.CAFile, "", checkPeersFile),
			comment: `File with the certificates (PEM) of the authorities that the certificates of
the others must be signed by. Name your own, not those that the system trusts.`,
		},
	}}
}

func checkPeersFile(s string) (normal, problem, remedy string) {
	return checkPath(s, "file", "/etc/postvet/peers.pem")
}

const peersRemedy = `write an address such as "inet:0.0.0.0:8894" or "inet:[2001:db8::25]:8894"`

// checkPeersListen accepts an address with a port.
func checkPeersListen(s string) (normal, problem, remedy string) {
	if _, problem, _ := checkListen(s); problem != "" {
		return "", problem, peersRemedy
	}
	if a, err := socket.Parse(s); err != nil || !strings.HasPrefix(a.Network, "tcp") {
		return "", cite(s) + " is no address with a port", peersRemedy
	}
	return s, "", ""
}

func checkPeerName(s string) (normal, problem, remedy string) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.String(), "", ""
	}
	if !validHost(s) || strings.HasSuffix(s, ".") {
		return "", cite(s) + " is no name of a machine", `write the name in its certificate, such as "mx2.example.org"`
	}
	return strings.ToLower(s), "", ""
}

// The beginnings of a source of answers.
const (
	unixSource  = "unix:"
	httpsSource = "https://"
)

// CheckSource accepts a source of DNS answers, as dns.warm_from has them.
func CheckSource(s string) (normal, problem, remedy string) {
	remedy = `write "https://mx1.example.org:8894", or "unix:" and the path of a control socket`
	if path, ok := strings.CutPrefix(s, unixSource); ok {
		socket, problem, _ := checkControlSocket(path)
		if problem != "" || path == ControlAuto {
			return "", cite(s) + " has no absolute path of a socket", remedy
		}
		return unixSource + socket, "", ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || !strings.HasPrefix(s, httpsSource):
		return "", cite(s) + " is no source of answers", remedy
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "", cite(s) + " has more than a host and a port", remedy
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && !validHost(u.Hostname()) {
		return "", cite(s) + " has no valid host", remedy
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
		return "", cite(s) + " has no valid port", remedy
	}
	return httpsSource + net.JoinHostPort(strings.ToLower(u.Hostname()), u.Port()), "", ""
}

// maxSources bounds dns.warm_from, since each may take its time.
const maxSources = 8

func (c *Config) peersConflicts(x *conflicts) {
	p := &c.Peers
	files := []struct{ key, value string }{
		{"peers.certificate", p.Certificate}, {"peers.key", p.Key}, {"peers.ca_file", p.CAFile},
	}
	const remedy = "set certificate, key and ca_file of [peers]"
	for _, f := range files {
		if f.value != "" {
			continue
		}
		if p.Listen != "" {
			x.noEffect("peers.listen", f.key, remedy)
		}
		for _, s := range c.DNS.WarmFrom {
			if strings.HasPrefix(s, httpsSource) {
				x.fault("dns.warm_from", f.key, cite(s)+" has no effect without "+f.key, remedy)
				break
			}
		}
	}
	if p.Listen != "" && len(p.Names) == 0 {
		x.noEffect("peers.listen", "peers.names", "name the machines that may load the answers")
	}
	if n := len(c.DNS.WarmFrom); n > maxSources {
		x.fault("dns.warm_from", "", strconv.Itoa(n)+" sources", "write at most "+strconv.Itoa(maxSources))
	}
	at, err := socket.Parse(p.Listen)
	if err != nil || strings.HasSuffix(at.Address, ":0") {
		return
	}
	for _, s := range append([]string{c.Metrics.Listen}, c.Listen...) {
		if a, err := socket.Parse(s); err == nil && a == at {
			x.fault("peers.listen", "listen", cite(p.Listen)+" is another socket too", "give each a socket of its own")
		}
	}
}
