// Package reporting says what DMARC aggregate reports (RFC 9990) have of a message. It
// evaluates nothing: all it says is in the results and in the verdict.
package reporting

import (
	"net/netip"
	"slices"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Skip says why a message is in no report.
type Skip string

// The reasons.
const (
	SkipDeferred  Skip = "deferred"         // it comes again, and counts then
	SkipExempt    Skip = "exempt"           // it was not checked
	SkipFault     Skip = "fault"            // an internal error hides what it is
	SkipBounce    Skip = "bounce"           // a bounce of our report, which is dropped
	SkipNoClient  Skip = "no-client"        // the client's address is not known, or there is none
	SkipNoAuthor  Skip = "no-author-domain" // there is no single author domain
	SkipUndecided Skip = "undecided"        // a DNS failure hides which record applies
	SkipNoRecord  Skip = "no-record"        // no record applies
	SkipNoAddress Skip = "no-address"       // the record names no address for reports
)

// Skips returns all reasons.
func Skips() []Skip {
	return []Skip{SkipDeferred, SkipExempt, SkipBounce, SkipFault, SkipNoClient, SkipNoAuthor, SkipUndecided, SkipNoRecord, SkipNoAddress}
}

// Kind is what kind of message a row is about. A forger, or two receivers that report
// about each other's reports, must not be able to cause reports at will: who sends them
// can let some kinds ride along only.
type Kind string

// The kinds.
const (
	Ordinary   Kind = "ordinary"
	Refused    Kind = "refused"     // it failed DMARC and was refused or dropped
	NullSender Kind = "null-sender" // a bounce or another notification
	OfReport   Kind = "report"      // it is a report, or goes to where reports come or are answered
)

// Policy is the policy that a row belongs to.
type Policy struct {
	report.Policy
	// RUA are the addresses for reports, as the record has them.
	RUA []string
}

// Row is what reports have of a message.
type Row struct {
	// Skip says why there is no row; "" if there is. The rest is only set then.
	Skip   Skip
	Kind   Kind
	Policy Policy
	// Record has a count of 1.
	Record report.Record
}

// Of returns the row of a message.
func Of(res *result.Results, v *result.Verdict) Row {
	if why := skip(res, v); why != "" {
		return Row{Skip: why}
	}
	published := record(&res.DMARC)
	if published == nil || len(published.RUA) == 0 {
		return Row{Skip: SkipNoAddress}
	}
	ip, _ := netip.ParseAddr(res.Client.IP)
	row := Row{Kind: kind(res, v), Policy: policyOf(&res.DMARC, published)}
	r := &row.Record
	r.Source, r.Count = ip.Unmap().WithZone(""), 1
	r.HeaderFrom = res.DMARC.AuthorDomain
	r.DKIMAligned, r.SPFAligned = res.DMARC.DKIMAligned, res.DMARC.SPFAligned
	r.Disposition, r.Reasons = disposition(res, v)
	r.EnvelopeFrom, r.HasEnvelopeFrom = envelopeFrom(res)
	r.DKIM = signatures(res)
	r.SPF = envelopeSPF(res)
	return row
}

// skip returns why a message is in no report, as far as its record does not matter.
func skip(res *result.Results, v *result.Verdict) Skip {
	_, err := netip.ParseAddr(res.Client.IP)
	switch {
	case v.Action == result.TempFail:
		return SkipDeferred
	case v.Rule == result.RuleReportBounce:
		return SkipBounce
	case res.Exempt != "":
		return SkipExempt
	case len(res.Faults) > 0:
		return SkipFault
	case err != nil || res.Client.Hidden != "" || res.Client.Inside:
		return SkipNoClient
	case res.Author.Domain == "" || res.DMARC.AuthorDomain == "":
		return SkipNoAuthor
	case res.DMARC.RecordDomain == "" && res.DMARC.Status == dmarc.TempError:
		return SkipUndecided
	case res.DMARC.RecordDomain == "":
		return SkipNoRecord
	}
	return ""
}

// record returns the record that applies. Results that were stored have its text alone.
func record(d *dmarc.Result) *dmarc.Record {
	if d.Published != nil {
		return d.Published
	}
	r, err := dmarc.ParseRecord(d.Record)
	if err != nil {
		return nil
	}
	return r
}

// policyOf returns the policy as RFC 9990 section 3.1.1.5 has it: what was found, or its
// default.
func policyOf(d *dmarc.Result, r *dmarc.Record) Policy {
	p := Policy{RUA: r.RUA}
	p.Domain, p.Discovery = d.RecordDomain, string(d.Discovery)
	p.P, p.SP, p.NP = string(r.P), string(r.SP), string(r.NP)
	p.ADKIM, p.ASPF, p.FO = string(r.ADKIM), string(r.ASPF), r.FO
	if p.Testing = "n"; r.Testing {
		p.Testing = "y"
	}
	return p
}

// envelopeFrom returns the domain of MAIL FROM, and whether it is known.
func envelopeFrom(res *result.Results) (string, bool) {
	if res.MailFromUnknown || res.MailFrom == "" {
		return "", !res.MailFromUnknown
	}
	_, domain := message.SplitPath(res.MailFrom)
	domain, ok := message.NormalizeDomain(domain)
	return domain, ok
}

// maxSignatures is how many signatures a row may have (RFC 9990 section 3.1.3).
const maxSignatures = 100

// signatures returns the results of all signatures, the best first (RFC 9990 section
// 3.1.3): those of the author's domain that pass, of its organization, others that pass,
// and the rest. A signature has the status that counted for DMARC.
func signatures(res *result.Results) []report.DKIM {
	type ranked struct {
		report.DKIM
		rank int
	}
	all := make([]ranked, 0, len(res.DKIM))
	for _, d := range res.DKIM {
		status, _ := res.Counts(d)
		r := ranked{report.DKIM{Domain: d.Domain, Selector: d.Selector, Result: string(status)}, 3}
		switch organization := res.DMARC.OrganizationalDomain; {
		case status != dkim.Pass:
		case d.Domain == res.DMARC.AuthorDomain:
			r.rank = 0
		case organization != "" && message.Below(d.Domain, organization):
			r.rank = 1
		default:
			r.rank = 2
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.rank - b.rank })
	var list []report.DKIM
	for _, r := range all[:min(len(all), maxSignatures)] {
		list = append(list, r.DKIM)
	}
	return list
}

// envelopeSPF returns the SPF result that DMARC used; none if there was no domain to ask.
// That of the null sender is about HELO, and its scope is mfrom all the same (RFC 9990
// section 3.1.1.13).
func envelopeSPF(res *result.Results) []report.SPF {
	s, ok := res.EnvelopeSPF()
	if !ok || s.Domain == "" {
		return nil
	}
	return []report.SPF{{Domain: s.Domain, Scope: "mfrom", Result: string(s.Status)}}
}
