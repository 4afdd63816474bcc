package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/foreign"
)

// keepReports keeps texts in a store, as if they came by mail with a DMARC result.
func keepReports(t *testing.T, dir, result string, texts ...string) {
	t.Helper()
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(dir, "reports.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	arrival := received.Arrival{At: time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC), Author: "sender.example", Result: result}
	for i, text := range texts {
		keepReport(t, s, arrival, text, fmt.Sprint("4Q", i))
	}
}

// keepReport keeps the text of a report in a store, as if it arrived in a message with a queue id.
func keepReport(t *testing.T, s *reportstore.Store, arrival received.Arrival, text, queueID string) {
	t.Helper()
	k := &received.Keeper{Arrival: arrival, Keep: func(r *reports.Received, _ *received.Report) error {
		_, err := s.AddReceived(t.Context(), r)
		return err
	}}
	if err := received.New(k).Read(strings.NewReader(text), queueID); err != nil {
		t.Fatal(err)
	}
}

// The store says the same as the files that it was filled from.
func TestReportSourcesOfTheStore(t *testing.T) {
	t.Parallel()
	files := append(monthOf(30, ownRow, "3 203.0.113.66 fail fail evil.example example.com", "30 203.0.113.5 pass pass esp.example esp.example"), "b.xml", dayReport(3, ownRow))
	folder, dir := reportFolder(t, files...), t.TempDir()
	code, out, errOut := runIn(t, "report", "read", "--store", "--directory", dir, folder)
	if code != exitDone || !strings.Contains(errOut, "postvet: 31 reports kept, 0 there before\n") || !strings.Contains(out, "31 aggregate reports") {
		t.Fatalf("exit code %d: %s %s", code, out, errOut)
	}
	if _, _, errOut := runIn(t, "report", "read", "--store", "--directory", dir, folder); !strings.Contains(errOut, "0 reports kept, 31 there before") {
		t.Errorf("a second time: %s", errOut)
	}
	wantCode, want, _ := runIn(t, "report", "sources", "--json", "example.com", folder)
	code, got, errOut := runIn(t, "report", "sources", "--json", "example.com", "--directory", dir)
	if diff := cmp.Diff(want, got); diff != "" || code != wantCode {
		t.Errorf("exit codes %d and %d, %s; -files +store:\n%s", wantCode, code, errOut, diff)
	}
	_, text, _ := runIn(t, "report", "sources", "example.com", "--directory", dir)
	if !strings.Contains(text, "not ready for p=quarantine") || !strings.Contains(text, "\nnot ready for p=reject") {
		t.Errorf("the answer is missing:\n%s", text)
	}
}

// Reports that nobody vouches for stand apart.
func TestUnprovenReports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keepReports(t, dir, "pass", dayReport(0, ownRow))
	keepReports(t, dir, "fail", dayReport(1, ownRow), dayReport(2, "7 203.0.113.66 fail fail evil.example example.com"))
	_, out, _ := runIn(t, "report", "sources", "example.com", "--directory", dir)
	for _, want := range []string{"500 of 500 messages passed", "2 reports of 507 messages not counted: the mail did not pass DMARC"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if _, out, _ := runIn(t, "report", "sources", "example.com", "--directory", dir, "--unproven"); !strings.Contains(out, "1000 of 1007 messages passed") || strings.Contains(out, "not counted") {
		t.Errorf("--unproven:\n%s", out)
	}
	_, out, _ = runIn(t, "report", "received", "--directory", dir)
	before, after, found := strings.Cut(out, "Their mail did not pass DMARC; anybody may have written them:")
	if !found || strings.Count(before, "aggregate") != 1 || strings.Count(after, "aggregate") != 2 || !strings.Contains(after, "from sender.example, dmarc=fail") {
		t.Errorf("the list:\n%s", out)
	}
	alone := t.TempDir()
	keepReports(t, alone, "none", dayReport(0, ownRow))
	if code, _, errOut := runIn(t, "report", "sources", "example.com", "--directory", alone); code != exitFailed || !strings.Contains(errOut, "--unproven counts them") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
}

func TestReportReceivedFilters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keepReports(t, dir, "pass", dayReport(0, ownRow), strings.ReplaceAll(dayReport(1, ownRow), "example.com", "example.org"), hostileFailure, storedTLS)
	for _, tc := range []struct {
		args []string
		n    int
	}{
		{nil, 4}, {[]string{"example.com"}, 1}, {[]string{"--kind", "tls"}, 1}, {[]string{"--limit", "2"}, 2}, {[]string{"--limit", "0"}, 4}, {[]string{"--since", "2026-11-29T11:00"}, 0},
	} {
		code, out, errOut := runIn(t, append([]string{"report", "received", "--json", "--directory", dir}, tc.args...)...)
		n := 0
		for d := json.NewDecoder(strings.NewReader(out)); d.More(); n++ {
			var l struct {
				Kind    string
				Trusted bool
				Arrived time.Time
			}
			if err := d.Decode(&l); err != nil || l.Kind == "" || !l.Trusted || l.Arrived.IsZero() {
				t.Fatalf("%v: %+v", err, l)
			}
		}
		if code != exitDone || n != tc.n {
			t.Errorf("%q: exit code %d, %d reports, want %d: %s", tc.args, code, n, tc.n, errOut)
		}
	}
	for _, args := range [][]string{
		{"received", "--kind", "x"},
		{"received", "--json", "--csv"},
		{"received", "--limit", "-1"},
		{"received", "--since", "x"},
		{"received", "a b"},
		{"failures", "--json", "--csv"},
		{"sources", "example.com", "--unproven", "file"},
		{"read", "x"},
	} {
		if code, _, _ := runIn(t, append([]string{"report"}, append(args, "--directory", dir)...)...); code != exitUsage {
			t.Errorf("%q: exit code %d", args, code)
		}
	}
	if code, _, errOut := runIn(t, "report", "received", "--directory", filepath.Join(dir, "none")); code != exitFailed {
		t.Errorf("without a store: exit code %d, %s", code, errOut)
	}
	if code, _, errOut := runIn(t, "report", "sources", "other.example", "--directory", dir); code != exitFailed || !strings.Contains(errOut, "no report about other.example has come") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
}

