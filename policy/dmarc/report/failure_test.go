package report_test

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
)

const feedback = `Feedback-Type: auth-failure
Version: 1
User-Agent: Program/1
Auth-Failure: dmarc
Identity-Alignment: spf, DKIM
Authentication-Results: mx.example.net;
 dmarc=fail header.from=example.com
Original-Envelope-Id: ABC
Original-Mail-From: <a@example.org>
Original-Rcpt-To: <b@example.net>
Original-Rcpt-To: <c@example.net>
Arrival-Date: Tue, 5 Oct 2021 17:37:02 +1300 (NZDT)
Reporting-MTA: dns; mx.example.net
Source-IP: 192.0.2.1
Source-Port: 25
Reported-Domain: example.com
DKIM-Domain: example.com
DKIM-Identity: @example.com
DKIM-Selector: s1
SPF-DNS: txt : example.com : v=spf1 -all
Delivery-Result: reject
Incidents: 7
X-Other: y
`

var sample = message.Header{
	message.NewField("From", " =?utf-8?q?Ann?= <ann@Example.com>"),
	message.NewField("Subject", " =?utf-8?q?=C3=BCber?=\n alles"),
	message.NewField("Message-ID", " <x@example.com>"),
}

func wholeFailure() report.Failure {
	return report.Failure{
		FeedbackType: "auth-failure", Version: "1", UserAgent: "Program/1", AuthFailure: "dmarc", IdentityAlignment: []string{"spf", "dkim"},
		AuthenticationResults: []string{"mx.example.net; dmarc=fail header.from=example.com"}, DeliveryResult: "reject",
		OriginalEnvelopeID: "ABC", OriginalMailFrom: "<a@example.org>", OriginalRcptTo: []string{"<b@example.net>", "<c@example.net>"},
		ReportingMTA: "dns; mx.example.net", Arrival: time.Date(2021, 10, 5, 4, 37, 2, 0, time.UTC),
		Source: netip.MustParseAddr("192.0.2.1"), SourcePort: 25, ReportedDomain: []string{"example.com"},
		DKIMDomain: "example.com", DKIMIdentity: "@example.com", DKIMSelector: "s1", SPFDNS: []string{"txt : example.com : v=spf1 -all"}, Incidents: 7,
		From: "=?utf-8?q?Ann?= <ann@Example.com>", Subject: "\u00fcber alles", MessageID: "<x@example.com>", Author: "example.com",
	}
}

var failureValues = cmp.Options{values, cmpopts.IgnoreFields(report.Failure{}, "Deviations")}

func failureNames(f report.Failure) string {
	var all []string
	for _, d := range f.Deviations {
		all = append(all, d.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestReadFailure(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		from, to string
		notes    string
		want     func(*report.Failure)
	}{
		{"as it should be", "", "", "", nil},
		{"address with a text behind", "192.0.2.1", "192.0.2.1 (mail.example.org)", report.AddressForm, nil},
		{"address in brackets", "192.0.2.1", "[IPv6:2001:db8::1]", report.AddressForm, func(f *report.Failure) { f.Source = netip.MustParseAddr("2001:db8::1") }},
		{"no address", "192.0.2.1", "mail.example.org", report.Address, func(f *report.Failure) { f.Source, f.SourceText = netip.Addr{}, "mail.example.org" }},
		{"no Feedback-Type", "Feedback-Type: auth-failure\n", "", report.FeedbackType, func(f *report.Failure) { f.FeedbackType = "" }},
		{"about abuse", "auth-failure", "abuse", report.FeedbackType, func(f *report.Failure) { f.FeedbackType = "abuse" }},
		{"no Identity-Alignment", "Identity-Alignment: spf, DKIM\n", "", report.MissingField, func(f *report.Failure) { f.IdentityAlignment = nil }},
		{"twice", "Version: 1\n", "Version: 1\nVersion: 2\n", report.RepeatedField, nil},
		{"no port", "Port: 25", "Port: x", report.FieldValue, func(f *report.Failure) { f.SourcePort = 0 }},
		{"no date", "Tue, 5 Oct 2021 17:37:02 +1300 (NZDT)", "today", report.FieldValue, func(f *report.Failure) { f.Arrival = time.Time{} }},
		{"no number", "Incidents: 7", "Incidents: -7", report.FieldValue, func(f *report.Failure) { f.Incidents = 1 }},
		{"empty lines between", "Version: 1\n", "\n\nthis is no field\n\nVersion: 1\n", "", nil},
	} {
		text := feedback
		if tc.from != "" {
			text = strings.Replace(feedback, tc.from, tc.to, 1)
		}
		want := wholeFailure()
		if tc.want != nil {
			tc.want(&want)
		}
		got, err := report.ReadFailure(strings.NewReader(text), sample)
		if err != nil || failureNames(got) != tc.notes {
			t.Errorf("%s: %q, %v, want %q", tc.name, got.Deviations, err, tc.notes)
		}
		if d := cmp.Diff(want, got, failureValues); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

// TestReadFailureText reads the text that Exim and Baruwa send.
func TestReadFailureText(t *testing.T) {
	t.Parallel()
	got, err := report.ReadFailure(strings.NewReader("A message claiming to be from you has failed the published DMARC\r\npolicy for your domain.\r\n\r\n"+
		"  Sender Domain: example.com\r\n  Sender IP Address: 192.0.2.1\r\n  Received Date: Mon, 01 Oct 2018 11:20:27 +0200\r\n"+
		"  SPF Alignment: no\r\n  DKIM Alignment: no\r\n  DMARC Results: Reject\r\n"), nil)
	want := report.Failure{
		FeedbackType: "auth-failure", AuthFailure: "dmarc", IdentityAlignment: []string{"spf", "dkim"}, DeliveryResult: "Reject", Incidents: 1,
		ReportedDomain: []string{"example.com"}, Source: netip.MustParseAddr("192.0.2.1"), Arrival: time.Date(2018, 10, 1, 9, 20, 27, 0, time.UTC),
	}
	if d := cmp.Diff(want, got, failureValues); d != "" || err != nil || failureNames(got) != report.PlainFeedback+" "+report.NoSample {
		t.Errorf("%v %v (-want +got):\n%s", got.Deviations, err, d)
	}
}

func TestReadNoFailure(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "hello", "Subject: x\n\nSubject: y\n", "A message claiming to be from you has failed"} {
		if _, err := report.ReadFailure(strings.NewReader(text), nil); !errors.Is(err, report.ErrNotFailure) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzReadFailure: whatever a report is, it is read or refused, in bounds.
func FuzzReadFailure(f *testing.F) {
	f.Add([]byte(feedback))
	f.Add([]byte("A message claiming to be from you has failed\n  Sender Domain: x\n"))
	f.Add(bytes.Repeat([]byte("SPF-DNS: x\n\n\n"), 1000))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := report.ReadFailure(bytes.NewReader(text), sample)
		if err == nil && (got.Incidents < 1 || len(got.SPFDNS) > 100 || len(got.IdentityAlignment) > 50) {
			t.Fatalf("%+v", got)
		}
	})
}
