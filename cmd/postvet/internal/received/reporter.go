package received

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/message"
)

// OtherReporter is the name of the deviation of a report whose mail is of another
// organization than the report says. A report is believed because its mail passed DMARC,
// which says nothing about the name in it.
const OtherReporter = "other-reporter"

// compareReporter notes if the author's domain of a mail is of none of the organizations that
// a report in it names.
func compareReporter(to *deviation.List, rep *Report, author string) {
	named := reporters(rep)
	if author == "" || len(named) == 0 || to.Has(OtherReporter) {
		return
	}
	organization := organizationOf(author)
	if slices.ContainsFunc(named, func(domain string) bool { return organizationOf(domain) == organization }) {
		return
	}
	to.Add(OtherReporter, 0, "", "the mail is of %s, and the report says that it is of %s", author, strings.Join(named, " and "))
}

// reporters returns the domains that a report names as those of who made it.
func reporters(rep *Report) (domains []string) {
	var texts []string
	switch {
	case rep.Aggregate != nil:
		texts = []string{rep.Aggregate.Head.Email, rep.Aggregate.Head.OrgName}
	case rep.TLS != nil:
		texts = []string{rep.TLS.Contact, rep.TLS.Organization}
	case rep.Failure != nil:
		if kind, host, ok := strings.Cut(rep.Failure.ReportingMTA, ";"); ok && strings.EqualFold(strings.TrimSpace(kind), "dns") {
			texts = []string{host}
		}
	}
	for _, text := range texts {
		text = strings.Trim(strings.TrimPrefix(strings.TrimSpace(text), "mailto:"), "<> ")
		domain, ok := message.NormalizeDomain(text[strings.LastIndexByte(text, '@')+1:])
		if ok && strings.Contains(domain, ".") && !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

// organizationOf returns the name below the public suffix of a domain.
func organizationOf(domain string) string {
	if name, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return name
	}
	return domain
}

// authorOf returns the author's domain of a From field; "" if there is no single one.
func authorOf(from string) string {
	return message.ParseAuthor(message.Header{message.NewField("From", " "+from)}).Domain
}
