package route

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
)

// MX is where mail for the domain goes.
type MX struct {
	// Null reports that the domain takes no mail (RFC 7505).
	Null bool `json:"null"`
	// Implicit reports that there is no MX record, so that the one host is the name
	// itself (RFC 5321 section 5.1).
	Implicit bool         `json:"implicit"`
	Hosts    []Host       `json:"hosts"` // by preference
	Findings finding.List `json:"findings"`

	// Outcome is that of the lookup of the MX records.
	Outcome dnscache.Outcome `json:"-"`
}

// FindMX finds where mail for a domain goes, and says what is wrong there.
func FindMX(ctx context.Context, l *lookups.Lookups, domain string) MX {
	m := MX{Hosts: []Host{}, Findings: finding.List{}}
	a := l.Lookup(ctx, domain, dnscache.MX)
	m.Outcome = a.Outcome
	switch {
	case !a.Outcome.Known():
		m.Findings.DNSFailure(lookups.Failure("the MX records", domain, a.Outcome))
		return m
	case a.Outcome == dnscache.NXDomain:
		return m
	case a.Outcome == dnscache.NoData:
		m.implicit(ctx, l, domain)
		return m
	}
	for i, x := range a.MX {
		if x.Host == "" {
			m.Null = true
			continue
		}
		if i < MaxHosts {
			m.Hosts = append(m.Hosts, Host{Preference: x.Preference, Name: x.Host, Addresses: []Address{}, Findings: finding.List{}})
		}
	}
	switch {
	case m.Null && len(m.Hosts) > 0:
		m.Null = false
		m.Findings.Error("a null MX stands beside other exchangers, which RFC 7505 section 3 forbids", "remove: "+domain+". MX 0 .")
	case m.Null:
		m.Findings.OK("null MX: the domain takes no mail (RFC 7505)")
		return m
	}
	if n := len(a.MX); n > MaxHosts {
		m.Findings.Warning(fmt.Sprintf("%d mail exchangers; only the first %d were checked", n, MaxHosts), "")
	}
	var all sync.WaitGroup
	for i := range m.Hosts {
		all.Go(func() { m.Hosts[i].check(ctx, l, domain) })
	}
	all.Wait()
	return m
}

// implicit looks for the host of a domain without MX records.
func (m *MX) implicit(ctx context.Context, l *lookups.Lookups, domain string) {
	h := Host{Name: domain, Addresses: []Address{}, Findings: finding.List{}}
	a := l.Addresses(ctx, domain)
	owner := cmp.Or(a.Canonical, domain) // nothing can stand beside a CNAME
	switch {
	case len(a.Addrs) > 0:
		m.Implicit = true
		h.checkAddresses(ctx, l, a)
		m.Hosts = append(m.Hosts, h)
		m.Findings.Warning("no MX record: mail goes to the address of the name itself (RFC 5321 section 5.1)",
			advice.Publish(owner, "MX 10 "+owner+".")+", or MX 0 . if the domain takes no mail")
	case !a.Outcome.Known():
		m.Findings.DNSFailure(lookups.Failure("the address", domain, a.Outcome))
	default:
		m.Findings.Error("no MX record and no address: mail cannot be delivered, and mail from this domain is refused by many",
			"publish MX records of "+owner+". that name the hosts which take its mail, or MX 0 . if it takes none")
	}
}
