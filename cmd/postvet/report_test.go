package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/foreign"
)

// aggregateXML is an aggregate report by RFC 9990: 5 messages pass, 7 fail.
const aggregateXML = `<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
 <version>1.0</version>
 <report_metadata><org_name>Reporter</org_name><email>dmarc@reporter.example</email><report_id>1@reporter.example</report_id>
  <date_range><begin>1795737600</begin><end>1795823999</end></date_range></report_metadata>
 <policy_published><domain>example.com</domain><p>quarantine</p></policy_published>
 <record><row><source_ip>192.0.2.1</source_ip><count>5</count>
   <policy_evaluated><disposition>pass</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
  <identifiers><header_from>example.com</header_from></identifiers>
  <auth_results><dkim><domain>example.com</domain><selector>s</selector><result>pass</result></dkim></auth_results></record>
 <record><row><source_ip>2001:db8::1</source_ip><count>7</count>
   <policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf>
    <reason><type>mailing_list</type><comment>a list</comment></reason></policy_evaluated></row>
  <identifiers><header_from>example.com</header_from><envelope_from>list.example.org</envelope_from></identifiers>
  <auth_results><spf><domain>list.example.org</domain><scope>mfrom</scope><result>pass</result></spf></auth_results></record>
</feedback>
`

const tlsJSON = `{"organization-name":"Reporter","date-range":{"start-datetime":"2026-11-27T00:00:00Z","end-datetime":"2026-11-27T23:59:59Z"},"report-id":"t1",
"policies":[{"policy":{"policy-type":"sts","policy-domain":"example.com"},"summary":{"total-successful-session-count":10,"total-failure-session-count":2},
"failure-details":[{"result-type":"certificate-expired","receiving-mx-hostname":"mx.example.com","sending-mta-ip":"192.0.2.9","failed-session-count":2}]}]}`

const failureMail = "From: a@reporter.example\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n" +
	"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: auth-failure\nVersion: 1\nUser-Agent: x\nAuth-Failure: dmarc\nIdentity-Alignment: dkim,spf\n" +
	"Authentication-Results: mx.reporter.example; dmarc=fail\nReported-Domain: example.com\nSource-IP: 192.0.2.66\nArrival-Date: Fri, 27 Nov 2026 10:00:00 +0000\n\n" +
	"--b\nContent-Type: text/rfc822-headers\n\nFrom: b@example.com\nSubject: Hello\n\n--b--\n"

// reportMailOf is a message with a document attached, not compressed.
func reportMailOf(document string) string {
	return "From: a@reporter.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/xml\n\n" + document + "\n--b--\n"
}

// reportFolder makes files of names and contents in a new folder.
func reportFolder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

const aggregateTable = `Reporter  2026-11-27
  example.com p=quarantine
  in DIR/a.xml
  messages  source                    dkim  spf   done        from
         7  2001:db8::1               fail  fail  none        example.com
            spf pass list.example.org; mailing_list (a list); mail from
            list.example.org
         5  192.0.2.1                 pass  fail  pass        example.com
  12 messages in 2 records

`

