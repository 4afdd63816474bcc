package dmarc

import (
	"context"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Consent says whether a host takes reports about a domain, RFC 9990 section 4.
type Consent string

// The kinds of consent. Reports go where it is implied or given.
const (
	// ConsentImplied: host and domain are of one organization.
	ConsentImplied Consent = "implied"
	// ConsentGiven: the host publishes that it takes them.
	ConsentGiven Consent = "given"
	// ConsentAbsent: it does not.
	ConsentAbsent Consent = "absent"
	// ConsentUnknown: DNS trouble hides it; ask again later.
	ConsentUnknown Consent = "unknown"
)

// ReportConsent is what was found about one host.
type ReportConsent struct {
	Consent Consent `json:"consent"`
	// Name is what was asked for; "" for ConsentImplied.
	Name string `json:"name"`
	// RUA are the addresses that the host wants instead, all of them at host.
	RUA []string `json:"rua"`
	// Reason says in words why.
	Reason string `json:"reason"`
}

// CheckReports finds out whether host, the domain of a report URI, takes reports
// about the domain whose record names it. organizational is the Organizational
// Domain of that domain. It returns at the latest when ctx ends.
func CheckReports(ctx context.Context, r Resolver, domain, organizational, host string, o Options) ReportConsent {
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
			return ReportConsent{Consent: ConsentUnknown, Reason: "DNS trouble hides the organizational domain of " + foreign.Line(host, maxCited)}
		}
	}
	c := ReportConsent{Name: domain + "._report._dmarc." + host}
	a := r.Lookup(ctx, c.Name, dnscache.TXT)
	if !a.Outcome.Known() {
		c.Consent, c.Reason = ConsentUnknown, "the look-up of "+foreign.Line(c.Name, maxCited)+" failed"
		return c
	}
	c.Consent, c.Reason = ConsentAbsent, "no DMARC record at "+foreign.Line(c.Name, maxCited)
	for _, txt := range a.TXT {
		// The version tag is all that counts, and several records may stand here.
		if _, ok := cutVersion(txt); !ok {
			continue
		}
		c.Consent, c.Reason = ConsentGiven, "DMARC record at "+foreign.Line(c.Name, maxCited)
		if rec, err := ParseRecord(txt); err == nil && len(rec.RUA) > 0 {
			c.RUA = rec.RUA
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

// URIHost returns the domain of a mailto: URI in lower case, "" if it has none.
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
