package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Failure is a failure report (RFC 9991, RFC 6591): the fields of its feedback report
// (RFC 5965), and what is said of the message. Texts are as the reporter wrote them.
type Failure struct {
	FeedbackType string `json:"feedback_type"`
	Version      string `json:"version"`
	UserAgent    string `json:"user_agent"`
	AuthFailure  string `json:"auth_failure"`
	// IdentityAlignment are the methods that gave no aligned identity (RFC 9991 section
	// 4): dkim, spf, or none of them.
	IdentityAlignment     []string `json:"identity_alignment"`
	AuthenticationResults []string `json:"authentication_results"`
	DeliveryResult        string   `json:"delivery_result"`
	OriginalEnvelopeID    string   `json:"original_envelope_id"`
	OriginalMailFrom      string   `json:"original_mail_from"`
	OriginalRcptTo        []string `json:"original_rcpt_to"`
	ReportingMTA          string   `json:"reporting_mta"`
	// Arrival is when the message came; zero if the report does not say.
	Arrival         time.Time  `json:"arrival,omitzero"`
	Source          netip.Addr `json:"source_ip"`
	SourceText      string     `json:"source_text,omitempty"`
	SourcePort      int        `json:"source_port"`
	ReportedDomain  []string   `json:"reported_domain"`
	ReportedURI     []string   `json:"reported_uri"`
	DKIMDomain      string     `json:"dkim_domain"`
	DKIMIdentity    string     `json:"dkim_identity"`
	DKIMSelector    string     `json:"dkim_selector"`
	DKIMSelectorDNS string     `json:"dkim_selector_dns"`
	SPFDNS          []string   `json:"spf_dns"`
	// Incidents is the number of messages that the report stands for.
	Incidents int64 `json:"incidents"`

	// What the header of the message says.
	From      string `json:"from"`
	Subject   string `json:"subject"`
	Date      string `json:"date"`
	MessageID string `json:"message_id"`
	// Author is the author's domain; "" if there is no single one.
	Author string `json:"author"`

	Deviations deviation.List `json:"-"`
}

// The names of deviations of failure reports, beside others of this package.
const (
	PlainFeedback = "feedback-text"   // a text in place of fields
	FeedbackType  = "feedback-type"   // no type, or none of authentication
	MissingField  = "missing-field"   // a field that must be there
	FieldValue    = "field-value"     // a value that is none of its field
	RepeatedField = "repeated-field"  // a field that may stand there once
	NoSample      = "missing-message" // nothing of the message
)

// Limits of a failure report.
const (
	maxFailure  = 64 << 10
	maxRepeated = 100
	maxField    = 4 << 10
)

// ErrNotFailure is the error for a text without the fields of a feedback report.
var ErrNotFailure = errors.New("it is no failure report; it has none of its fields")

// ReadFailure reads the fields of a feedback report; sample is the header of the message
// that it is about.
func ReadFailure(r io.Reader, sample message.Header) (Failure, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFailure))
	f := Failure{
		Incidents: 1, IdentityAlignment: []string{}, AuthenticationResults: []string{}, OriginalRcptTo: []string{},
		ReportedDomain: []string{}, ReportedURI: []string{}, SPFDNS: []string{},
	}
	if err != nil {
		return f, err
	}
	known := false
	if plainFeedback.Match(text) {
		f.Deviations.Add(PlainFeedback, 0, "", "it is a text, not the fields of RFC 5965")
		known = f.readPlain(string(text))
	} else {
		for _, field := range fieldsOf(text) {
			known = f.set(field) || known
		}
		f.missing()
	}
	if !known {
		return f, ErrNotFailure
	}
	f.readSample(sample)
	return f, nil
}

// fieldLine is the beginning of a field (RFC 5322 section 2.2).
var fieldLine = regexp.MustCompile(`^[!-9;-~]+[ \t]*:`)

