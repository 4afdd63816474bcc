package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
)

// compare adds what only shows when all hosts are seen together.
func (m *MX) compare(domain string) {
	m.compareHosts(domain)
	var v4, v6 []netip.Addr
	unknown := false // a host may have more addresses
	for i := range m.Hosts {
		unknown = unknown || m.Hosts[i].failed || m.Hosts[i].partly
		for _, ip := range m.Hosts[i].reachable() {
			if ip.Is4() {
				v4 = append(v4, ip)
			} else {
				v6 = append(v6, ip)
			}
		}
	}
	switch {
	case unknown || len(v4)+len(v6) == 0:
		return
	case len(v4) == 0:
		m.Findings.Warning("no host has an IPv4 address: servers without IPv6 cannot deliver", "publish an A record of a host that takes the mail")
	case len(v6) == 0:
		m.Findings.Note("no host has an IPv6 address: servers with IPv6 alone cannot deliver", "")
	}
	m.comparePlaces(v4, v6)
}

// compareHosts finds hosts that stand in the records twice, by name or by address.
func (m *MX) compareHosts(domain string) {
	owner := map[netip.Addr]*Host{}
	told := map[string]bool{} // pairs of hosts, and names
	for i := range m.Hosts {
		h := &m.Hosts[i]
		for _, before := range m.Hosts[:i] {
			if h.name != "" && before.name == h.name && !told[h.name] {
				told[h.name] = true
				m.Findings.Add(finding.Warning, fmt.Sprintf("%s stands in two MX records, %d and %d: the second is no second chance", h.Name, before.Preference, h.Preference),
					advice.Remove(domain, fmt.Sprintf("MX %d %s.", h.Preference, h.Name)))
			}
		}
		for _, a := range h.Addresses {
			first := owner[a.IP]
			switch {
			case first == nil:
				owner[a.IP] = h
			case first.name != h.name && !told[first.name+" "+h.name]:
				told[first.name+" "+h.name] = true
				m.Findings.Warning(fmt.Sprintf("%s and %s lead to the same address, %s: the second is no second chance", first.Name, h.Name, a.IP), "")
			}
		}
	}
}

// comparePlaces finds what all mail depends on.
func (m *MX) comparePlaces(v4, v6 []netip.Addr) {
	const wait = "while it is away, mail waits at its senders, some days at most"
	distinct := slices.Concat(v4, v6)
	slices.SortFunc(distinct, netip.Addr.Compare)
	distinct = slices.Compact(distinct)
	networks := map[netip.Prefix]bool{}
	var names []string
	for _, ip := range distinct {
		if p := addrlist.NetworkOf(ip); !networks[p] {
			networks[p] = true
			names = append(names, p.String())
		}
	}
	hosts := map[string]bool{}
	for _, h := range m.Hosts {
		hosts[h.name] = true
	}
	families := min(len(v4), 1) + min(len(v6), 1)
	switch {
	case len(distinct) == 1:
		m.Findings.Note(fmt.Sprintf("all mail depends on one address, %s: %s", distinct[0], wait), "")
	case len(hosts) == 1 && len(distinct) == families:
		m.Findings.Note(fmt.Sprintf("all mail depends on one host, %s: %s", m.Hosts[0].Name, wait), "")
	case len(networks) == families:
		m.Findings.Note(fmt.Sprintf("all hosts stand in one network, %s: %s", foreign.Line(strings.Join(names, " and "), 200), wait), "")
	}
}
