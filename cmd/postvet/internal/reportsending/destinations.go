package reportsending

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc"
)

// Destination is an address that a domain wants reports at.
type Destination struct {
	Address string
	// Consent says whether its host takes them.
	Consent dmarc.Consent
	// Reason explains it.
	Reason string
}

// Destinations are the addresses that a domain wants reports at now.
type Destinations struct {
	List []Destination
	// Unknown says which DNS failure hides them; "" if they are known.
	Unknown string
	// None says why there are none; "" if there are any, or if they are not known.
	None string
}

// find returns what there is about an address.
func (d *Destinations) find(address string) (Destination, bool) {
	i := slices.IndexFunc(d.List, func(x Destination) bool { return strings.EqualFold(x.Address, address) })
	if i < 0 {
		return Destination{}, false
	}
	return d.List[i], true
}

// Destinations looks up where a domain wants reports at, as the DNS has it now: its record
// (RFC 9989 section 4.7), and the consent of other organizations (RFC 9990 section 4).
func (s *Sender) Destinations(ctx context.Context, domain string) Destinations {
	return DestinationsOf(ctx, s.o.DNS, s.o.DMARC, domain, reports.Aggregate)
}

// DestinationsOf is [Sender.Destinations] for a kind of reports. Failure reports go to the
// addresses of ruf=, unless the record is that of a public suffix (RFC 9991 sections 2 and 5).
func DestinationsOf(ctx context.Context, dns dmarc.Resolver, o dmarc.Options, domain string, kind reports.Kind) Destinations {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	w := dmarc.Discover(ctx, dns, domain, o)
	uris, check := w.Record.URIs(kind == reports.Failure), dmarc.CheckReports
	if kind == reports.Failure {
		check = dmarc.CheckFailureReports
	}
	switch {
	case w.Trouble != "":
		return Destinations{Unknown: w.Trouble}
	case w.Record == nil || w.RecordDomain != domain:
		return Destinations{None: "the domain has no DMARC record any more"}
	case len(uris) == 0:
		return Destinations{None: "the record of the domain asks for no reports any more"}
	}
	addresses, problems := ParseURIs(uris)
	if len(addresses) == 0 {
		return Destinations{None: "no address can be used: " + strings.Join(problems[:min(len(problems), 3)], "; ")}
	}
	var out Destinations
	consents := map[string]dmarc.ReportConsent{}
	for _, address := range addresses {
		host := domainOf(address)
		c, known := consents[host]
		if !known {
			c = check(ctx, dns, domain, w.OrganizationalDomain, host, o)
			consents[host] = c
		}
		if c.Consent == dmarc.ConsentGiven && len(c.RUA) > 0 {
			// The host names other addresses of its own in place of this one.
			wanted, _ := ParseURIs(c.RUA)
			for _, a := range wanted {
				out.add(Destination{a, c.Consent, c.Reason})
			}
			continue
		}
		out.add(Destination{address, c.Consent, c.Reason})
	}
	if len(out.List) == 0 {
		out.None = "the hosts of its addresses name none that can be used"
	}
	return out
}

// add adds a destination unless it is there, or there are enough.
func (d *Destinations) add(x Destination) {
	if _, there := d.find(x.Address); !there && len(d.List) < maxAddresses {
		d.List = append(d.List, x)
	}
}

// loopback is what lists in the DNS answer with (RFC 5782 section 2.1).
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// listed returns the first list that has a domain; "" for none. A list that cannot be asked
// lists nobody: the end of a list must not be the end of all reports.
func (s *Sender) listed(ctx context.Context, domain string, lists []string) string {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	for _, list := range lists {
		a := s.o.DNS.Lookup(ctx, domain+"."+list, dnscache.A)
		if slices.ContainsFunc(a.Addrs, loopback.Contains) {
			return list
		}
	}
	return ""
}
