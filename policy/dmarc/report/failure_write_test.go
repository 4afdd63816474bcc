package report_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
)

// writtenFailure is a report with all fields that are written.
func writtenFailure() report.Failure {
	return report.Failure{
		FeedbackType: "auth-failure", Version: "1", UserAgent: "Postvet/1.0", AuthFailure: report.FailedDMARC,
		IdentityAlignment:     []string{"dkim", "spf"},
		AuthenticationResults: []string{"mx.example.org; dmarc=fail header.from=example.com; dkim=fail header.d=example.com header.s=s1; spf=fail smtp.mailfrom=bounce.example.com"},
		DeliveryResult:        report.NotDelivered, OriginalMailFrom: "<gm3tinzsgaydcmrs@bounce.example.com>", OriginalRcptTo: []string{},
		ReportingMTA: "dns; mx.example.org", Arrival: time.Date(2026, 11, 29, 7, 58, 29, 0, time.UTC),
		Source: netip.MustParseAddr("192.0.2.1"), SourcePort: 12345, ReportedDomain: []string{"example.com"}, ReportedURI: []string{},
		DKIMDomain: "example.com", DKIMIdentity: "@example.com", DKIMSelector: "s1", DKIMSelectorDNS: report.QuotedRecord("v=DKIM1; p=MCow"),
		SPFDNS: []string{report.SPFDNS("bounce.example.com", "v=spf1 ip4:198.51.100.0/24 -all")}, Incidents: 3,
		From: "<mfxg4ylomqzdgnbv@example.com>", Date: "Sun, 29 Nov 2026 07:58:00 +0000", MessageID: "<1@example.com>", Author: "example.com",
	}
}

var writtenSample = message.Header{
	message.NewField("Received", " from mx.example.com (mx.example.com [192.0.2.1]) by mx.example.org"),
	message.NewField("From", " <mfxg4ylomqzdgnbv@example.com>"),
	message.NewField("Date", " Sun, 29 Nov 2026 07:58:00 +0000"),
	message.NewField("Message-ID", " <1@example.com>"),
}

var writtenText = report.FailureText{Boundary: "5f2c0000111122223333", Submitter: "example.org", Contact: "postmaster@example.org", LeftOut: 7}

