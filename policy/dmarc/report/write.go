package report

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// The errors of a report that cannot be written.
var (
	// ErrNothing is the error for a report without a record.
	ErrNothing = errors.New("report: there is no record to report")
	// ErrHead and ErrRecord are the errors for values that no report may have.
	ErrHead   = errors.New("report: the head of a report is not valid")
	ErrRecord = errors.New("report: a record is not valid")
)

// Limits of texts that are written, in octets.
const (
	maxName    = 256
	maxComment = 300
	maxErrors  = 1000
)

// Invalid stands for a domain or a selector of a message that is none. A signature may
// name anything.
const Invalid = "invalid"

// Write writes an aggregate report (RFC 9990), record by record. Its bytes follow from
// its values alone. Texts are cut and made valid XML; domain names of messages that are
// none become [Invalid]. Namespace, Version and Percent of the head are not asked. The
// error is ErrNothing, ErrHead, ErrRecord or that of w.
func Write(w io.Writer, h *Head, records iter.Seq[*Record]) error {
	out := &writer{w: bufio.NewWriterSize(w, 32<<10)}
	if err := out.head(h); err != nil {
		return err
	}
	n := 0
	for r := range records {
		if n++; n > MaxRecords {
			return ErrTooManyRecords
		}
		if err := out.record(r); err != nil {
			return err
		}
	}
	if n == 0 {
		return ErrNothing
	}
	out.line(0, "</feedback>")
	return out.w.Flush()
}

// WriteGzip is Write with compression, as reports are sent (RFC 9990 section 3.5.2).
func WriteGzip(w io.Writer, h *Head, records iter.Seq[*Record]) error {
	z := gzip.NewWriter(w) // its header has neither name nor time
	if err := Write(z, h, records); err != nil {
		return err
	}
	return z.Close()
}

// writer writes the elements of a report. bufio keeps the first error.
type writer struct {
	w      *bufio.Writer
	domain string // of the policy
}

func (w *writer) line(depth int, text string) {
	for range depth {
		_, _ = w.w.WriteString("  ")
	}
	_, _ = w.w.WriteString(text)
	_ = w.w.WriteByte('\n')
}

// element writes an element with a text that was made valid.
func (w *writer) element(depth int, name, text string) {
	for range depth {
		_, _ = w.w.WriteString("  ")
	}
	if text == "" {
		_, _ = w.w.WriteString("<" + name + "/>\n")
		return
	}
	_, _ = w.w.WriteString("<" + name + ">")
	_, _ = escape.WriteString(w.w, text)
	_, _ = w.w.WriteString("</" + name + ">\n")
}

// optional writes an element unless its text is empty.
func (w *writer) optional(depth int, name, text string) {
	if text != "" {
		w.element(depth, name, text)
	}
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// clean returns a text that XML allows, on one line and of at most n octets. What it does
// not allow becomes U+FFFD.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r < ' ' || r == 0xfffe || r == 0xffff || r == 0x7f || r >= 0x80 && r < 0xa0:
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	return strings.TrimSpace(foreign.Cut(strings.TrimSpace(s), n))
}

// head writes all before the records.
func (w *writer) head(h *Head) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrHead, fmt.Sprintf(format, args...))
	}
	p := &h.Policy
	org, email := clean(h.OrgName, maxName), clean(h.Email, maxName)
	domain, ok := message.NormalizeDomain(p.Domain)
	switch {
	case org == "" || email == "":
		return bad("org_name and email are needed")
	case !dotAtoms.MatchString(h.ReportID) || len(h.ReportID) > maxName:
		return bad("the Report-ID %s is none", foreign.Quote(h.ReportID, 80))
	case h.Begin.Unix() < 0 || h.End.Before(h.Begin) || h.End.Unix() > lastSecond:
		return bad("the period from %s to %s is none", h.Begin, h.End)
	case !ok:
		return bad("the policy domain %s is none", foreign.Quote(p.Domain, 80))
	case p.P == "":
		return bad("p is needed")
	case p.FO != "" && !foForm.MatchString(p.FO):
		return bad("fo %s is none", foreign.Quote(p.FO, 40))
	}
	for _, v := range []struct {
		name, value string
		words       []string
	}{
		{"p", p.P, policyWords},
		{"sp", p.SP, policyWords},
		{"np", p.NP, policyWords},
		{"adkim", p.ADKIM, modeWords},
		{"aspf", p.ASPF, modeWords},
		{"discovery_method", p.Discovery, []string{"psl", "treewalk"}},
		{"testing", p.Testing, []string{"n", "y"}},
	} {
		if v.value != "" && !slices.Contains(v.words, v.value) {
			return bad("%s %s is none of %s", v.name, foreign.Quote(v.value, 40), strings.Join(v.words, ", "))
		}
	}
	w.domain = domain
	w.line(0, `<?xml version="1.0" encoding="UTF-8"?>`)
	w.line(0, `<feedback xmlns="`+Namespace+`">`)
	w.element(1, "version", "1.0")
	w.line(1, "<report_metadata>")
	w.element(2, "org_name", org)
	w.element(2, "email", email)
	w.optional(2, "extra_contact_info", clean(h.ExtraContact, maxName))
	w.element(2, "report_id", h.ReportID)
	w.line(2, "<date_range>")
	w.element(3, "begin", strconv.FormatInt(h.Begin.Unix(), 10))
	w.element(3, "end", strconv.FormatInt(h.End.Unix(), 10))
	w.line(2, "</date_range>")
	w.optional(2, "error", clean(strings.Join(h.Errors, "; "), maxErrors)) // RFC 9990 section 3.1.1.3: one
	w.optional(2, "generator", clean(h.Generator, maxName))
	w.line(1, "</report_metadata>")
	w.line(1, "<policy_published>")
	w.element(2, "domain", domain)
	w.optional(2, "discovery_method", p.Discovery)
	w.element(2, "p", p.P)
	w.optional(2, "sp", p.SP)
	w.optional(2, "np", p.NP)
	w.optional(2, "fo", p.FO)
	w.optional(2, "adkim", p.ADKIM)
	w.optional(2, "aspf", p.ASPF)
	w.optional(2, "testing", p.Testing)
	w.line(1, "</policy_published>")
	return nil
}