const storedTLS = `{"organization-name":"=R","date-range":{"start-datetime":"2026-11-28T00:00:00Z","end-datetime":"2026-11-28T23:59:59Z"},"contact-info":"x@r.example","report-id":"t1","policies":[{"policy":{"policy-type":"sts","policy-domain":"tls.example"},"summary":{"total-successful-session-count":5,"total-failure-session-count":2}}]}`

// hostileFailure has texts that steer a terminal or a spreadsheet in every field.
const hostileFailure = "From: \x1b[31mr@r.example\u202e\r\nSubject: =cmd|' /C calc'!A0\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\nVersion: 1\r\nUser-Agent: =HYPERLINK(\"http://evil\")\x1b]0;x\x07\r\nAuth-Failure: dmarc\u2066\r\n" +
	"Identity-Alignment: dkim\x1b[2J\r\nOriginal-Mail-From: @SUM(1)\r\nOriginal-Rcpt-To: +1\r\nDelivery-Result: -1\r\nReported-Domain: =evil\x9b31m.example\r\nSource-IP: \x1b[31m\r\nDKIM-Domain: |calc\r\nIncidents: 3\r\n\r\n" +
	"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: \x1b[5m=ann@example.org\r\nSubject: =?utf-8?b?PWNtZHwbWzMxbQ==?=\r\nMessage-ID: <\u202e>\r\n\r\n--b--\r\n"