func TestReportRead(t *testing.T) {
	t.Parallel()
	other := strings.Replace(aggregateXML, "<count>5<", "<count>6<", 1)
	for _, tc := range []struct {
		name  string
		files []string
		args  []string // names in the folder; the folder itself if there are none
		code  int
		want  string // of the output, DIR stands for the folder
		not   string
		err   string
	}{
		{name: "XML", files: []string{"a.xml", aggregateXML}, want: aggregateTable + "1 aggregate report of 12 messages: 5 passed DMARC, 7 failed\n"},
		{name: "gzip", files: []string{"a.xml.gz", gzipped(t, aggregateXML)}, want: "in DIR/a.xml.gz, gzip\n"},
		{name: "message", files: []string{"a.eml", reportMailOf(aggregateXML)}, want: "in DIR/a.eml, part 1\n"},
		{name: "message in gzip", files: []string{"a.eml.gz", gzipped(t, reportMailOf(aggregateXML))}, want: "1 aggregate report of 12 messages"},
		{name: "mbox", files: []string{"box", "From x@y.example Fri Nov 27 10:00:00 2026\n" + reportMailOf(aggregateXML) + "\nFrom x@y.example Fri Nov 27 10:00:00 2026\n" + failureMail}, want: "1 aggregate report of 12 messages: 5 passed DMARC, 7 failed; 1 failure report\n"},
		{name: "Maildir", files: []string{"cur/1:2,S", reportMailOf(aggregateXML), "new/2", failureMail, "tmp/3", "x", "dovecot-uidlist", "x"}, want: "1 failure report\n"},
		{name: "TLS", files: []string{"t.json", tlsJSON}, want: "TLS, Reporter  2026-11-27\n  in DIR/t.json\n  example.com (sts): 10 sessions as they should be, 2 not\n    2 certificate-expired at mx.example.com from 192.0.2.9"},
		{name: "failure", files: []string{"f.eml", failureMail}, want: "failure of example.com  2026-11-27 10:00:00 UTC\n  1 message from 192.0.2.66, not aligned: dkim, spf\n  in DIR/f.eml\n  From: b@example.com\n  Subject: Hello\n  results: mx.reporter.example; dmarc=fail\n"},
		{name: "duplicate", files: []string{"a.xml", aggregateXML, "b.xml.gz", gzipped(t, aggregateXML)}, want: "  duplicate: the same report is in DIR/a.xml; this one does not count\n"},
		{name: "sum of a duplicate", files: []string{"a.xml", aggregateXML, "b.xml.gz", gzipped(t, aggregateXML)}, want: "1 aggregate report of 12 messages: 5 passed DMARC, 7 failed; 1 duplicate\n"},
		{name: "conflict", files: []string{"a.xml", aggregateXML, "b.xml", other}, want: "  conflict: another report with its id is in DIR/a.xml; both count\n"},
		{name: "sum of a conflict", files: []string{"a.xml", aggregateXML, "b.xml", other}, want: "2 aggregate reports of 25 messages: 11 passed DMARC, 14 failed\n"},
		{name: "duplicate failure", files: []string{"a.eml", failureMail, "b.eml", failureMail}, want: "1 failure report; 1 duplicate\n"},
		{name: "finding", files: []string{"a.xml", strings.Replace(aggregateXML, "Reporter", "R & D", 1)}, want: "  finding: unescaped: line 4: a bare \"&\"\n"},
		{name: "RFC 7489", files: []string{"a.xml", strings.Replace(aggregateXML, ` xmlns="urn:ietf:params:xml:ns:dmarc-2.0"`, "", 1)}, want: "12 messages in 2 records, in the form of RFC 7489\n", not: "finding"},
		{name: "one is bad", files: []string{"a.xml", aggregateXML, "b.xml", "unused", "c.eml", "Subject: x\n\nhello\n"}, code: exitNo, want: "1 aggregate report of 12 messages: 5 passed DMARC, 7 failed; 2 could not be read\n", err: `b.xml: no report is in it, only what begins with "unused"`},
		{name: "cut off", files: []string{"a.xml", aggregateXML[:1200]}, code: exitNo, not: "aggregate report", err: "a.xml: it is cut off"},
		{name: "absent", args: []string{"none.xml"}, code: exitFailed, err: "none.xml: no such file or directory"},
		{name: "one is absent", files: []string{"a.xml", aggregateXML}, args: []string{"none.xml", "a.xml"}, code: exitNo, want: "1 could not be read"},
		{name: "DOCTYPE", files: []string{"a.xml", strings.Replace(aggregateXML, "<feedback", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><feedback", 1)}, code: exitNo, err: "DOCTYPE"},
		{name: "two thousand records", files: []string{"a.xml", strings.Replace(aggregateXML, "<record>", strings.Repeat("<record><row><source_ip>192.0.2.9</source_ip><count>1</count></row></record>", 2000)+"<record>", 1)}, want: "  and 1982 further records; --all shows them\n  2012 messages in 2002 records\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := reportFolder(t, tc.files...)
			args := []string{"report", "read"}
			for _, a := range tc.args {
				args = append(args, filepath.Join(dir, a))
			}
			if len(tc.args) == 0 {
				args = append(args, dir)
			}
			code, out, errOut := runIn(t, args...)
			// The name of the folder changes where lines break.
			out = strings.ReplaceAll(strings.ReplaceAll(out, "\n    "+dir, " "+dir), dir, "DIR")
			flat := strings.Join(strings.Fields(out), " ")
			if code != tc.code || !strings.Contains(out, tc.want) && !strings.Contains(flat, strings.Join(strings.Fields(tc.want), " ")) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, tc.code, tc.want, out)
			}
			if tc.not != "" && strings.Contains(out, tc.not) {
				t.Errorf("%q in\n%s", tc.not, out)
			}
			if (tc.err == "") != (errOut == "") && tc.code == exitDone || !strings.Contains(errOut, tc.err) {
				t.Errorf("%q, want %q", errOut, tc.err)
			}
		})
	}
}

