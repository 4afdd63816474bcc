package reporting

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Reasons why there is no failure report, beside those of rows.
const (
	SkipNotAsked   Skip = "not-asked"   // nothing failed that fo= asks about
	SkipSuffix     Skip = "psd"         // the record is that of a public suffix (RFC 9991 section 2)
	SkipNullSender Skip = "null-sender" // a bounce or another notification
	SkipReport     Skip = "report"      // a report, or another mail of a program
	SkipList       Skip = "list"        // it looks like a mailing list's
	SkipOwn        Skip = "own-domain"  // in the name of our domains, or of our reports
)

// FailureSkips returns all reasons.
func FailureSkips() []Skip {
	return append(Skips(), SkipNotAsked, SkipSuffix, SkipNullSender, SkipReport, SkipList, SkipOwn)
}

// Failing is what a failure report is about.
type Failing struct {
	// Skip says why there is none; "" if there may be one. The rest is only set then.
	Skip Skip
	// Domain is the policy domain, and Author that of the author.
	Domain, Author string
	// RUF are the addresses for failure reports, as the record has them.
	RUF []string
	// Type is the value of Auth-Failure, and Alignment the methods without an aligned
	// identity; none if there is no such method.
	Type      string
	Alignment []string
	// signature and sender are what failed; nil for nothing that a report needs.
	signature *dkim.Result
	sender    *spf.Result
	source    netip.Addr
}

// FailingOf says what a failure report would be about. own reports whether a domain is
// ours, or that of our reports.
func FailingOf(res *result.Results, v *result.Verdict, own func(domain string) bool) Failing {
	if why := failingSkip(res, v, own); why != "" {
		return Failing{Skip: why}
	}
	published := record(&res.DMARC)
	switch {
	case published == nil || len(published.RUF) == 0:
		return Failing{Skip: SkipNoAddress}
	case len(published.URIs(true)) == 0:
		return Failing{Skip: SkipSuffix}
	}
	f := Failing{Domain: res.DMARC.RecordDomain, Author: res.DMARC.AuthorDomain, RUF: published.RUF}
	ip, _ := netip.ParseAddr(res.Client.IP)
	f.source = ip.Unmap().WithZone("")
	f.find(res)
	if f.Type = f.asked(res, published.FO); f.Type == "" {
		return Failing{Skip: SkipNotAsked}
	}
	return f
}

// failingSkip returns why there is no failure report, as far as its record does not matter.
func failingSkip(res *result.Results, v *result.Verdict, own func(string) bool) Skip {
	if why := skip(res, v); why != "" {
		return why
	}
	_, sender := message.SplitPath(res.MailFrom)
	sender, _ = message.NormalizeDomain(sender)
	switch {
	case res.DMARC.Status == dmarc.TempError || res.DMARC.Status == dmarc.PermError:
		return SkipUndecided
	case res.MailFrom == "" && !res.MailFromUnknown:
		return SkipNullSender
	case ofReport(res) || ofProgram(res.Header):
		return SkipReport
	case res.List.Marked():
		return SkipList
	case own(res.DMARC.AuthorDomain) || sender != "" && own(sender):
		return SkipOwn
	}
	return ""
}

// ofProgram reports whether a program says that it sends a message by itself: a report of
// any kind (RFC 6522), or an answer (RFC 3834). To report on these makes loops.
func ofProgram(h message.Header) bool {
	for _, f := range h {
		if !f.Is("Auto-Submitted") {
			continue
		}
		value := strings.ToLower(strings.TrimSpace(f.Value()))
		if value != "" && value != "no" && !strings.HasPrefix(value, "no;") && !strings.HasPrefix(value, "no ") {
			return true
		}
	}
	return isReport(h)
}

// isReport reports whether a message is a report by its type, such as a failure report
// (RFC 6522).
func isReport(h message.Header) bool {
	for _, f := range h {
		if f.Is("Content-Type") {
			return strings.HasPrefix(strings.ToLower(strings.TrimSpace(f.Value())), "multipart/report")
		}
	}
	return false
}

