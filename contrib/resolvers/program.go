//go:build linux

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// setting is what one run of a program is configured with.
type setting struct {
	addr   netip.AddrPort    // where it listens
	behind netip.AddrPort    // the server that it asks
	lines  string            // further lines of its configuration
	files  map[string]string // further files of its folder, by name
}

// program is one of Debian's resolvers, or CoreDNS.
type program struct {
	name   string
	debian string // the package
	path   string // below root
	caps   string // capabilities that it keeps, as setpriv has them; "" for none
	file   string // of its configuration, in its folder
	// configure returns the text of that file, and the command line.
	configure func(s setting) (text string, argv []string)
}

// programs are all that are tried. Each forwards to the server behind it. None
// validates, since the zone is not signed, unless a trouble says otherwise.
var programs = []program{
	{"unbound", "unbound", "usr/sbin/unbound", "", "unbound.conf", func(s setting) (string, []string) {
		return fmt.Sprintf(`server:
  directory: "%s"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: %s@%d
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
%s
forward-zone:
  name: "."
  forward-addr: %s@%d
`, dir, s.addr.Addr(), s.addr.Port(), cmp.Or(s.lines, "  module-config: \"iterator\"\n"), s.behind.Addr(), s.behind.Port()), []string{"/usr/sbin/unbound", "-d", "-c", dir + "/unbound.conf"}
	}},
	{"named", "bind9", "usr/sbin/named", "", "named.conf", func(s setting) (string, []string) {
		if !strings.Contains(s.lines, "dnssec-validation") {
			s.lines += "dnssec-validation no;\n"
		}
		return namedOptions(s, fmt.Sprintf("  forwarders { %s port %d; };\n  forward only;\n  empty-zones-enable no;\n", s.behind.Addr(), s.behind.Port())),
			[]string{"/usr/sbin/named", "-g", "-4", "-n", "2", "-c", dir + "/named.conf"}
	}},
	{"kresd", "knot-resolver", "usr/sbin/kresd", "", "kresd.conf", func(s setting) (string, []string) {
		return fmt.Sprintf(`net.listen('%s', %d, { kind = 'dns' })
trust_anchors.remove('.')
cache.open(20 * MB, 'lmdb://%s/cache')
%s
policy.add(policy.all(policy.FORWARD({'%s@%d'})))
`, s.addr.Addr(), s.addr.Port(), dir, s.lines, s.behind.Addr(), s.behind.Port()), []string{"/usr/sbin/kresd", "-n", "-c", dir + "/kresd.conf", dir}
	}},
	{"pdns_recursor", "pdns-recursor", "usr/sbin/pdns_recursor", "", "recursor.conf", func(s setting) (string, []string) {
		return fmt.Sprintf(`daemon=no
socket-dir=%s
local-address=%s
local-port=%d
forward-zones-recurse=.=%s
dont-query=
dnssec=off
security-poll-suffix=
serve-rfc1918=no
write-pid=no
disable-syslog=yes
%s
`, dir, s.addr.Addr(), s.addr.Port(), s.behind, s.lines), []string{"/usr/sbin/pdns_recursor", "--config-dir=" + dir}
	}},
	{"dnsmasq", "dnsmasq-base", "usr/sbin/dnsmasq", "", "dnsmasq.conf", func(s setting) (string, []string) {
		return fmt.Sprintf(`no-resolv
no-hosts
port=%d
listen-address=%s
bind-interfaces
server=%s#%d
log-facility=-
pid-file=
%s
`, s.addr.Port(), s.addr.Addr(), s.behind.Addr(), s.behind.Port(), s.lines), []string{"/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=" + dir + "/dnsmasq.conf"}
	}},
	{"dnsdist", "dnsdist", "usr/bin/dnsdist", "", "dnsdist.conf", func(s setting) (string, []string) {
		return fmt.Sprintf(`setSecurityPollSuffix('')
setLocal('%s')
setACL('127.0.0.0/8')
newServer({ address = '%s' })
%s
`, s.addr, s.behind, s.lines), []string{"/usr/bin/dnsdist", "--supervised", "--disable-syslog", "-C", dir + "/dnsdist.conf"}
	}},
	{"coredns", "coredns, which install.sh builds", "usr/bin/coredns", "", "Corefile", func(s setting) (string, []string) {
		return fmt.Sprintf(`.:%d {
  bind %s
  errors
  forward . %s {
    %s
  }
}
`, s.addr.Port(), s.addr.Addr(), s.behind, s.lines), []string{"/usr/bin/coredns", "-conf", dir + "/Corefile"}
	}},
	{"resolved", "systemd-resolved", "usr/lib/systemd/systemd-resolved", "+setpcap", "../systemd/resolved.conf.d/test.conf", func(s setting) (string, []string) {
		return fmt.Sprintf(`[Resolve]
DNS=%s
FallbackDNS=
Domains=~.
LLMNR=no
MulticastDNS=no
DNSSEC=no
DNSStubListener=no
DNSStubListenerExtra=%s
%s
`, s.behind, s.addr, s.lines), []string{"/usr/lib/systemd/systemd-resolved"}
	}},
}

// namedOptions returns the beginning of named.conf: nobody controls the server, and it
// writes in its folder alone. more are lines of the program, before those of the setting.
func namedOptions(s setting, more string) string {
	return fmt.Sprintf(`controls { };
options {
  directory "%s";
  pid-file none;
  lock-file none;
  session-keyfile "%s/session.key";
  listen-on port %d { %s; };
  listen-on-v6 { none; };
%s%s
};
`, dir, dir, s.addr.Port(), s.addr.Addr(), more, s.lines)
}

// find returns the program of a name.
func find(name string) program {
	for _, p := range programs {
		if p.name == name {
			return p
		}
	}
	panic("no program " + strconv.Quote(name))
}