// TestReportReadAll shows all records of a large report.
func TestReportReadAll(t *testing.T) {
	t.Parallel()
	dir := reportFolder(t, "a.xml", aggregateXML)
	code, out, _ := runIn(t, "report", "read", "--all", dir)
	for _, want := range []string{"dkim pass example.com/s\n", "spf pass list.example.org; mailing_list (a list); mail from\n", "12 messages in 2 records\n"} {
		if code != exitDone || !strings.Contains(out, want) {
			t.Errorf("exit code %d, want %q in\n%s", code, want, out)
		}
	}
}

func TestReportReadStandardInput(t *testing.T) {
	t.Parallel()
	dir := reportFolder(t, "a.xml", aggregateXML, "empty", "")
	for name, want := range map[string]string{"a.xml": "in standard input\n", "empty": "standard input: is empty\n"} {
		in, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		var out, errOut bytes.Buffer
		run([]string{"report", "read", "-"}, in, &out, &errOut)
		if !strings.Contains(out.String()+errOut.String(), want) {
			t.Errorf("%s: %s%s, want %q", name, out.String(), errOut.String(), want)
		}
	}
}

// TestReportReadJSON: each report is an object on one line, whose keys scripts rely on.
func TestReportReadJSON(t *testing.T) {
	t.Parallel()
	dir := reportFolder(t, "a.xml", aggregateXML, "b.xml", aggregateXML, "c.eml", failureMail, "d.json", tlsJSON, "e", "unused", "f.xml", strings.Replace(aggregateXML, "1@rep", "2@rep", 1)[:1200])
	code, out, _ := runIn(t, "report", "read", "--json", dir)
	if code != exitNo || strings.Contains(out, "null") {
		t.Errorf("exit code %d: %s", code, out)
	}
	type line struct {
		Kind    string
		Records []struct {
			Count    int64
			SourceIP string `json:"source_ip"`
		}
		Messages  int64
		Aggregate *struct {
			OrgName string                     `json:"org_name"`
			Policy  struct{ Domain, P string } `json:"policy_published"`
		}
		Failure *struct{ Author string }
		TLS     *struct {
			ID string `json:"report_id"`
		}
		DuplicateOf *struct{ File string } `json:"duplicate_of"`
		Error       string
	}
	var got []line
	for text := range strings.Lines(out) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		got = append(got, l)
	}
	if len(got) != 6 {
		t.Fatalf("%d lines:\n%s", len(got), out)
	}
	if a := got[0]; a.Kind != "aggregate" || len(a.Records) != 2 || a.Messages != 12 || a.Aggregate.OrgName != "Reporter" || a.Aggregate.Policy.P != "quarantine" {
		t.Errorf("%+v", a)
	}
	if d := got[1]; d.DuplicateOf == nil || filepath.Base(d.DuplicateOf.File) != "a.xml" || len(d.Records) != 0 {
		t.Errorf("%+v", d)
	}
	if got[2].Failure == nil || got[2].Failure.Author != "example.com" || got[3].TLS == nil || got[3].TLS.ID != "t1" {
		t.Errorf("%+v %+v", got[2], got[3])
	}
	if got[4].Error == "" || got[4].Kind != "" || got[5].Error != "it is cut off" || len(got[5].Records) != 1 {
		t.Errorf("%+v %+v", got[4], got[5])
	}
}

