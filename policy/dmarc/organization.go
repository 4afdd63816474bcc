package dmarc

import (
	"context"
)

// Organization is the Organizational Domain of an authenticated identifier.
type Organization struct {
	// Domain is "" if DNS trouble hides it.
	Domain string
	// record is the name below which the record stands that says so; "" if none
	// does.
	record string
	// Late tells that the walk did not end in time; Domain is "" then.
	Late bool
}

// LookupOrganization walks for the Organizational Domain of an identifier. It
// returns at the latest when ctx ends.
func LookupOrganization(ctx context.Context, r Resolver, domain string, o Options) Organization {
	if o.Discovery == PSL {
		return Organization{Domain: orgDomainPSL(domain)}
	}
	p := walk(ctx, r, domain)
	return Organization{Domain: p.organizational(), record: p.organizationalRecord()}
}

// MayAlign reports whether the Organizational Domain of an identifier may be
// needed, so that a caller can look it up while it does not yet know what
// [LookupAuthor] finds. Names that do not even share two labels with the author's
// rarely share the Organizational Domain; [Author.Evaluate] asks for those.
func MayAlign(domain, author string) bool {
	return domain != "" && domain != author && lastLabels(domain, 2) == lastLabels(author, 2)
}