// find finds what failed.
func (f *Failing) find(res *result.Results) {
	for i := range res.DKIM {
		d := &res.DKIM[i]
		if status, _ := res.Counts(*d); status != dkim.Fail && status != dkim.PermError && status != dkim.Policy {
			continue
		}
		// One of the author's organization counts most.
		if f.signature == nil || !aligns(f.signature.Domain, res) && aligns(d.Domain, res) {
			f.signature = d
		}
	}
	s, ok := res.EnvelopeSPF()
	if ok && s.Domain != "" && (s.Status == spf.Fail || s.Status == spf.SoftFail || s.Status == spf.PermError || s.Status == spf.Neutral) {
		f.sender = &s
	}
	if !res.DMARC.DKIMAligned {
		f.Alignment = append(f.Alignment, "dkim")
	}
	if !res.DMARC.SPFAligned {
		f.Alignment = append(f.Alignment, "spf")
	}
	if len(f.Alignment) == 0 {
		f.Alignment = []string{"none"}
	}
}

// aligns reports whether a domain may be aligned with the author's.
func aligns(domain string, res *result.Results) bool {
	org := res.DMARC.OrganizationalDomain
	return domain == res.DMARC.AuthorDomain || org != "" && message.Below(domain, org)
}

// asked returns the type of the report that fo= asks for (RFC 9989 section 4.7); "" for
// none. What a DNS failure hides has not failed.
func (f *Failing) asked(res *result.Results, fo string) string {
	options := strings.Split(fo, ":")
	decided := !slices.ContainsFunc(res.DKIM, func(d dkim.Result) bool { return d.Status == dkim.TempError })
	if s, ok := res.EnvelopeSPF(); ok && s.Status == spf.TempError {
		decided = false
	}
	failed := f.Alignment[0] != "none" && decided
	switch {
	case res.DMARC.Status == dmarc.Fail && (slices.Contains(options, "0") || slices.Contains(options, "1")), failed && slices.Contains(options, "1"):
		return report.FailedDMARC
	case f.signature != nil && slices.Contains(options, "d"):
		switch f.signature.Failure {
		case dkim.FailureBody, dkim.FailureBodyShort:
			return report.FailedBodyHash
		case dkim.FailureKeyRevoked:
			return report.FailedRevoked
		}
		return report.FailedSignature
	case f.sender != nil && f.sender.Status != spf.Neutral && slices.Contains(options, "s"):
		return report.FailedSPF
	}
	return ""
}

// Like returns what failures that are alike have in common: the domains, what failed, and
// the network of the client.
func (f *Failing) Like() string {
	bits := 24
	if f.source.Is6() {
		bits = 64
	}
	network, _ := f.source.Prefix(bits)
	parts := append([]string{f.Domain, f.Author, f.Type, network.String()}, f.Alignment...)
	if f.signature != nil {
		parts = append(parts, f.signature.Domain, f.signature.Selector)
	}
	return strings.Join(parts, "\x00")
}

// Report returns the fields of the report, of which Incidents is 1. redact replaces local
// parts in paths, and results is our Authentication-Results as it may be told. The report has
// the result of the check that it is about.
func (f *Failing) Report(res *result.Results, v *result.Verdict, redact func(path string) string, results string) report.Failure {
	r := report.Failure{
		AuthFailure: f.Type, IdentityAlignment: f.Alignment, AuthenticationResults: []string{f.result(results)},
		DeliveryResult: delivery(v), Arrival: res.Arrived, Source: f.source, ReportedDomain: []string{f.Author}, Incidents: 1,
	}
	if !res.MailFromUnknown {
		r.OriginalMailFrom = "<" + redact(res.MailFrom) + ">"
	}
	ofDKIM := f.Type == report.FailedSignature || f.Type == report.FailedBodyHash || f.Type == report.FailedRevoked
	if d := f.signature; d != nil && d.Domain != "" && d.Selector != "" && (ofDKIM || aligns(d.Domain, res)) {
		r.DKIMDomain, r.DKIMSelector, r.DKIMIdentity = d.Domain, d.Selector, "@"+d.Domain
		if strings.Contains(d.Identity, "@") {
			r.DKIMIdentity = redact(d.Identity)
		}
		if d.KeyRecord != "" {
			r.DKIMSelectorDNS = report.QuotedRecord(d.KeyRecord)
		}
	}
	if s := f.sender; s != nil && (f.Type == report.FailedSPF || aligns(s.Domain, res)) {
		r.SPFDNS = []string{report.SPFDNS(s.Domain, s.Record)}
	}
	return r
}

// delivery returns the value of Delivery-Result (RFC 6591 section 3.2.2).
func delivery(v *result.Verdict) string {
	switch {
	case v.Monitored:
		return report.Delivered
	case v.Action == result.Reject:
		return report.NotDelivered
	case doneWith(v) == report.DispositionNone:
		return report.Delivered
	}
	return report.DeliveryHeld
}