// fieldsOf returns all fields of a text, whatever lines stand between.
func fieldsOf(text []byte) message.Header {
	var all message.Header
	for len(text) > 0 && len(all) < 1000 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		if !fieldLine.Match(line) {
			text = rest
			continue
		}
		folds := 0
		for folds < len(rest) && (rest[folds] == ' ' || rest[folds] == '\t') {
			fold, _, _ := bytes.Cut(rest[folds:], []byte("\n"))
			folds = min(folds+len(fold)+1, len(rest))
		}
		name, value, _ := bytes.Cut(text[:len(text)-len(rest)+folds], []byte(":"))
		all = append(all, message.NewField(string(name), strings.TrimRight(string(value), "\r\n")))
		text = rest[folds:]
	}
	return all
}

// set sets what a field says. It reports whether the field belongs to such a report.
func (f *Failure) set(field message.Field) bool {
	name := strings.ToLower(field.Name)
	value := fieldText(field)
	once := map[string]*string{
		"feedback-type": &f.FeedbackType, "version": &f.Version, "user-agent": &f.UserAgent, "auth-failure": &f.AuthFailure,
		"delivery-result": &f.DeliveryResult, "original-envelope-id": &f.OriginalEnvelopeID, "original-mail-from": &f.OriginalMailFrom,
		"reporting-mta": &f.ReportingMTA, "dkim-domain": &f.DKIMDomain, "dkim-identity": &f.DKIMIdentity,
		"dkim-selector": &f.DKIMSelector, "dkim-selector-dns": &f.DKIMSelectorDNS,
	}
	many := map[string]*[]string{
		"authentication-results": &f.AuthenticationResults, "original-rcpt-to": &f.OriginalRcptTo, "reported-domain": &f.ReportedDomain,
		"reported-uri": &f.ReportedURI, "spf-dns": &f.SPFDNS,
	}
	switch {
	case once[name] != nil:
		if *once[name] != "" {
			f.Deviations.Add(RepeatedField, 0, field.Name, "stands there twice; the first counts")
			return true
		}
		*once[name] = value
	case many[name] != nil:
		if l := many[name]; len(*l) < maxRepeated {
			*l = append(*l, value)
		}
	case name == "identity-alignment":
		f.IdentityAlignment = alignments(value)
	case name == "source-ip":
		f.setSource(value)
	case name == "source-port":
		port, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			f.Deviations.Add(FieldValue, 0, "Source-Port", "%s is no port", foreign.Word(value, 40))
		}
		f.SourcePort = int(port)
	case name == "arrival-date" || name == "received-date":
		at, err := mail.ParseDate(value)
		if err != nil {
			f.Deviations.Add(FieldValue, 0, field.Name, "%s is no date", foreign.Word(value, 60))
			return true
		}
		f.Arrival = at.UTC()
	case name == "incidents":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 1 || n > maxCount {
			f.Deviations.Add(FieldValue, 0, "Incidents", "%s is no number of messages; it counts as 1", foreign.Word(value, 40))
			n = 1
		}
		f.Incidents = n
	default:
		return false
	}
	return true
}

// fieldText returns the value of a field on one line.
func fieldText(field message.Field) string {
	return foreign.Cut(strings.Join(strings.Fields(field.Value()), " "), maxField)
}

// alignments splits the value of Identity-Alignment.
func alignments(value string) []string {
	all := []string{}
	for word := range strings.SplitSeq(value, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		if word != "" && !slices.Contains(all, word) && len(all) < 10 {
			all = append(all, word)
		}
	}
	return all
}

// setSource reads an address, with or without a text behind it.
func (f *Failure) setSource(value string) {
	text, behind, _ := strings.Cut(value, " ")
	first := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if rest, ok := cutPrefixFold(first, "ipv6:"); ok {
		first = rest
	}
	ip, err := netip.ParseAddr(first)
	if err != nil {
		f.Deviations.Add(Address, 0, "Source-IP", "%s is no address", foreign.Word(value, 80))
		f.SourceText = value
		return
	}
	if f.Source = ip.Unmap().WithZone(""); strings.TrimSpace(behind) != "" || f.Source.String() != text {
		f.Deviations.Add(AddressForm, 0, "Source-IP", "%s stands for %s", foreign.Word(value, 80), f.Source)
	}
}

