package tlsrpt_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/policy/tlsrpt"
)

// whole is the report of RFC 8460 appendix B with other names.
const whole = `{
  "organization-name": "Reporter",
  "date-range": {"start-datetime": "2026-11-27T00:00:00Z", "end-datetime": "2026-11-27T23:59:59Z"},
  "contact-info": "tls@reporter.example",
  "report-id": "5065427c-23d3",
  "policies": [{
    "policy": {"policy-type": "sts", "policy-string": ["version: STSv1", "mode: testing"], "policy-domain": "example.com", "mx-host": ["*.mail.example.com"]},
    "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
    "failure-details": [{
      "result-type": "certificate-expired", "sending-mta-ip": "2001:db8::1", "receiving-mx-hostname": "mx1.mail.example.com",
      "receiving-ip": "192.0.2.1", "failed-session-count": 100, "additional-information": "https://reporter.example/1", "failure-reason-code": "X"
    }]
  }]
}`

func wholeReport() tlsrpt.Report {
	return tlsrpt.Report{
		Organization: "Reporter", Begin: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 27, 23, 59, 59, 0, time.UTC),
		Contact: "tls@reporter.example", ID: "5065427c-23d3",
		Policies: []tlsrpt.Policy{{
			Type: "sts", Text: []string{"version: STSv1", "mode: testing"}, Domain: "example.com", MXHosts: []string{"*.mail.example.com"}, Successful: 5326, Failed: 303,
			Failures: []tlsrpt.Failure{{
				Result: "certificate-expired", SendingMTA: "2001:db8::1", ReceivingMX: "mx1.mail.example.com", ReceivingIP: "192.0.2.1", Sessions: 100,
				Additional: "https://reporter.example/1", Code: "X",
			}},
		}},
	}
}

var equal = cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(tlsrpt.Report{}, "Deviations")}

