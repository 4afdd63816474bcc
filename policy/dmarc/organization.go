package dmarc

import (
	"context"
)

// Organization is the Organizational Domain of an authenticated identifier.
type Organization struct {
	// Domain is "" if a DNS failure makes it unknown.
	Domain string
	// record is the domain whose record determines Domain; "" if none does.
	record string
	// Late is true if the walk did not end in time. Domain is "" then.
	Late bool
}

// LookupOrganization looks up the Organizational Domain of an identifier. It
// returns at the latest when ctx ends.
func LookupOrganization(ctx context.Context, r Resolver, domain string, o Options) Organization {
	if o.Discovery == PSL {
		return Organization{Domain: orgDomainPSL(domain)}
	}
	p := walk(ctx, r, domain)
	return Organization{Domain: p.organizational(), record: p.organizationalRecord()}
}

// MayAlign reports whether [Author.Evaluate] will probably need the
// Organizational Domain of an identifier. A caller can then look it up in
// parallel with [LookupAuthor]. Names that do not share their last two labels
// rarely have the same Organizational Domain; Evaluate looks it up if it needs
// it.
func MayAlign(domain, author string) bool {
	return domain != "" && domain != author && lastLabels(domain, 2) == lastLabels(author, 2)
}