func TestReceivedReportsAreHarmless(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hostile := strings.NewReplacer("Reporter", "=cmd\x1b[31m\u202e", "d@reporter.example", "@SUM(1)\x07").Replace(dayReport(0, ownRow))
	keepReports(t, dir, "pass", hostileFailure, hostile, storedTLS)
	keepReports(t, dir, "fail", strings.ReplaceAll(hostileFailure, "Incidents: 3", "Incidents: 4"))
	for _, args := range [][]string{
		{"received"}, {"received", "--json"}, {"received", "--csv"}, {"failures"}, {"failures", "--json"}, {"failures", "--csv", "--unproven"}, {"sources", "example.com"},
	} {
		_, out, errOut := runIn(t, append([]string{"report"}, append(args, "--directory", dir, "--color", "never")...)...)
		if out == "" || strings.ContainsFunc(out+errOut, func(r rune) bool { return r != '\n' && !foreign.IsReadable(r) }) {
			t.Errorf("%q:\n%q %q", args, out, errOut)
		}
		if !strings.Contains(strings.Join(args, " "), "--csv") {
			continue
		}
		lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(lines) < 3 {
			t.Fatalf("%q: %d lines, %v", args, len(lines), err)
		}
		for _, cells := range lines {
			for _, c := range cells {
				if c != "" && strings.ContainsRune("=+-@|%\t\r", rune(c[0])) {
					t.Errorf("%q: a spreadsheet takes %q for a formula", args, c)
				}
			}
		}
	}
	if _, out, _ := runIn(t, "report", "failures", "--directory", dir); !strings.Contains(out, "1 failure report; --unproven shows 1 more, whose mail did not pass DMARC") {
		t.Errorf("failures:\n%s", out)
	}
}

// TestDomainTellsReports: "domain" says whether the reports that came show a domain ready.
func TestDomainTellsReports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf := filepath.Join(dir, "postvet.toml")
	writeConfig(t, conf, "[dns]\nresolvers = [\""+testResolver(t)+"\"]\n[report]\ndirectory = \""+dir+"\"\ninbox = [\"dmarc@good.example\"]\n")
	if _, out, _ := runIn(t, "domain", "good.example", "--config", conf); strings.Contains(out, "reports that came") {
		t.Errorf("without a store:\n%s", out)
	}
	keepReports(t, dir, "pass", strings.ReplaceAll(dayReport(0, ownRow), "example.com", "good.example"))
	_, out, errOut := runIn(t, "domain", "good.example", "--config", conf)
	want := `reports that came: 1 report of 1 reporter on 1 day, 500 of 500 messages passed; not ready for p=quarantine ("postvet report sources good.example" says why)`
	if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
		t.Errorf("%s%s", out, errOut)
	}
	yesterday := int(time.Since(time.Unix(1793491200, 0))/(24*time.Hour)) - 1 // as dayReport counts
	fresh := strings.ReplaceAll(dayReport(yesterday, ownRow), "example.com", "good.example")
	keepReports(t, dir, "pass", fresh)
	_, out, errOut = runIn(t, "domain", "good.example", "--json", "--config", conf)
	if !strings.Contains(out, `"source": "reports"`) || !strings.Contains(out, "reports say that") {
		t.Errorf("%s%s", out, errOut)
	}
	if _, out, _ := runIn(t, "domain", "evil.example", "--config", conf); strings.Contains(out, "reports that came") {
		t.Errorf("of another domain:\n%s", out)
	}
}

func TestReceivedReportsAreForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keepReports(t, dir, "pass", dayReport(0, ownRow), dayReport(1, ownRow), storedTLS)
	out, _ := runFor(t, exitDone, "report", "forget", "example.com", "--directory", dir)
	if !strings.Contains(out, "and 2 reports of others forgotten") {
		t.Error(out)
	}
	if out, _ := runFor(t, exitDone, "report", "received", "--json", "--directory", dir); strings.Count(out, "\n") != 1 || !strings.Contains(out, "tls.example") {
		t.Error(out)
	}
}
