// Package route finds the way of mail to a domain: which hosts take it, in which order a
// sending server tries them, and what protects the mail from being read or diverted (RFC
// 5321 section 5.1, RFC 7505, 7672, 8461 and 8460).
//
// [Find] takes an address and returns a [Report], which prints itself or becomes JSON.
// [FindMX] and [FindTransport] are the two parts of it that concern the domain alone. All
// text from the DNS is reduced to printable ASCII and shortened.
package route

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// MX is where mail for the domain goes.
type MX struct {
	// Null reports that the domain takes no mail (RFC 7505).
	Null bool `json:"null"`
	// Implicit reports that there is no MX record, so that the one host is the name
	// itself (RFC 5321 section 5.1).
	Implicit bool `json:"implicit"`
	// Alias is where a CNAME at the domain leads, whose records count.
	Alias string `json:"alias,omitempty"`
	// TTL is for how many seconds the MX records hold, 0 if there are none.
	TTL int `json:"ttl"`
	// DNSSEC is about the MX records, or about the proof that there are none.
	DNSSEC   lookups.DNSSEC `json:"dnssec"`
	Hosts    []Host         `json:"hosts"` // by preference
	Findings finding.List   `json:"findings"`

	// more reports that there are hosts beyond those that were checked.
	more bool
	// Outcome is that of the lookup of the MX records.
	Outcome dnscache.Outcome `json:"-"`
	answer  *dnscache.Answer
}

// FindMX finds where mail for a domain goes, and says what is wrong there.
func FindMX(ctx context.Context, l *lookups.Lookups, domain string) MX {
	a := l.Lookup(ctx, domain, dnscache.MX)
	m := MX{Hosts: []Host{}, Findings: finding.List{}, Outcome: a.Outcome, answer: a, Alias: foreign.Line(a.Canonical, advice.MaxText), TTL: l.TTL(a)}
	m.find(ctx, l, domain)
	m.DNSSEC = l.DNSSECOf(ctx, a)
	if a.Outcome.Known() && a.Outcome != dnscache.NXDomain {
		m.countNameServers(l.Lookup(ctx, domain, dnscache.NS), domain)
	}
	return m
}

// countNameServers finds that a zone has one name server alone. A domain without any is in the
// zone of another.
func (m *MX) countNameServers(a *dnscache.Answer, domain string) {
	names := map[string]bool{}
	for _, n := range a.Names {
		names[strings.ToLower(n)] = true
	}
	switch {
	case !a.Outcome.Known():
		m.Findings.DNSFailure(lookups.Failure("the name servers", domain, a))
	case len(names) == 1:
		m.Findings.Warning("the zone of "+domain+" has one name server alone, "+foreign.Line(a.Names[0], advice.MaxText)+": while it is away, no mail finds its way (RFC 2182 section 5)",
			"add a name server in another network")
	}
}

func (m *MX) find(ctx context.Context, l *lookups.Lookups, domain string) {
	a := m.answer
	switch {
	case a.Bogus():
		m.Findings.Error("the MX records of "+domain+" do not pass DNSSEC validation: servers that validate do not deliver", bogusFix(domain))
		return
	case !a.Outcome.Known():
		m.Findings.DNSFailure(lookups.Failure("the MX records", domain, a))
		return
	case a.Outcome == dnscache.NXDomain:
		return
	case a.Outcome == dnscache.NoData:
		m.implicit(ctx, l, domain)
		return
	}
	owner := cmp.Or(a.Canonical, domain) // of the records
	for i, x := range a.MX {
		if x.Host == "" {
			m.Null = true
			continue
		}
		if i < MaxHosts {
			m.Hosts = append(m.Hosts, newHost(x))
		}
	}
	switch {
	case m.Null && len(m.Hosts) > 0:
		m.Null = false
		m.Findings.Add(finding.Error, "a null MX stands beside other exchangers, which RFC 7505 section 3 forbids", advice.Remove(owner, "MX 0 ."))
	case m.Null:
		m.Findings.OK("null MX: the domain takes no mail (RFC 7505)")
		return
	}
	if n := len(a.MX); n > MaxHosts {
		m.more = true
		m.Findings.Warning(fmt.Sprintf("%d mail exchangers; only the first %d were checked", n, MaxHosts), "")
	}
	var all sync.WaitGroup
	for i := range m.Hosts {
		all.Go(func() { m.Hosts[i].check(ctx, l, owner, len(a.MX) == 1) })
	}
	all.Wait()
	m.compare(owner)
}

// Receives reports whether mail may reach a host.
func (m *MX) Receives() bool {
	return slices.ContainsFunc(m.Hosts, func(h Host) bool { return h.receives() })
}

// bogusFix is what to do about records that do not pass validation.
func bogusFix(name string) string {
	return "sign the zone of " + name + " again, or have its DS record removed from the zone above until it is signed"
}

// implicit looks for the host of a domain without MX records.
func (m *MX) implicit(ctx context.Context, l *lookups.Lookups, domain string) {
	h := newHost(dnscache.Exchange{Host: domain})
	a := h.lookUp(ctx, l)
	owner := cmp.Or(a.Canonical, domain) // nothing can stand beside a CNAME
	switch {
	case len(a.Addrs) > 0:
		m.Implicit = true
		h.checkAddresses(ctx, l, a)
		m.Hosts = append(m.Hosts, h)
		m.Findings.Add(finding.Warning, "no MX record: mail goes to the address of the name itself (RFC 5321 section 5.1)",
			advice.Cautious(ctx, l, owner, "MX 10 "+owner+".").Then(", or MX 0 . if the domain takes no mail"))
		m.compare(domain)
	case a.Bogus():
		m.Findings.Error("the addresses of "+domain+" do not pass DNSSEC validation: servers that validate do not deliver", bogusFix(domain))
	case !a.Outcome.Known():
		m.Findings.DNSFailure(lookups.Failure("the address", domain, a))
	default:
		m.Findings.Error("no MX record and no address: mail cannot be delivered, and mail from this domain is refused by many",
			"publish MX records of "+owner+". that name the hosts which take its mail, or MX 0 . if it takes none")
	}
}
