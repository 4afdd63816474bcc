package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// The values of Auth-Failure (RFC 6591 section 3.3, RFC 9991 section 4).
const (
	FailedDMARC     = "dmarc"
	FailedSignature = "signature"
	FailedBodyHash  = "bodyhash"
	FailedRevoked   = "revoked"
	FailedSPF       = "spf"
)

// The values of Delivery-Result (RFC 6591 section 3.2.2).
const (
	Delivered    = "delivered"
	DeliveryHeld = "policy" // it was not delivered to the intended inbox
	NotDelivered = "reject"
)

// ErrFailure is wrapped by the errors of WriteFailure.
var ErrFailure = errors.New("report: a failure report that RFC 9991 does not allow")

// FailureText is what a failure report says beside its fields.
type FailureText struct {
	// Boundary separates its parts: letters and digits that no other report has.
	Boundary string
	// Submitter is the sender, and Contact the address for questions; "" for none.
	Submitter, Contact string
	// LeftOut is how many fields of the message are not in it.
	LeftOut int
}

// WriteFailure writes a failure report as an entity of MIME: its Content-Type field, an
// empty line, and its three parts (RFC 6591 section 3.1). sample is what is told of the
// header of the message, whose body is never told. The error is [ErrFailure] for a report
// without a field that it needs, or with a value that none may have.
func WriteFailure(w io.Writer, f *Failure, sample message.Header, t FailureText) error {
	if err := f.check(t); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Content-Type: multipart/report; report-type=feedback-report;\r\n\tboundary=%q\r\n\r\n", t.Boundary)
	b.WriteString("This is a report by RFC 9991 in the format of MIME.\r\n")
	part := func(contentType string) {
		fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 7bit\r\n\r\n", t.Boundary, contentType)
	}
	part("text/plain; charset=us-ascii")
	b.WriteString(f.words(t))
	part("message/feedback-report")
	for _, field := range f.fields() {
		b.WriteString(field.Raw)
	}
	part("text/rfc822-headers")
	for _, field := range sample {
		b.WriteString(field.Raw)
	}
	fmt.Fprintf(&b, "\r\n--%s--\r\n", t.Boundary)
	_, err := w.Write(b.Bytes())
	return err
}

var boundary = regexp.MustCompile(`^[A-Za-z0-9]{8,60}$`)

// check returns what forbids to write a report.
func (f *Failure) check(t FailureText) error {
	some := func(all ...string) bool { return slices.ContainsFunc(all, func(s string) bool { return s != "" }) }
	aligned := f.IdentityAlignment
	for _, c := range []struct {
		wrong bool
		what  string
	}{
		{!boundary.MatchString(t.Boundary), "the boundary"},
		{!slices.Contains([]string{FailedDMARC, FailedSignature, FailedBodyHash, FailedRevoked, FailedSPF}, f.AuthFailure), "Auth-Failure"},
		{len(aligned) == 0 || !slices.Equal(aligned, []string{"none"}) && slices.ContainsFunc(aligned, func(s string) bool { return s != "dkim" && s != "spf" }) ||
			len(aligned) > 1 && aligned[0] == aligned[1] || len(aligned) > 2, "Identity-Alignment"},
		{f.DeliveryResult != "" && !slices.Contains([]string{Delivered, DeliveryHeld, NotDelivered, "spam", "other"}, f.DeliveryResult), "Delivery-Result"},
		{len(f.AuthenticationResults) == 0, "Authentication-Results"},
		{len(f.ReportedDomain) == 0, "Reported-Domain"},
		{f.UserAgent == "", "User-Agent"},
		{some(f.DKIMDomain, f.DKIMIdentity, f.DKIMSelector) && (f.DKIMDomain == "" || f.DKIMIdentity == "" || f.DKIMSelector == ""), "DKIM-Domain, DKIM-Identity, DKIM-Selector"},
		{slices.Contains([]string{FailedSignature, FailedBodyHash, FailedRevoked}, f.AuthFailure) && f.DKIMDomain == "", "DKIM-Domain"},
		{f.AuthFailure == FailedSPF && len(f.SPFDNS) == 0, "SPF-DNS"},
		{f.Incidents < 1 || f.Incidents > maxCount, "Incidents"},
	} {
		if c.wrong {
			return fmt.Errorf("%w: %s", ErrFailure, c.what)
		}
	}
	return nil
}

