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
	"github.com/postvet/postvet/policy/message"
)

// Bounds of what is checked of a domain, whatever it publishes: mail exchangers, and
// addresses of each.
const (
	MaxHosts     = 20
	MaxAddresses = 10
)

// Host is one mail exchanger.
type Host struct {
	Preference uint16 `json:"preference"`
	Name       string `json:"name"`
	Alias      string `json:"alias,omitempty"` // where a CNAME leads
	// DNSSEC is about the addresses.
	DNSSEC    lookups.DNSSEC `json:"dnssec"`
	Addresses []Address      `json:"addresses"`
	Findings  finding.List   `json:"findings"`

	name   string // the normalized name, "" if it is none
	failed bool   // the addresses could not be looked up
	partly bool   // those of one family could not
}

// Address is one address of a host, with its reverse DNS.
type Address struct {
	IP netip.Addr `json:"ip"`
	// TTL is for how many seconds the address holds.
	TTL int `json:"ttl"`
	// Unreachable says why the Internet cannot reach the address, "" if it may.
	Unreachable string `json:"unreachable,omitempty"`
	// Reverse is "pass" if Name leads back to the address.
	Reverse iprev.Status `json:"reverse"`
	Name    string       `json:"name"`
}

func newHost(x dnscache.Exchange) Host {
	h := Host{
		Preference: x.Preference, Name: foreign.Line(x.Host, advice.MaxText), DNSSEC: lookups.Undetermined,
		Addresses: []Address{}, Findings: finding.List{},
	}
	h.name, _ = message.NormalizeASCII(x.Host)
	return h
}

// reachable returns the addresses that a sending server may reach.
func (h *Host) reachable() (list []netip.Addr) {
	for _, a := range h.Addresses {
		if a.Unreachable == "" {
			list = append(list, a.IP)
		}
	}
	return list
}

// receives reports whether mail may reach the host.
func (h *Host) receives() bool { return len(h.reachable()) > 0 || h.failed }

// check looks the host up and checks its name and addresses. only reports that no other host
// is named, so that its record cannot go without another in its place.
func (h *Host) check(ctx context.Context, l *lookups.Lookups, domain string, only bool) {
	record := advice.Remove(domain, fmt.Sprintf("MX %d %s.", h.Preference, h.Name))
	remove := record
	if only {
		remove = record.Words().Then(", and publish MX records that name hosts which take the mail, or MX 0 . if there are none")
	}
	if ip, err := netip.ParseAddr(strings.Trim(h.Name, "[]")); err == nil {
		h.name = ""
		fix := advice.Propose(domain, fmt.Sprintf("MX %d mail.%s.", h.Preference, domain))
		fix.Changes = append(fix.Changes, record.Changes...)
		if unreachable(ip) != "" {
			fix = fix.Words().Then(" and a public address of mail." + domain + ".")
		} else {
			fix.Changes = append(fix.Changes, advice.Propose("mail."+domain, family(ip)+" "+ip.String()).Changes...)
			fix = fix.Then(fmt.Sprintf(" and mail.%s. %s %s", domain, family(ip), ip))
		}
		h.Findings.Add(finding.Error, "an MX record must name a host, not the address "+ip.String(), fix)
		return
	}
	if h.name == "" {
		h.Findings.Add(finding.Error, h.Name+" cannot be the name of a host", remove)
		return
	}
	if !isHostName(h.name) {
		h.Findings.Warning(h.Name+" has characters that names of hosts do not have (RFC 1123 section 2.1): some servers do not deliver to it", "give the host a name of letters, digits and hyphens")
	}
	a := h.lookUp(ctx, l)
	switch {
	case len(a.Addrs) > 0:
		h.checkAddresses(ctx, l, a)
	case a.Bogus():
		h.Findings.Error("the addresses of "+h.Name+" do not pass DNSSEC validation: servers that validate do not deliver to it", bogusFix(h.Name))
	case !a.Outcome.Known():
		h.failed = true
		h.Findings.DNSFailure(lookups.Failure("the address", h.Name, a))
	case advice.MissingTarget(a) != "":
		h.Findings.Add(finding.Error, advice.TakeOver(h.Name, h.Alias, "gets mail for "+domain), remove)
	case a.Outcome == dnscache.NXDomain:
		h.Findings.Error(h.Name+" does not exist", "publish an address of "+h.Name+"., or "+remove.Text)
	default:
		h.Findings.Error(h.Name+" has no address", "publish an address (A or AAAA) of "+cmp.Or(h.Alias, h.Name)+".")
	}
	if a.Canonical != "" {
		fix := advice.Propose(domain, fmt.Sprintf("MX %d %s.", h.Preference, h.Alias))
		fix.Changes = append(fix.Changes, record.Changes...)
		if len(a.Addrs) == 0 {
			fix = finding.Fix{} // what it leads to takes no mail either
		}
		h.Findings.Add(finding.Error, h.Name+" is an alias (CNAME), which an MX record must not name (RFC 5321 section 5.1, RFC 2181 section 10.3)", fix)
	}
}