// TestReportHostile: names that a stranger chose do no harm in a terminal, in CSV and in
// JSON.
func TestReportHostile(t *testing.T) {
	t.Parallel()
	const hostile = "=cmd|' /C calc'!A0\u001b[2J\u202e\u200b\u009b2J\"'<b>&amp;\u0000"
	text := strings.ReplaceAll(aggregateXML, ">example.com<", ">"+hostile+"<")
	text = strings.NewReplacer("Reporter", hostile, ">s<", ">@"+hostile+"<", "192.0.2.1", "-"+hostile, "a list", "+"+hostile).Replace(text)
	dir := reportFolder(t, "a.xml", text)
	for _, args := range [][]string{{}, {"--all"}, {"--json"}, {"--csv"}} {
		code, out, _ := runIn(t, append([]string{"report", "read", dir}, args...)...)
		if code != exitDone || out == "" {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
		for _, r := range out {
			if r != '\n' && !foreign.IsReadable(r) {
				t.Fatalf("%v: %q came through in %q", args, r, out)
			}
		}
		if len(args) == 0 || args[0] != "--csv" {
			continue
		}
		cells, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(cells) != 3 {
			t.Fatalf("%v: %q", err, cells)
		}
		for _, c := range cells[1] {
			if c != "" && strings.ContainsRune("=+-@|%", rune(c[0])) {
				t.Errorf("%q is a formula", c)
			}
		}
	}
	for _, args := range [][]string{{}, {"--json"}} {
		code, out, _ := runIn(t, append([]string{"report", "check", filepath.Join(dir, "a.xml")}, args...)...)
		for _, r := range out {
			if code != exitNo || r != '\n' && !foreign.IsReadable(r) {
				t.Fatalf("%v: exit code %d: %q came through in %q", args, code, r, out)
			}
		}
	}
}

func TestReportCheck(t *testing.T) {
	t.Parallel()
	dir := reportFolder(t, "a.xml", aggregateXML, "a.xml.gz", gzipped(t, aggregateXML), "a.eml", reportMailOf(aggregateXML),
		"old.xml", strings.Replace(aggregateXML, "<p>", "<pct>100</pct><p>", 1), "f.eml", failureMail, "x", "unused")
	for _, tc := range []struct {
		names []string
		code  int
		want  string
	}{
		{[]string{"a.xml"}, exitDone, "DIR/a.xml: valid, 12 messages in 2 records\n"},
		{[]string{"a.xml.gz", "a.eml"}, exitDone, "DIR/a.xml.gz, gzip: valid, 12 messages in 2 records\nDIR/a.eml, part 1: valid, 12 messages in 2 records\n"},
		{[]string{"a.xml", "old.xml"}, exitNo, "DIR/old.xml:6: error: pct: RFC 9990 appendix A: policy_published has no element pct; leave it out: RFC 9989 has no pct\n"},
		{[]string{"f.eml"}, exitNo, "DIR/f.eml: error: there is no aggregate report in it\n"},
		{[]string{"x"}, exitNo, "DIR/x: error: no report is in it, only what begins with \"unused\"\n"},
		{[]string{"none", "a.xml"}, exitFailed, "DIR/a.xml: valid"},
		{[]string{".", "a.xml"}, exitFailed, "DIR/a.xml: valid"},
	} {
		args := []string{"report", "check"}
		for _, n := range tc.names {
			args = append(args, filepath.Join(dir, n))
		}
		code, out, _ := runIn(t, args...)
		if out = strings.ReplaceAll(out, dir, "DIR"); code != tc.code || !strings.Contains(out, tc.want) {
			t.Errorf("%q: exit code %d, want %d and %q:\n%s", tc.names, code, tc.code, tc.want, out)
		}
	}
	_, out, _ := runIn(t, "report", "check", "--json", filepath.Join(dir, "old.xml"))
	var got struct {
		Valid    bool
		Messages int64
		Problems []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"line": 6.0, "element": "pct", "rule": "RFC 9990 appendix A: policy_published has no element pct", "remedy": "leave it out: RFC 9989 has no pct", "warning": false}}
	if d := cmp.Diff(want, got.Problems); d != "" || got.Valid || got.Messages != 12 {
		t.Errorf("%+v (-want +got):\n%s", got, d)
	}
}
