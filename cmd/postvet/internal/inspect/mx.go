package inspect

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
)

const (
	// maxHosts is how many mail exchangers are looked at, maxAddresses how many
	// addresses of each.
	maxHosts     = 20
	maxAddresses = 10
)

// MX is where mail for the domain goes.
type MX struct {
	// Null: the domain says that it takes no mail (RFC 7505).
	Null bool `json:"null"`
	// Implicit: there is no MX record, and the one host is the name itself (RFC
	// 5321 section 5.1).
	Implicit bool     `json:"implicit"`
	Hosts    []Host   `json:"hosts"` // by preference
	Findings Findings `json:"findings"`

	outcome dnscache.Outcome
}

// Host is one mail exchanger.
type Host struct {
	Preference uint16    `json:"preference"`
	Name       string    `json:"name"`
	Alias      string    `json:"alias,omitempty"` // where a CNAME leads
	Addresses  []Address `json:"addresses"`
	Findings   Findings  `json:"findings"`
}

// Address is one address of a host, with its reverse DNS.
type Address struct {
	IP netip.Addr `json:"ip"`
	// Reverse is "pass" if Name leads back to the address.
	Reverse iprev.Status `json:"reverse"`
	Name    string       `json:"name"`
}

func inspectMX(ctx context.Context, d *dns, domain string) MX {
	m := MX{Hosts: []Host{}, Findings: Findings{}}
	a := d.Lookup(ctx, domain, dnscache.MX)
	m.outcome = a.Outcome
	switch {
	case !a.Outcome.Known():
		m.Findings.trouble(domain, "the MX records", a.Outcome)
		return m
	case a.Outcome == dnscache.NXDomain:
		return m
	case a.Outcome == dnscache.NoData:
		m.implicit(ctx, d, domain)
		return m
	}
	for i, x := range a.MX {
		if x.Host == "" {
			m.Null = true
			continue
		}
		if i < maxHosts {
			m.Hosts = append(m.Hosts, Host{Preference: x.Preference, Name: x.Host, Addresses: []Address{}, Findings: Findings{}})
		}
	}
	switch {
	case m.Null && len(m.Hosts) > 0:
		m.Null = false
		m.Findings.error("a null MX stands beside other exchangers, which RFC 7505 section 3 forbids", "remove: "+domain+". MX 0 .")
	case m.Null:
		m.Findings.ok("null MX: the domain takes no mail (RFC 7505)")
		return m
	}
	if n := len(a.MX); n > maxHosts {
		m.Findings.warn(fmt.Sprintf("%d mail exchangers; only the first %d were looked at", n, maxHosts), "")
	}
	var all sync.WaitGroup
	for i := range m.Hosts {
		all.Go(func() { m.Hosts[i].inspect(ctx, d, domain) })
	}
	all.Wait()
	return m
}

// implicit handles a domain without MX records.
func (m *MX) implicit(ctx context.Context, d *dns, domain string) {
	h := Host{Name: domain, Addresses: []Address{}, Findings: Findings{}}
	a := d.addresses(ctx, domain)
	switch {
	case len(a.Addrs) > 0:
		m.Implicit = true
		h.resolve(ctx, d, a)
		m.Hosts = append(m.Hosts, h)
		m.Findings.warn("no MX record: mail goes to the address of the name itself (RFC 5321 section 5.1)",
			publish(domain, "MX 10 "+domain+".")+", or MX 0 . if the domain takes no mail")
	case !a.Outcome.Known():
		m.Findings.trouble(domain, "the address", a.Outcome)
	default:
		m.Findings.error("no MX record and no address: mail cannot be delivered, and mail from this domain is refused by many",
			publish(domain, "MX 10 mail."+domain+".")+", or MX 0 . if the domain takes no mail")
	}
}

// inspect looks the host up and says what is wrong with it.
func (h *Host) inspect(ctx context.Context, d *dns, domain string) {
	name := h.Name
	h.Name = foreign.Line(name, maxText)
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		h.Findings.error("an MX record must name a host, not the address "+ip.String(),
			fmt.Sprintf("publish: %s. MX %d mail.%s. and mail.%s. %s %s", domain, h.Preference, domain, domain, family(ip), ip))
		return
	}
	a := d.addresses(ctx, name)
	if a.Canonical != "" {
		h.Alias = foreign.Line(a.Canonical, maxText)
		h.Findings.error(h.Name+" is an alias (CNAME), which an MX record must not name (RFC 5321 section 5.1, RFC 2181 section 10.3)",
			publish(domain, fmt.Sprintf("MX %d %s.", h.Preference, h.Alias)))
	}
	switch {
	case len(a.Addrs) > 0:
		h.resolve(ctx, d, a)
	case !a.Outcome.Known():
		h.Findings.trouble(h.Name, "the address", a.Outcome)
	case a.Outcome == dnscache.NXDomain:
		h.Findings.error(h.Name+" does not exist", fmt.Sprintf("publish an address of %s., or remove: %s. MX %d %s.", h.Name, domain, h.Preference, h.Name))
	default:
		h.Findings.error(h.Name+" has no address", publish(h.Name, "A ...")+" (or AAAA)")
	}
}

// resolve notes the addresses and checks their reverse DNS.
func (h *Host) resolve(ctx context.Context, d *dns, a *dnscache.Answer) {
	n := min(len(a.Addrs), maxAddresses)
	h.Addresses = make([]Address, n)
	results := make([]iprev.Result, n)
	var all sync.WaitGroup
	for i, ip := range a.Addrs[:n] {
		h.Addresses[i].IP = ip
		if isLocal(ip) {
			continue
		}
		all.Go(func() { results[i] = iprev.Check(ctx, d, ip) })
	}
	all.Wait()
	for i := range h.Addresses {
		ip, res := h.Addresses[i].IP, results[i]
		h.Addresses[i].Reverse, h.Addresses[i].Name = res.Status, foreign.Line(res.Name, maxText)
		name := h.Name
		if h.Alias != "" {
			name = h.Alias // a PTR record must lead to the address, not to a CNAME
		}
		switch {
		case isLocal(ip):
			h.Findings.error(ip.String()+" is not an address that the Internet can reach", publish(name, family(ip)+" ...")+" with a public address")
		case res.Status == iprev.TempError:
			h.Findings = append(h.Findings, Finding{
				Severity: Warning, DNSTrouble: true,
				Text: foreign.Line("the reverse DNS of "+ip.String()+" could not be looked up", maxText),
			})
		case res.Status != iprev.Pass:
			h.Findings.warn(fmt.Sprintf("the reverse DNS of %s does not lead back to it; mail that this host sends is refused by many", ip),
				publish(dnscache.ReverseName(ip), "PTR "+name+"."))
		}
	}
}

// isLocal reports whether nobody outside can send to ip.
func isLocal(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()
}

func family(ip netip.Addr) string {
	if ip.Is4() {
		return "A"
	}
	return "AAAA"
}