// missing notes the fields that RFC 5965 section 3.1, RFC 6591 section 3.1 and RFC 9991
// section 4 require.
func (f *Failure) missing() {
	switch strings.ToLower(f.FeedbackType) {
	case "auth-failure":
	case "":
		f.Deviations.Add(FeedbackType, 0, "Feedback-Type", "is missing")
	default:
		f.Deviations.Add(FeedbackType, 0, "Feedback-Type", "is %s: it is no report about authentication", foreign.Word(f.FeedbackType, 40))
		return
	}
	for _, field := range []struct {
		name    string
		missing bool
	}{
		{"Version", f.Version == ""},
		{"User-Agent", f.UserAgent == ""},
		{"Auth-Failure", f.AuthFailure == ""},
		{"Authentication-Results", len(f.AuthenticationResults) == 0},
		{"Reported-Domain", len(f.ReportedDomain) == 0},
		{"Identity-Alignment", strings.EqualFold(f.AuthFailure, "dmarc") && len(f.IdentityAlignment) == 0},
	} {
		if field.missing {
			f.Deviations.Add(MissingField, 0, field.name, "is missing")
		}
	}
}

var (
	plainFeedback = regexp.MustCompile(`(?i)A message claiming to be from you has failed`)
	plainField    = regexp.MustCompile(`(?m)^[ \t]+([A-Z][A-Za-z ]{2,40}):[ \t]*([^\r\n]*?)[ \t]*\r?$`)
)

// readPlain reads the text that Exim and others send: indented lines "Sender Domain:
// example.org".
func (f *Failure) readPlain(text string) bool {
	f.FeedbackType, f.AuthFailure = "auth-failure", "dmarc"
	known := false
	for _, m := range plainField.FindAllStringSubmatch(text, 50) {
		value := foreign.Cut(m[2], maxField)
		switch strings.ToLower(m[1]) {
		case "sender domain":
			f.ReportedDomain, known = append(f.ReportedDomain, value), true
		case "sender ip address":
			f.setSource(value)
			known = true
		case "received date":
			if at, err := mail.ParseDate(value); err == nil {
				f.Arrival = at.UTC()
			}
		case "spf alignment", "dkim alignment":
			if strings.EqualFold(value, "no") {
				method, _, _ := strings.Cut(strings.ToLower(m[1]), " ")
				f.IdentityAlignment = append(f.IdentityAlignment, method)
			}
		case "dmarc results":
			f.DeliveryResult = value
		}
	}
	return known
}

// readSample reads the header of the message.
func (f *Failure) readSample(h message.Header) {
	if len(h) == 0 {
		f.Deviations.Add(NoSample, 0, "", "nothing of the message is in the report")
		return
	}
	for name, to := range map[string]*string{"From": &f.From, "Subject": &f.Subject, "Date": &f.Date, "Message-ID": &f.MessageID} {
		for _, field := range h {
			if field.Is(name) {
				*to = fieldText(field)
				break
			}
		}
	}
	f.Subject = foreign.Cut(message.DecodeWords(f.Subject), maxField)
	f.Author = message.ParseAuthor(h).Domain
}

// Methods returns which methods failed to give an aligned identity, in words.
func (f *Failure) Methods() string {
	switch {
	case len(f.IdentityAlignment) == 1 && f.IdentityAlignment[0] == "none":
		return "all aligned"
	case len(f.IdentityAlignment) > 0:
		return fmt.Sprintf("not aligned: %s", strings.Join(f.IdentityAlignment, ", "))
	}
	return f.AuthFailure
}