func names(r tlsrpt.Report) string {
	var all []string
	for _, d := range r.Deviations {
		all = append(all, d.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, from, to, notes string
		want                  func(*tlsrpt.Report)
	}{
		{"as it should be", "", "", "", nil},
		{"no contact", `"tls@reporter.example"`, "null", "", func(r *tlsrpt.Report) { r.Contact = "" }},
		{"no sending-mta-ip", `"sending-mta-ip": "2001:db8::1", `, "", "", func(r *tlsrpt.Report) { r.Policies[0].Failures[0].SendingMTA = "" }},
		{"no policy-domain", `"policy-domain": "example.com", `, "", tlsrpt.DomainAbsent, func(r *tlsrpt.Report) { r.Policies[0].Domain = "" }},
		{"policy-domain in capitals", `"policy-domain": "example.com"`, `"policy-domain": "Example.COM."`, "", nil},
		{"mx-host as one text", `["*.mail.example.com"]`, `"*.mail.example.com"`, "", nil},
		{"policy-string as one text", `["version: STSv1", "mode: testing"]`, `"version: STSv1"`, tlsrpt.Form, func(r *tlsrpt.Report) { r.Policies[0].Text = []string{"version: STSv1"} }},
		{"number as text", "5326", `"5326"`, tlsrpt.Form, nil},
		{"number as float", "5326", "5326.0", "", nil},
		{"negative number", "5326", "-1", tlsrpt.Number, func(r *tlsrpt.Report) { r.Policies[0].Successful = 0 }},
		{"huge number", "5326", "1e300", tlsrpt.Number, func(r *tlsrpt.Report) { r.Policies[0].Successful = 0 }},
		{"no number", "5326", "true", tlsrpt.Number, func(r *tlsrpt.Report) { r.Policies[0].Successful = 0 }},
		{"date without zone", "T00:00:00Z", "T00:00:00", tlsrpt.DateForm, nil},
		{"date in seconds", `"2026-11-27T00:00:00Z"`, "1795737600", tlsrpt.DateForm + " " + tlsrpt.Form, nil},
		{"no date", "2026-11-27T00:00:00Z", "yesterday", tlsrpt.DateForm, func(r *tlsrpt.Report) { r.Begin = time.Time{} }},
		{"ends before it begins", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", tlsrpt.Period, func(r *tlsrpt.Report) { r.Begin, r.End = r.End, r.Begin.AddDate(0, 0, 1) }},
		{"other type", `"sts"`, `"dnssec"`, tlsrpt.PolicyType, func(r *tlsrpt.Report) { r.Policies[0].Type = "dnssec" }},
		{"type in capitals", `"sts"`, `"STS"`, "", nil},
		{"no summary", `"summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},`, "", tlsrpt.Missing, func(r *tlsrpt.Report) { r.Policies[0].Successful, r.Policies[0].Failed = 0, 0 }},
		{"no failures", `"failure-details": [{`, `"other": [{`, "", func(r *tlsrpt.Report) { r.Policies[0].Failures = nil }},
		{"no id", `"5065427c-23d3"`, `""`, tlsrpt.Missing, func(r *tlsrpt.Report) { r.ID = "" }},
		{"octets of Latin-1", "Reporter", "M\xfcller", tlsrpt.Encoding, func(r *tlsrpt.Report) { r.Organization = "M\ufffdller" }},
		{"something behind", "}]\n}", "}]\n} x", tlsrpt.Behind, nil},
	} {
		text := whole
		if tc.from != "" {
			if !strings.Contains(text, tc.from) {
				t.Fatalf("%s: the report has no %q", tc.name, tc.from)
			}
			text = strings.Replace(text, tc.from, tc.to, 1)
		}
		want := wholeReport()
		if tc.want != nil {
			tc.want(&want)
		}
		got, err := tlsrpt.Read(strings.NewReader(text))
		if err != nil || names(got) != tc.notes {
			t.Errorf("%s: %v, %v, want %q", tc.name, got.Deviations, err, tc.notes)
		}
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

func TestReadBounds(t *testing.T) {
	t.Parallel()
	many := `{"policies":[` + strings.Repeat(`{},`, 2000) + `{"failure-details":[` + strings.Repeat("{},", 20000) + `{}]}]}`
	got, err := tlsrpt.Read(strings.NewReader(many))
	if err != nil || len(got.Policies) != 1000 || !got.Deviations.Has(tlsrpt.TooMany) {
		t.Errorf("%d policies, %v, %v", len(got.Policies), got.Deviations, err)
	}
	got, err = tlsrpt.Read(strings.NewReader(`{"policies":[{"failure-details":[` + strings.Repeat("{},", 20000) + `{}]}]}`))
	if err != nil || len(got.Policies[0].Failures) != 10_000 || !got.Deviations.Has(tlsrpt.TooMany) {
		t.Errorf("%v, %v", got.Deviations, err)
	}
	broken := errors.New("broken")
	for _, tc := range []struct {
		r    io.Reader
		want error
	}{
		{strings.NewReader(strings.Repeat(" ", tlsrpt.MaxReport+1)), tlsrpt.ErrTooLarge},
		{strings.NewReader(strings.Repeat(`{"policies":`, 100_000)), tlsrpt.ErrNotReport},
		{strings.NewReader(""), tlsrpt.ErrNotReport},
		{strings.NewReader("[]"), tlsrpt.ErrNotReport},
		{strings.NewReader(`{"a":1}`), tlsrpt.ErrNotReport},
		{strings.NewReader(whole[:500]), tlsrpt.ErrNotReport},
		{iotest.ErrReader(broken), broken},
	} {
		if _, err := tlsrpt.Read(tc.r); !errors.Is(err, tc.want) {
			t.Errorf("%v, want %v", err, tc.want)
		}
	}
}

// FuzzRead: whatever a report is, it is read or refused, and no number is negative.
func FuzzRead(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"policies":{"policy":[{"mx-host":7}],"summary":{"total-failure-session-count":"1e9"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := tlsrpt.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		if good, bad := got.Sessions(); good < 0 || bad < 0 {
			t.Fatalf("%+v", got)
		}
		for _, d := range got.Deviations {
			if len(d.Text) > 300 || strings.ContainsFunc(d.String(), func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%+v", d)
			}
		}
	})
}