func TestWriteFailureGolden(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	f := writtenFailure()
	if err := report.WriteFailure(&b, &f, writtenSample, writtenText); err != nil {
		t.Fatal(err)
	}
	const want = `Content-Type: multipart/report; report-type=feedback-report;
	boundary="5f2c0000111122223333"

This is a report by RFC 9991 in the format of MIME.

--5f2c0000111122223333
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

3 messages in the name of example.com came from 192.0.2.1 or its neighbours,
the first on Sun, 29 Nov 2026 07:58:29 +0000 and failed a check: DMARC, no
aligned pass by DKIM, no aligned pass by SPF. The DMARC record of the domain
asks for this report (ruf=).

Below is the header of the first of them, without its body. Names are left
out, and local parts of addresses are replaced by a keyed hash, the same one
for the same local part (RFC 6590). 7 of its fields are left out.

The report is sent by example.org. Questions go to postmaster@example.org. To
end such reports remove ruf= from the record.

--5f2c0000111122223333
Content-Type: message/feedback-report
Content-Transfer-Encoding: 7bit

Feedback-Type: auth-failure
Version: 1
User-Agent: Postvet/1.0
Auth-Failure: dmarc
Authentication-Results: mx.example.org; dmarc=fail header.from=example.com;
	dkim=fail header.d=example.com header.s=s1; spf=fail
	smtp.mailfrom=bounce.example.com
Identity-Alignment: dkim, spf
Delivery-Result: reject
DKIM-Domain: example.com
DKIM-Identity: @example.com
DKIM-Selector: s1
DKIM-Selector-DNS: "v=DKIM1; p=MCow"
SPF-DNS: txt : bounce.example.com : "v=spf1 ip4:198.51.100.0/24 -all"
Original-Mail-From: <gm3tinzsgaydcmrs@bounce.example.com>
Reporting-MTA: dns; mx.example.org
Arrival-Date: Sun, 29 Nov 2026 07:58:29 +0000
Source-IP: 192.0.2.1
Source-Port: 12345
Reported-Domain: example.com
Incidents: 3

--5f2c0000111122223333
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

Received: from mx.example.com (mx.example.com [192.0.2.1]) by mx.example.org
From: <mfxg4ylomqzdgnbv@example.com>
Date: Sun, 29 Nov 2026 07:58:00 +0000
Message-ID: <1@example.com>

--5f2c0000111122223333--
`
	if d := cmp.Diff(want, strings.ReplaceAll(b.String(), "\r\n", "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if strings.Count(b.String(), "\n") != strings.Count(b.String(), "\r\n") {
		t.Error("a line ends without CR")
	}
}

// readEntity reads what WriteFailure wrote: the types of its parts, and the report.
func readEntity(t interface{ Fatalf(string, ...any) }, entity string) (types []string, f report.Failure) {
	m, err := mail.ReadMessage(strings.NewReader(entity))
	if err != nil {
		t.Fatalf("%v: %s", err, entity)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "feedback-report" {
		t.Fatalf("%s %v %v", kind, params, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	var bodies []string
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v: %s", err, entity)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		body, _ := io.ReadAll(p)
		types, bodies = append(types, kind), append(bodies, string(body))
	}
	if len(bodies) != 3 {
		t.Fatalf("%d parts: %s", len(bodies), entity)
	}
	var sample message.Header
	for _, line := range strings.Split(strings.ReplaceAll(bodies[2], "\r\n\t", " "), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			sample = append(sample, message.NewField(name, value))
		}
	}
	f, err = report.ReadFailure(strings.NewReader(bodies[1]), sample)
	if err != nil || len(f.Deviations) > 0 {
		t.Fatalf("%v %v: %s", err, f.Deviations, entity)
	}
	return types, f
}

// TestWriteFailureIsRead: our own reader finds nothing wrong, and the same values.
func TestWriteFailureIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := writtenFailure()
		want.AuthFailure = rapid.SampledFrom([]string{"dmarc", "signature", "bodyhash", "revoked", "spf"}).Draw(t, "type")
		want.IdentityAlignment = rapid.SampledFrom([][]string{{"none"}, {"dkim"}, {"spf"}, {"dkim", "spf"}}).Draw(t, "alignment")
		want.DeliveryResult = rapid.SampledFrom([]string{"", report.Delivered, report.DeliveryHeld, report.NotDelivered}).Draw(t, "result")
		want.Incidents = rapid.Int64Range(1, 1_000_000_000).Draw(t, "incidents")
		want.SourcePort = rapid.IntRange(0, 65535).Draw(t, "port")
		var ip [16]byte
		copy(ip[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip"))
		want.Source = netip.AddrFrom16(ip).Unmap()
		want.SPFDNS = []string{report.SPFDNS("bounce.example.com", rapid.String().Draw(t, "record"))}
		want.DKIMSelectorDNS = report.QuotedRecord(rapid.StringN(0, 3000, -1).Draw(t, "key"))
		if rapid.Bool().Draw(t, "unsigned") && !slices.Contains([]string{"signature", "bodyhash", "revoked"}, want.AuthFailure) {
			want.DKIMDomain, want.DKIMIdentity, want.DKIMSelector = "", "", ""
		}
		var b bytes.Buffer
		if err := report.WriteFailure(&b, &want, writtenSample, writtenText); err != nil {
			t.Fatal(err)
		}
		types, got := readEntity(t, b.String())
		if !slices.Equal(types, []string{"text/plain", "message/feedback-report", "text/rfc822-headers"}) {
			t.Fatal(types)
		}
		if d := cmp.Diff(want, got, failureValues); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	})
}

// TestWriteFailureRefuses: RFC 9991 section 4 and RFC 6591 section 3.1 say what must be
// there.
func TestWriteFailureRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*report.Failure, *report.FailureText)
	}{
		{"4 Identity-Alignment is missing", func(f *report.Failure, _ *report.FailureText) { f.IdentityAlignment = nil }},
		{"4 none beside a method", func(f *report.Failure, _ *report.FailureText) { f.IdentityAlignment = []string{"none", "spf"} }},
		{"4 a method twice", func(f *report.Failure, _ *report.FailureText) { f.IdentityAlignment = []string{"spf", "spf"} }},
		{"4 another method", func(f *report.Failure, _ *report.FailureText) { f.IdentityAlignment = []string{"arc"} }},
		{"4 half of a signature", func(f *report.Failure, _ *report.FailureText) { f.DKIMSelector = "" }},
		{"4 another type", func(f *report.Failure, _ *report.FailureText) { f.AuthFailure = "adsp" }},
		{"a signature failed and is missing", func(f *report.Failure, _ *report.FailureText) {
			f.AuthFailure, f.DKIMDomain, f.DKIMSelector, f.DKIMIdentity = "bodyhash", "", "", ""
		}},
		{"SPF failed and is missing", func(f *report.Failure, _ *report.FailureText) { f.AuthFailure, f.SPFDNS = "spf", nil }},
		{"another result", func(f *report.Failure, _ *report.FailureText) { f.DeliveryResult = "quarantine" }},
		{"no results", func(f *report.Failure, _ *report.FailureText) { f.AuthenticationResults = nil }},
		{"no domain", func(f *report.Failure, _ *report.FailureText) { f.ReportedDomain = nil }},
		{"no program", func(f *report.Failure, _ *report.FailureText) { f.UserAgent = "" }},
		{"no incident", func(f *report.Failure, _ *report.FailureText) { f.Incidents = 0 }},
		{"no boundary", func(_ *report.Failure, t *report.FailureText) { t.Boundary = "" }},
		{"a boundary with a quote", func(_ *report.Failure, t *report.FailureText) { t.Boundary = "abcdefgh\"\r\n" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, text := writtenFailure(), writtenText
			tc.change(&f, &text)
			var b bytes.Buffer
			if err := report.WriteFailure(&b, &f, writtenSample, text); !errors.Is(err, report.ErrFailure) || b.Len() > 0 {
				t.Errorf("%v, %d octets", err, b.Len())
			}
		})
	}
}

