// Package tlsrpt reads the reports of SMTP TLS Reporting (RFC 8460): how often mail to a
// domain was delivered over TLS as its policies (MTA-STS, DANE) demand, and what failed.
//
// Reporters leave out almost every field, write numbers as strings and lists as one value.
// Only the organization, the period, the id and the policies are expected, and what was
// made of the rest is in [Report.Deviations].
package tlsrpt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/foreign"
)

// MaxReport bounds a report in octets. Those of large reporters have some thousands.
const MaxReport = 4 << 20

// The errors.
var (
	ErrTooLarge  = fmt.Errorf("it is larger than %d MB", MaxReport>>20)
	ErrNotReport = errors.New("it is no TLS report")
)

// Report is a report (RFC 8460 section 4.4). Texts are as the reporter wrote them.
type Report struct {
	Organization string    `json:"organization_name"`
	Begin        time.Time `json:"begin,omitzero"`
	End          time.Time `json:"end,omitzero"`
	Contact      string    `json:"contact_info"`
	ID           string    `json:"report_id"`
	Policies     []Policy  `json:"policies"`

	Deviations deviation.List `json:"-"`
}

// Policy is one policy with the sessions that it applied to.
type Policy struct {
	// Type is sts, tlsa or no-policy-found.
	Type    string   `json:"policy_type"`
	Text    []string `json:"policy_string"`
	Domain  string   `json:"policy_domain"`
	MXHosts []string `json:"mx_host"`
	// Successful and Failed are numbers of sessions.
	Successful int64     `json:"successful"`
	Failed     int64     `json:"failed"`
	Failures   []Failure `json:"failures"`
}

// Failure is a kind of failure (RFC 8460 section 4.3).
type Failure struct {
	Result        string `json:"result_type"`
	SendingMTA    string `json:"sending_mta_ip"`
	ReceivingMX   string `json:"receiving_mx_hostname"`
	ReceivingHelo string `json:"receiving_mx_helo"`
	ReceivingIP   string `json:"receiving_ip"`
	Sessions      int64  `json:"failed_session_count"`
	Additional    string `json:"additional_information"`
	Code          string `json:"failure_reason_code"`
}

// The names of deviations.
const (
	Missing      = "missing-field" // a field that must be there
	Form         = "form"          // a value of another form: a number as a string, one value for a list
	DateForm     = "date"          // a date that is not as in RFC 3339
	Period       = "period"        // a period that ends before it begins
	Number       = "number"        // a number that is none
	PolicyType   = "policy-type"   // a type that RFC 8460 does not have
	TooMany      = "too-many"      // policies or failures that were left out
	Encoding     = "encoding"      // octets that are not UTF-8
	Behind       = "behind"        // something behind the document
	DomainAbsent = "policy-domain" // a policy without its domain
)

// The limits of lists.
const (
	maxPolicies = 1000
	maxFailures = 10_000 // of all policies
	maxList     = 100
	maxText     = 4 << 10
)

// Read reads a report.
func Read(r io.Reader) (Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxReport+1))
	switch {
	case err != nil:
		return Report{}, err
	case len(text) > MaxReport:
		return Report{}, ErrTooLarge
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var document map[string]any
	if err := d.Decode(&document); err != nil {
		return Report{}, fmt.Errorf("%w: %s", ErrNotReport, foreign.Line(err.Error(), 200))
	}
	p := &parser{}
	if !bytes.Equal(bytes.ToValidUTF8(text, nil), text) {
		p.note(Encoding, "", "it is not UTF-8; other octets were replaced")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		p.note(Behind, "", "something stands behind the document; it is not read")
	}
	if !anyOf(document, "organization-name", "report-id", "policies", "date-range") {
		return Report{}, fmt.Errorf("%w; it has none of its fields", ErrNotReport)
	}
	report := p.report(document)
	report.Deviations = p.list
	return report, nil
}

func anyOf(document map[string]any, names ...string) bool {
	for _, n := range names {
		if _, ok := document[n]; ok {
			return true
		}
	}
	return false
}

// Key identifies a report: reporter, domains, id and period.
func (r *Report) Key() string {
	var domains []string
	for _, p := range r.Policies {
		domains = append(domains, p.Domain)
	}
	return fmt.Sprintf("%q %q %q %s %s", r.Organization, domains, r.ID, r.Begin, r.End)
}

// Sessions returns how many sessions were as the policies demand, and how many were not.
func (r *Report) Sessions() (successful, failed int64) {
	for _, p := range r.Policies {
		successful += p.Successful
		failed += p.Failed
	}
	return successful, failed
}