// record writes a record.
func (w *writer) record(r *Record) error {
	if err := r.validate(w.domain); err != nil {
		return err
	}
	w.line(1, "<record>")
	w.line(2, "<row>")
	w.element(3, "source_ip", canonical(r.Source).String())
	w.element(3, "count", strconv.FormatInt(r.Count, 10))
	w.line(3, "<policy_evaluated>")
	w.element(4, "disposition", string(r.Disposition))
	w.element(4, "dkim", passFail(r.DKIMAligned))
	w.element(4, "spf", passFail(r.SPFAligned))
	for _, reason := range r.Reasons {
		kind := reason.Type
		if kind == Forwarded || kind == SampledOut { // RFC 9990 has no longer these
			kind = OtherReason
		}
		w.line(4, "<reason>")
		w.element(5, "type", string(kind))
		w.optional(5, "comment", clean(reason.Comment, maxComment))
		w.line(4, "</reason>")
	}
	w.line(3, "</policy_evaluated>")
	w.line(2, "</row>")
	w.line(2, "<identifiers>")
	w.element(3, "header_from", domainOr(r.HeaderFrom, Invalid))
	if r.HasEnvelopeFrom {
		from := ""
		if r.EnvelopeFrom != "" {
			from = domainOr(r.EnvelopeFrom, Invalid)
		}
		w.element(3, "envelope_from", from)
	}
	if r.EnvelopeTo != "" {
		w.element(3, "envelope_to", domainOr(r.EnvelopeTo, Invalid))
	}
	w.line(2, "</identifiers>")
	w.line(2, "<auth_results>")
	for _, d := range r.DKIM {
		w.line(3, "<dkim>")
		w.element(4, "domain", domainOr(d.Domain, Invalid))
		w.element(4, "selector", domainOr(d.Selector, Invalid))
		w.element(4, "result", d.Result)
		w.optional(4, "human_result", clean(d.Human, maxComment))
		w.line(3, "</dkim>")
	}
	for _, s := range r.SPF {
		w.line(3, "<spf>")
		w.element(4, "domain", domainOr(s.Domain, Invalid))
		w.optional(4, "scope", s.Scope)
		w.element(4, "result", s.Result)
		w.optional(4, "human_result", clean(s.Human, maxComment))
		w.line(3, "</spf>")
	}
	w.line(2, "</auth_results>")
	w.line(1, "</record>")
	return nil
}

// validate returns why a record cannot be written in a report about a policy domain.
func (r *Record) validate(policy string) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrRecord, fmt.Sprintf(format, args...))
	}
	from, ok := message.NormalizeDomain(r.HeaderFrom)
	switch {
	case !ok || !message.Below(from, policy): // RFC 9990 section 3.1.2
		return bad("its header_from %s is not below %s", foreign.Quote(r.HeaderFrom, 80), policy)
	case !r.Source.IsValid():
		return bad("it has no source_ip")
	case r.Count < 1 || r.Count > maxCount:
		return bad("its count is %d", r.Count)
	case !slices.Contains([]Disposition{DispositionNone, DispositionPass, DispositionQuarantine, DispositionReject}, r.Disposition):
		return bad("its disposition is %s", foreign.Quote(string(r.Disposition), 40))
	case len(r.DKIM) > maxResults || len(r.SPF) > 1 || len(r.Reasons) > maxResults:
		return bad("it has %d signatures, %d results of SPF and %d reasons", len(r.DKIM), len(r.SPF), len(r.Reasons))
	}
	for _, reason := range r.Reasons {
		if !slices.Contains(reasonTypes, reason.Type) {
			return bad("its reason is %s", foreign.Quote(string(reason.Type), 40))
		}
	}
	for _, d := range r.DKIM {
		if !slices.Contains(dkimWords, d.Result) {
			return bad("its result of DKIM is %s", foreign.Quote(d.Result, 40))
		}
	}
	for _, s := range r.SPF {
		if !slices.Contains(spfWords, s.Result) || s.Scope != "" && s.Scope != "mfrom" {
			return bad("its result of SPF is %s, scope %s", foreign.Quote(s.Result, 40), foreign.Quote(s.Scope, 40))
		}
	}
	return nil
}

// canonical returns an address as reports have it (RFC 9990 section 3.1.1.8).
func canonical(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

// domainOr returns a domain in lower-case A-labels, or what stands for one that is none.
func domainOr(s, otherwise string) string {
	if domain, ok := message.NormalizeDomain(s); ok {
		return domain
	}
	return otherwise
}

func passFail(pass bool) string {
	if pass {
		return "pass"
	}
	return "fail"
}

// Day returns the first and the last second of the day of UTC that a time is in: the
// period of a report.
func Day(at time.Time) (begin, end time.Time) {
	begin = at.UTC().Truncate(24 * time.Hour)
	return begin, begin.Add(24*time.Hour - time.Second)
}
