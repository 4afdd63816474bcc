package dmarc

import (
	"context"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// discovery is what is known about one domain: its Organizational Domain, and
// the record that governs mail whose author it is.
type discovery struct {
	path *path
	// walked tells the tree walk from the public suffix list.
	walked bool
	// org is the Organizational Domain; "" if DNS trouble hides it.
	org string
	// record governs, and stands at recordDomain; nil if there is none, or,
	// with decided false, if DNS trouble hides whether there is one.
	record       *Record
	recordDomain string
	decided      bool
}

// discover performs the walk that the method asks for. It returns at the latest
// when ctx ends.
func discover(ctx context.Context, r Resolver, domain string, method Discovery) *discovery {
	if method == PSL {
		return discoverPSL(ctx, r, domain)
	}
	d := &discovery{path: walk(ctx, r, domain), walked: true}
	d.org = d.path.organizational()
	d.govern()
	return d
}

// organizational finds the Organizational Domain among the names of the walk,
// RFC 9989 section 4.10.2; "" if trouble cut the walk short.
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
	if p.trouble != 0 {
		return ""
	}
	for i := p.steps - 1; i > 0; i-- {
		if p.at(i) != nil {
			return p.domains[i]
		}
	}
	return p.domains[0]
}

// labelBelow returns the name on the way from suffix down to domain that has
// one label more than suffix. It need not be a name that the walk asked for.
func labelBelow(domain, suffix string) string {
	head := strings.TrimSuffix(domain, "."+suffix)
	return domain[strings.LastIndexByte(head, '.')+1:]
}

// govern picks the record, RFC 9989 section 4.10.1: that of the Author Domain,
// else that of its Organizational Domain, else that of the public suffix. A
// record at any other name of the walk is not used.
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

// orgDomainPSL is the Organizational Domain of RFC 7489 section 3.2: one label
// below the public suffix. A public suffix has none above it and stands for
// itself.
func orgDomainPSL(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return org
}

// discoverPSL is RFC 7489 section 6.6.3: the Author Domain, else its
// Organizational Domain, and an end to it if several records stand there. The
// records themselves are read as RFC 9989 has them; psd= means nothing here.
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
			p.trouble = s.outcome
		}
		if p.trouble != 0 || s.found > 1 || s.record != nil {
			break
		}
	}
	d.decided = p.trouble == 0
	return d
}

// normalize returns a domain as [message.NormalizeDomain] does, "" for what is
// none.
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

// PublicSuffix reports whether strangers to one another have domains directly
// below this one, which is in lower case and without a final dot: "com", "co.uk".
// Suffixes in the private part of the list, such as "github.io", have one owner,
// who publishes a policy and may be judged as one. What is not in the list may be
// a network's own, such as "lan".
func PublicSuffix(name string) bool {
	suffix, icann := publicsuffix.PublicSuffix(name)
	return icann && suffix == name
}
