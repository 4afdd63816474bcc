package dmarc

import (
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// organizationalRecord returns the domain whose record determines the
// Organizational Domain, or "" if no record does.
func (p *path) organizationalRecord() string {
	org := p.organizational()
	for i := range p.steps {
		rec := p.at(i)
		if rec != nil && (p.domains[i] == org || rec.PSD == PSDYes && i > 0) {
			return p.domains[i]
		}
	}
	return ""
}

// identifiers explains all identifiers, after decide has looked up what it
// needs.
func (e *evaluation) identifiers(spf Identifier, dkim []Identifier) []Aligned {
	rec := e.found.record
	var list []Aligned
	if spf.Status != "" {
		list = append(list, e.aligned("spf", spf, rec.ASPF))
	}
	for _, id := range dkim {
		list = append(list, e.aligned("dkim", id, rec.ADKIM))
	}
	return list
}

// aligned explains one identifier.
func (e *evaluation) aligned(method string, id Identifier, mode Alignment) Aligned {
	a := Aligned{Method: method, Domain: id.Domain, Status: id.Status}
	a.Alignment, a.Why = e.relation(normalize(id.Domain), mode)
	return a
}

// relation explains the alignment of a domain with the author's (RFC 9989
// section 4.4).
func (e *evaluation) relation(domain string, mode Alignment) (alignment, why string) {
	org := e.found.org
	switch {
	case domain == "":
		return "no", "there is no domain that could be aligned"
	case domain == e.domain:
		return "yes", "it is the author's domain itself"
	case mode == Strict:
		return "no", "the record demands " + e.domain + " itself (strict alignment)"
	case org == "" && lastLabels(domain, 1) != lastLabels(e.domain, 1):
		return "no", foreign.Line(domain, maxCited) + " and " + e.domain + " do not even share their top-level domain"
	case org == "":
		return "unknown", "a DNS failure hides the organizational domain of " + e.domain
	case !message.Below(domain, org):
		return "no", foreign.Line(domain, maxCited) + " is not within " + org + ", the author's organizational domain" + e.authority()
	}
	o := e.orgs[domain]
	if o == nil {
		return "unknown", "it is within " + org + "; its own organizational domain was not looked up, as nothing depends on it"
	}
	switch {
	case o.Late:
		return "unknown", "the lookup of its organizational domain did not end in time"
	case o.Domain == "":
		return "unknown", "a DNS failure hides its organizational domain"
	case o.Domain == org:
		return "yes", "both belong to the organizational domain " + org + e.authority() + " (relaxed alignment)"
	}
	why = "its organizational domain is " + o.Domain
	if o.record != "" {
		why += " by the record at _dmarc." + o.record
	}
	return "no", why + ", that of " + e.domain + " is " + org
}

// authority names the record that determines the author's Organizational
// Domain.
func (a *Author) authority() string {
	if !a.found.walked {
		return " by the public suffix list"
	}
	if at := a.found.path.organizationalRecord(); at != "" {
		return " by the record at _dmarc." + at
	}
	return ""
}