// FuzzWriteFailure: foreign values make no field, part or line of their own.
func FuzzWriteFailure(f *testing.F) {
	f.Add("example.com", "v=spf1 -all", "<a@b>", "mx; dmarc=fail")
	f.Add("example.com\r\nIncidents: 9", "\"\\\r\n--5f2c0000111122223333--", "x\n\n", "\x00")
	f.Fuzz(func(t *testing.T, domain, record, path, results string) {
		w := writtenFailure()
		w.DKIMDomain, w.SPFDNS, w.OriginalMailFrom = domain, []string{report.SPFDNS(domain, record)}, path
		w.DKIMSelectorDNS = report.QuotedRecord(record)
		w.AuthenticationResults = append(w.AuthenticationResults, results)
		var b bytes.Buffer
		if err := report.WriteFailure(&b, &w, writtenSample, writtenText); err != nil {
			if domain != "" {
				t.Fatal(err)
			}
			return
		}
		types, got := readEntity(t, b.String())
		if len(types) != 3 || got.Incidents != 3 || got.Version != "1" || !slices.Equal(got.ReportedDomain, w.ReportedDomain) || got.MessageID != "<1@example.com>" {
			t.Fatalf("%q", b.String())
		}
		for line := range strings.Lines(b.String()) {
			if len(line) > 998 || strings.TrimRight(line, "\r\n") != strings.Trim(line, "\r\n") {
				t.Fatalf("line %q", line)
			}
		}
	})
}
