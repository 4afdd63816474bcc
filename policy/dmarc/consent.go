package dmarc

import (
	"context"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Consent says whether a host accepts reports about a domain (RFC 9990 section
// 4).
type Consent string

// The kinds of consent. Reports may be sent if it is implied or given.
const (
	// ConsentImplied: host and domain belong to one organization.
	ConsentImplied Consent = "implied"
	// ConsentGiven: the host publishes that it accepts them.
	ConsentGiven Consent = "given"
	// ConsentAbsent: the host does not publish it.
	ConsentAbsent Consent = "absent"
	// ConsentUnknown: a DNS failure prevents the check; a later one may
	// succeed.
	ConsentUnknown Consent = "unknown"
)

// ReportConsent is the result of a check of one host.
type ReportConsent struct {
	Consent Consent `json:"consent"`
	// Name is the name that was looked up; "" for ConsentImplied.
	Name string `json:"name"`
	// RUA are the addresses that the host wants instead, all of them at this
	// host. For failure reports they are those of ruf=.
	RUA []string `json:"rua"`
	// Reason explains the result in words.
	Reason string `json:"reason"`
}

// CheckReports checks whether host, the domain of a report URI, accepts reports
// about the domain whose record names it (RFC 9990 section 4). organizational
// is the Organizational Domain of that domain. It returns at the latest when
// ctx ends.
func CheckReports(ctx context.Context, r Resolver, domain, organizational, host string, o Options) ReportConsent {
	return checkReports(ctx, r, domain, organizational, host, o, func(rec *Record) []string { return rec.RUA })
}

// CheckFailureReports is CheckReports for failure reports: ruf= takes the place of rua=
// (RFC 9991 section 5).
func CheckFailureReports(ctx context.Context, r Resolver, domain, organizational, host string, o Options) ReportConsent {
	return checkReports(ctx, r, domain, organizational, host, o, func(rec *Record) []string { return rec.RUF })
}

// checkReports is CheckReports for the addresses that a function takes from a record.
func checkReports(ctx context.Context, r Resolver, domain, organizational, host string, o Options, addresses func(*Record) []string) ReportConsent {
	domain, host = normalize(domain), normalize(host)
	if domain == "" || host == "" {
		return ReportConsent{Consent: ConsentAbsent, Reason: "not a domain name"}
	}
	if host == domain {
		return ReportConsent{Consent: ConsentImplied, Reason: "the domain itself"}
	}
	// Only a host within the Organizational Domain can have the same one.
	if organizational != "" && message.Below(host, organizational) {
		switch discover(ctx, r, host, o.Discovery).org {
		case organizational:
			return ReportConsent{Consent: ConsentImplied, Reason: "of the same organization"}
		case "":
			return ReportConsent{Consent: ConsentUnknown, Reason: "a DNS failure hides the organizational domain of " + foreign.Line(host, maxCited)}
		}
	}
	c := ReportConsent{Name: domain + "._report._dmarc." + host}
	a := r.Lookup(ctx, c.Name, dnscache.TXT)
	if !a.Outcome.Known() {
		c.Consent, c.Reason = ConsentUnknown, "the lookup of "+foreign.Line(c.Name, maxCited)+" failed"
		return c
	}
	c.Consent, c.Reason = ConsentAbsent, "no DMARC record at "+foreign.Line(c.Name, maxCited)
	for _, txt := range a.TXT {
		// Several records are allowed here. Each counts that is a list of tags, the
		// version first, whatever the tags say.
		if !isTagList(txt) {
			continue
		}
		c.Consent, c.Reason = ConsentGiven, "DMARC record at "+foreign.Line(c.Name, maxCited)
		if rec, err := ParseRecord(txt); err == nil {
			c.RUA = append(c.RUA, addresses(rec)...)
		}
	}
	for _, u := range c.RUA {
		if h := URIHost(u); h != host {
			c.Consent, c.RUA = ConsentAbsent, nil
			c.Reason = foreign.Line(c.Name, maxCited) + " names an address at another host, which voids it"
			break
		}
	}
	return c
}

// isTagList reports whether a text is a valid list of tags (RFC 6376 section 3.2) that
// begins with the version of DMARC.
func isTagList(txt string) bool {
	if _, ok := cutVersion(txt); !ok {
		return false
	}
	seen := map[string]bool{}
	parts := strings.Split(txt, ";")
	for i, part := range parts {
		if trimSpace(part) == "" && i > 0 && i == len(parts)-1 {
			break // a semicolon may end the list
		}
		name, value, ok := strings.Cut(part, "=")
		name = trimSpace(name)
		if !ok || !isTagName(name) || seen[name] || strings.ContainsFunc(trimSpace(value), func(c rune) bool { return c < ' ' && c != '\t' || c > '~' }) {
			return false
		}
		seen[name] = true
	}
	return true
}

// URIHost returns the domain of a mailto: URI in lower case, or "" if it has
// none.
func URIHost(uri string) string {
	scheme, rest, _ := strings.Cut(uri, ":")
	if !strings.EqualFold(scheme, "mailto") {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "?")
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return ""
	}
	return normalize(rest[at+1:])
}
