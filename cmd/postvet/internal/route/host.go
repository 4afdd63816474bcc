package route

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
)

const (
	// MaxHosts is how many mail exchangers are checked, MaxAddresses how many
	// addresses of each.
	MaxHosts     = 20
	MaxAddresses = 10
)

// Host is one mail exchanger.
type Host struct {
	Preference uint16       `json:"preference"`
	Name       string       `json:"name"`
	Alias      string       `json:"alias,omitempty"` // where a CNAME leads
	Addresses  []Address    `json:"addresses"`
	Findings   finding.List `json:"findings"`
}

// Address is one address of a host, with its reverse DNS.
type Address struct {
	IP netip.Addr `json:"ip"`
	// Reverse is "pass" if Name leads back to the address.
	Reverse iprev.Status `json:"reverse"`
	Name    string       `json:"name"`
}

// check looks the host up and checks its name and addresses.
func (h *Host) check(ctx context.Context, l *lookups.Lookups, domain string) {
	name := h.Name
	h.Name = foreign.Line(name, advice.MaxText)
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		h.Findings.Error("an MX record must name a host, not the address "+ip.String(),
			fmt.Sprintf("publish: %s. MX %d mail.%s. and mail.%s. %s %s", domain, h.Preference, domain, domain, family(ip), ip))
		return
	}
	a := l.Addresses(ctx, name)
	if a.Canonical != "" {
		h.Alias = foreign.Line(a.Canonical, advice.MaxText)
		h.Findings.Error(h.Name+" is an alias (CNAME), which an MX record must not name (RFC 5321 section 5.1, RFC 2181 section 10.3)",
			advice.Publish(domain, fmt.Sprintf("MX %d %s.", h.Preference, h.Alias)))
	}
	switch {
	case len(a.Addrs) > 0:
		h.checkAddresses(ctx, l, a)
	case !a.Outcome.Known():
		h.Findings.DNSFailure(lookups.Failure("the address", h.Name, a.Outcome))
	case advice.MissingTarget(a) != "":
		h.Findings.Error(advice.TakeOver(h.Name, h.Alias, "gets mail for "+domain), fmt.Sprintf("remove: %s. MX %d %s.", domain, h.Preference, h.Name))
	case a.Outcome == dnscache.NXDomain:
		h.Findings.Error(h.Name+" does not exist", fmt.Sprintf("publish an address of %s., or remove: %s. MX %d %s.", h.Name, domain, h.Preference, h.Name))
	default:
		h.Findings.Error(h.Name+" has no address", "publish an address (A or AAAA) of "+cmp.Or(h.Alias, h.Name)+".")
	}
}

// checkAddresses checks the addresses and their reverse DNS.
func (h *Host) checkAddresses(ctx context.Context, l *lookups.Lookups, a *dnscache.Answer) {
	n := min(len(a.Addrs), MaxAddresses)
	h.Addresses = make([]Address, n)
	results := make([]iprev.Result, n)
	var all sync.WaitGroup
	for i, ip := range a.Addrs[:n] {
		h.Addresses[i].IP = ip
		if isLocal(ip) {
			continue
		}
		all.Go(func() { results[i] = iprev.Check(ctx, l, ip) })
	}
	all.Wait()
	for i := range h.Addresses {
		ip, res := h.Addresses[i].IP, results[i]
		h.Addresses[i].Reverse, h.Addresses[i].Name = res.Status, foreign.Line(res.Name, advice.MaxText)
		name := h.Name
		if h.Alias != "" {
			name = h.Alias // a PTR record must lead to the address, not to a CNAME
		}
		switch {
		case isLocal(ip):
			h.Findings.Error(ip.String()+" is not an address that the Internet can reach", advice.Publish(name, family(ip)+" ...")+" with a public address")
		case res.Status == iprev.TempError:
			h.Findings.DNSFailure("the reverse DNS of " + ip.String() + " could not be looked up")
		case res.Status != iprev.Pass:
			h.Findings.Warning(fmt.Sprintf("the reverse DNS of %s does not lead back to it; mail that this host sends is refused by many", ip),
				advice.Publish(dnscache.ReverseName(ip), "PTR "+name+"."))
		}
	}
}

// isLocal reports whether an address cannot be reached over the Internet.
func isLocal(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()
}

func family(ip netip.Addr) string {
	if ip.Is4() {
		return "A"
	}
	return "AAAA"
}
