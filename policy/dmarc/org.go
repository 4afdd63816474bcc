package dmarc

import (
	"context"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// discovery is the result of a walk: the Organizational Domain of a domain, and
// the record that applies to mail from authors in that domain.
type discovery struct {
	path *path
	// walked is true for the tree walk, and false for the public suffix list.
	walked bool
	// org is the Organizational Domain; "" if a DNS failure makes it unknown.
	org string
	// record is the record that applies, and recordDomain its name. If record
	// is nil, decided is true if there is none, and false if a DNS failure
	// makes it unknown.
	record       *Record
	recordDomain string
	decided      bool
}

// discover performs the walk of a method. It returns at the latest when ctx
// ends.
func discover(ctx context.Context, r Resolver, domain string, method Discovery) *discovery {
	if method == PSL {
		return discoverPSL(ctx, r, domain)
	}
	d := &discovery{path: walk(ctx, r, domain), walked: true}
	d.org = d.path.organizational()
	d.govern()
	return d
}

// organizational returns the Organizational Domain (RFC 9989 section 4.10.2),
// or "" if a DNS failure makes it unknown.
func (p *path) organizational() string {
	for i := range p.steps {
		rec := p.at(i)
		switch {
		case rec == nil:
		case rec.PSD == PSDNo:
			return p.domains[i]
		case rec.PSD == PSDYes && i > 0:
			return labelBelow(p.domains[0], p.domains[i])
		}
	}
	if p.failure != 0 {
		return ""
	}
	for i := p.steps - 1; i > 0; i-- {
		if p.at(i) != nil {
			return p.domains[i]
		}
	}
	return p.domains[0]
}

// labelBelow returns the parent of domain that has one label more than suffix.
// The walk need not have looked up this name.
func labelBelow(domain, suffix string) string {
	head := strings.TrimSuffix(domain, "."+suffix)
	return domain[strings.LastIndexByte(head, '.')+1:]
}

// govern selects the record (RFC 9989 section 4.10.1): that of the Author
// Domain, else that of its Organizational Domain, else that of the public
// suffix. Records at other names of the walk do not apply.
func (d *discovery) govern() {
	if rec := d.path.at(0); rec != nil {
		d.record, d.recordDomain, d.decided = rec, d.path.domains[0], true
		return
	}
	if d.org == "" {
		return
	}
	d.decided = true
	for i := range d.path.steps {
		if rec := d.path.at(i); rec != nil && d.path.domains[i] == d.org {
			d.record, d.recordDomain = rec, d.org
			return
		}
	}
	d.record, d.recordDomain = d.path.psd()
}

// orgDomainPSL returns the Organizational Domain of RFC 7489 section 3.2: one
// label below the public suffix. A public suffix has no such domain and is its
// own.
func orgDomainPSL(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return org
}

// discoverPSL performs the discovery of RFC 7489 section 6.6.3: the record of
// the Author Domain, else that of its Organizational Domain. It ends if several
// records stand at one of them. The records are read by RFC 9989; psd= has no
// meaning here.
func discoverPSL(ctx context.Context, r Resolver, domain string) *discovery {
	d := &discovery{org: orgDomainPSL(domain)}
	p := &path{domains: []string{domain}}
	if d.org != domain {
		p.domains = append(p.domains, d.org)
	}
	p.sets = make([]*recordSet, len(p.domains))
	d.path = p
	for i, answer := range dnscache.LookupAll(ctx, r, questions(p.domains)) {
		s := readRecords(answer)
		p.sets[i] = s
		p.steps++
		if s.record != nil {
			d.record, d.recordDomain = s.record, p.domains[i]
		}
		if !s.outcome.Known() {
			p.failed(s)
		}
		if p.failure != 0 || s.found > 1 || s.record != nil {
			break
		}
	}
	d.decided = p.failure == 0
	return d
}

// normalize returns a domain as [message.NormalizeDomain] does, or "" for an
// invalid one.
func normalize(domain string) string {
	name, _ := message.NormalizeDomain(domain)
	return name
}

// lastLabels returns the last n labels of a domain.
func lastLabels(domain string, n int) string {
	for i := len(domain) - 1; i >= 0; i-- {
		if domain[i] == '.' {
			if n--; n == 0 {
				return domain[i+1:]
			}
		}
	}
	return domain
}

// PublicSuffix reports whether anybody can register domains directly below this
// one, as below "com" and "co.uk". The name must be in lower case and without a
// final dot. Suffixes in the private part of the list, such as "github.io", do
// not count: they have one owner, who publishes a policy for all. Nor do names
// that are not in the list, such as "lan", because they may belong to a private
// network.
func PublicSuffix(name string) bool {
	suffix, icann := publicsuffix.PublicSuffix(name)
	return icann && suffix == name
}