// isHostName reports whether the labels of a normalized name are of letters, digits and inner
// hyphens.
func isHostName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label != strings.Trim(label, "-") || strings.ContainsFunc(label, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
		}) {
			return false
		}
	}
	return true
}

// lookUp looks up the addresses of both families.
func (h *Host) lookUp(ctx context.Context, l *lookups.Lookups) *dnscache.Answer {
	a := l.Addresses(ctx, h.name)
	h.Alias = foreign.Line(a.Canonical, advice.MaxText)
	h.DNSSEC = l.DNSSECOf(ctx, a)
	if len(a.Addrs) > 0 {
		h.checkFamilies(ctx, l)
	}
	return a
}

// checkFamilies finds that the lookup of one family failed, where the other has addresses.
func (h *Host) checkFamilies(ctx context.Context, l *lookups.Lookups) {
	for _, t := range []dnscache.Type{dnscache.A, dnscache.AAAA} {
		switch a := l.Lookup(ctx, h.name, t); { // known already
		case a.Bogus():
			h.partly = true
			h.Findings.Error("the "+t.String()+" records of "+h.Name+" do not pass DNSSEC validation", bogusFix(h.Name))
		case !a.Outcome.Known():
			h.partly = true
			h.Findings.DNSFailure(lookups.Failure("the "+t.String()+" records", h.Name, a))
		}
	}
}

// checkAddresses checks the addresses and their reverse DNS.
func (h *Host) checkAddresses(ctx context.Context, l *lookups.Lookups, a *dnscache.Answer) {
	checked := firstAddresses(a.Addrs)
	if n := len(a.Addrs); n > len(checked) {
		h.Findings.Warning(fmt.Sprintf("%s has %d addresses; only %d were checked", h.Name, n, len(checked)), "")
	}
	h.Addresses = make([]Address, len(checked))
	results := make([]iprev.Result, len(checked))
	var all sync.WaitGroup
	for i, ip := range checked {
		h.Addresses[i] = Address{IP: ip, Unreachable: unreachable(ip), TTL: l.TTL(a)}
		if h.Addresses[i].Unreachable == "" {
			all.Go(func() { results[i] = iprev.Check(ctx, l, ip) })
		}
	}
	all.Wait()
	for i := range h.Addresses {
		h.Addresses[i].Reverse, h.Addresses[i].Name = results[i].Status, foreign.Line(results[i].Name, advice.MaxText)
		h.judge(&h.Addresses[i])
	}
}

// firstAddresses returns at most MaxAddresses, of both families if there are both, so that
// many of one do not hide the other.
func firstAddresses(all []netip.Addr) []netip.Addr {
	if len(all) <= MaxAddresses {
		return all
	}
	left := map[bool]int{} // by whether they are of IPv4
	for _, ip := range all {
		left[ip.Is4()]++
	}
	left[true] = min(left[true], max(MaxAddresses/2, MaxAddresses-left[false]))
	left[false] = MaxAddresses - left[true]
	first := make([]netip.Addr, 0, MaxAddresses)
	for _, ip := range all {
		if left[ip.Is4()] > 0 {
			left[ip.Is4()]--
			first = append(first, ip)
		}
	}
	return first
}

// judge adds what is wrong with an address.
func (h *Host) judge(a *Address) {
	name := cmp.Or(h.Alias, h.Name) // a PTR record must lead to the address, not to a CNAME
	switch {
	case a.Unreachable != "":
		h.Findings.Error(fmt.Sprintf("%s is not an address that the Internet can reach (%s)", a.IP, a.Unreachable),
			advice.Publish(name, family(a.IP)+" ...")+" with a public address")
	case a.Reverse == iprev.TempError:
		h.Findings.DNSFailure("the reverse DNS of " + a.IP.String() + " could not be looked up")
	case a.Reverse != iprev.Pass:
		h.Findings.Add(finding.Warning, fmt.Sprintf("the reverse DNS of %s does not lead back to it; mail that this host sends is refused by many", a.IP),
			advice.Propose(dnscache.ReverseName(a.IP), "PTR "+name+"."))
	}
}