// fields returns the fields of the feedback report in the order of RFC 9991 appendix A.
func (f *Failure) fields() message.Header {
	var h message.Header
	add := func(name string, values ...string) {
		for _, v := range values {
			if v = strings.Join(strings.Fields(foreign.Line(v, maxField)), " "); v != "" {
				h = append(h, message.NewField(name, message.Fold(len(name)+1, v)))
			}
		}
	}
	add("Feedback-Type", "auth-failure")
	add("Version", "1")
	add("User-Agent", f.UserAgent)
	add("Auth-Failure", f.AuthFailure)
	add("Authentication-Results", f.AuthenticationResults...)
	add("Identity-Alignment", strings.Join(f.IdentityAlignment, ", "))
	add("Delivery-Result", f.DeliveryResult)
	add("DKIM-Domain", f.DKIMDomain)
	add("DKIM-Identity", f.DKIMIdentity)
	add("DKIM-Selector", f.DKIMSelector)
	add("DKIM-Selector-DNS", f.DKIMSelectorDNS)
	add("SPF-DNS", f.SPFDNS...)
	add("Original-Envelope-Id", f.OriginalEnvelopeID)
	add("Original-Mail-From", f.OriginalMailFrom)
	add("Reporting-MTA", f.ReportingMTA)
	if !f.Arrival.IsZero() {
		add("Arrival-Date", f.Arrival.UTC().Format(time.RFC1123Z))
	}
	if f.Source.IsValid() {
		add("Source-IP", f.Source.Unmap().WithZone("").String())
	}
	if f.SourcePort > 0 {
		add("Source-Port", strconv.Itoa(f.SourcePort))
	}
	add("Reported-Domain", f.ReportedDomain...)
	add("Incidents", strconv.FormatInt(f.Incidents, 10))
	return h
}

// SPFDNS returns a value of SPF-DNS: the record of a domain as the DNS has it (RFC 6591
// sections 3.2.6 and 4).
func SPFDNS(domain, record string) string { return "txt : " + domain + " : " + QuotedRecord(record) }

// QuotedRecord returns a record of the DNS as a quoted string, the form of DKIM-Selector-DNS
// and of a part of SPF-DNS (RFC 6591 section 4). Octets that a field may not
// have are "?".
func QuotedRecord(record string) string {
	const most = 2000
	text := strings.Join(strings.Fields(foreign.Line(record, most)), " ")
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// words returns the part for people.
func (f *Failure) words(t FailureText) string {
	var b strings.Builder
	paragraph := func(format string, args ...any) {
		text := message.Fold(0, foreign.Line(fmt.Sprintf(format, args...), foreign.Whole))
		b.WriteString(strings.ReplaceAll(strings.TrimPrefix(text, " "), "\r\n\t", "\r\n") + "\r\n\r\n")
	}
	messages := "A message"
	if f.Incidents > 1 {
		messages = strconv.FormatInt(f.Incidents, 10) + " messages"
	}
	from, when := "", ""
	if f.Source.IsValid() {
		from = " from " + f.Source.Unmap().String()
		if f.Incidents > 1 {
			from += " or its neighbours"
		}
	}
	if !f.Arrival.IsZero() {
		when = " on " + f.Arrival.UTC().Format(time.RFC1123Z)
		if f.Incidents > 1 {
			when = ", the first" + when
		}
	}
	paragraph("%s in the name of %s came%s%s and failed a check: %s. The DMARC record of the domain asks for this report (ruf=).",
		messages, strings.Join(f.ReportedDomain, ", "), from, when, f.failed())
	paragraph("Below is the header of %s, without its body. Names are left out, and local parts of addresses are replaced by a keyed hash, the same one for the same local part (RFC 6590). %d of its fields are left out.",
		map[bool]string{false: "the message", true: "the first of them"}[f.Incidents > 1], t.LeftOut)
	if t.Submitter != "" {
		contact := ""
		if t.Contact != "" {
			contact = " Questions go to " + t.Contact + "."
		}
		paragraph("The report is sent by %s.%s To end such reports remove ruf= from the record.", t.Submitter, contact)
	}
	return strings.TrimSuffix(b.String(), "\r\n")
}

// failed returns in words what failed.
func (f *Failure) failed() string {
	switch f.AuthFailure {
	case FailedSignature, FailedBodyHash, FailedRevoked:
		return "a DKIM signature"
	case FailedSPF:
		return "SPF"
	}
	var all []string
	for _, method := range f.IdentityAlignment {
		all = append(all, "no aligned pass by "+strings.ToUpper(method))
	}
	return "DMARC, " + strings.Join(all, ", ")
}
