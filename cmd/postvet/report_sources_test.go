package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/foreign"
)

// dayReport is the aggregate report of a day about example.com: the given rows are
// "count address dkim-result spf-result signer envelope".
func dayReport(day int, rows ...string) string {
	begin := 1793491200 + day*86400 // 2026-11-01
	var b strings.Builder
	fmt.Fprintf(&b, `<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0"><report_metadata><org_name>Reporter</org_name><email>d@reporter.example</email><report_id>%d</report_id><date_range><begin>%d</begin><end>%d</end></date_range></report_metadata><policy_published><domain>example.com</domain><p>none</p></policy_published>`, day, begin, begin+86399)
	for _, row := range rows {
		var n int
		var ip, dkim, spf, signer, envelope string
		if _, err := fmt.Sscan(row, &n, &ip, &dkim, &spf, &signer, &envelope); err != nil {
			panic(err)
		}
		aligned := func(result, domain string) string {
			if result == "pass" && domain == "example.com" {
				return "pass"
			}
			return "fail"
		}
		fmt.Fprintf(&b, `<record><row><source_ip>%s</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition><dkim>%s</dkim><spf>%s</spf></policy_evaluated></row><identifiers><header_from>example.com</header_from></identifiers><auth_results><dkim><domain>%s</domain><selector>s</selector><result>%s</result></dkim><spf><domain>%s</domain><scope>mfrom</scope><result>%s</result></spf></auth_results></record>`,
			ip, n, aligned(dkim, signer), aligned(spf, envelope), signer, dkim, envelope, spf)
	}
	return b.String() + "</feedback>"
}

const ownRow = "500 192.0.2.1 pass pass example.com example.com"

// monthOf makes files with reports of days, each with the rows.
func monthOf(days int, rows ...string) []string {
	var files []string
	for day := range days {
		files = append(files, fmt.Sprintf("%02d.xml", day), dayReport(day, rows...))
	}
	return files
}

func TestReportSources(t *testing.T) {
	t.Parallel()
	service := "30 203.0.113.5 pass pass esp.example esp.example"
	for _, tc := range []struct {
		name  string
		files []string
		args  []string
		code  int
		want  []string
		err   string
	}{
		{
			name: "ready", files: monthOf(28, ownRow, "5 203.0.113.66 fail fail evil.example example.com"), want: []string{
				"example.com  p=none  2026-11-01 to 2026-11-28\n28 reports of 1 reporter, on 28 days: 14000 of 14140 messages passed (99.0%)\n",
				"        140   0.0%  203.0.113.0/24                  forged, or unknown to SPF\n                    from 203.0.113.66; dkim fail evil.example/s; spf fail example.com\n",
				"      14000   100%  192.0.2.0/24                    passes\n",
				"\nready for p=quarantine: 0 of 14000 messages that are probably yours fail (0.0%)\nready for p=reject: 0 of 14000",
			},
		},
		{
			name: "service", files: monthOf(28, ownRow, service), code: exitNo, want: []string{
				"service without your name", "840: it authenticates as esp.example alone", "not ready for p=quarantine\n  - 840 of 14840 messages that are probably yours fail (5.7%); at most 1.0% should\n  - 840 of esp.example\n",
			},
		},
		{name: "service ignored", files: monthOf(28, ownRow, service), args: []string{"--ignore", "esp.example"}, want: []string{"ignored", "ready for p=reject"}},
		{name: "a few days", files: monthOf(3, ownRow), code: exitNo, want: []string{"- days with reports: 3; 14 are needed"}},
		{name: "limit", files: monthOf(3, ownRow, service), args: []string{"--limit", "1"}, code: exitNo, want: []string{"  and 1 further source; --limit 0 shows them\n"}},
		{name: "duplicates", files: []string{"a.xml", dayReport(0, ownRow), "b.xml.gz", gzipped(t, dayReport(0, ownRow))}, code: exitNo, want: []string{"1 report of 1 reporter, on 1 day: 500 of 500 messages passed (100%)\n1 duplicate not counted\n"}},
		{name: "cut off", files: []string{"a.xml", dayReport(0, ownRow), "b.xml", dayReport(1, ownRow, ownRow)[:1150]}, code: exitNo, want: []string{"500 of 500 messages", "1 file not readable"}, err: "it is cut off"},
		{name: "other domain", files: []string{"a.xml", strings.ReplaceAll(dayReport(0, ownRow), "example.com", "example.net")}, code: exitFailed, err: "no report about example.com could be read"},
		{name: "nothing readable", files: []string{"a.xml", "unused"}, code: exitFailed, err: "no report about example.com could be read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := reportFolder(t, tc.files...)
			code, out, errOut := runIn(t, append([]string{"report", "sources", "Example.com.", dir}, tc.args...)...)
			for _, want := range tc.want {
				if !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(want), " ")) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
			if code != tc.code || !strings.Contains(errOut, tc.err) {
				t.Errorf("exit code %d, want %d: %s", code, tc.code, errOut)
			}
			for line := range strings.Lines(out) {
				if len([]rune(line)) > 81 {
					t.Errorf("%d columns: %s", len([]rune(line)), line)
				}
			}
		})
	}
}

func TestReportSourcesJSON(t *testing.T) {
	t.Parallel()
	dir := reportFolder(t, monthOf(28, ownRow)...)
	code, out, _ := runIn(t, "report", "sources", "--json", "example.com", dir)
	var got struct {
		Messages, Passed int64
		Sources          []struct {
			Name, Kind string
			Causes     map[string]int64
		}
		Reject struct{ Ready bool }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || strings.Contains(out, "null") {
		t.Fatalf("%v: %s", err, out)
	}
	if code != exitDone || got.Messages != 14000 || got.Passed != 14000 || !got.Reject.Ready || len(got.Sources) != 1 || got.Sources[0].Causes["passed"] != 14000 {
		t.Errorf("exit code %d: %+v", code, got)
	}
}

// TestReportSourcesHostile: names that strangers chose do no harm.
func TestReportSourcesHostile(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(dayReport(0, "30 203.0.113.5 pass pass esp.example esp.example"), "esp.example", "\u202e=cmd\u009b2J&lt;b>.\u200bexample")
	dir := reportFolder(t, "a.xml", strings.ReplaceAll(text, "Reporter", "\u202eR\u001b"))
	for _, args := range [][]string{{}, {"--json"}} {
		_, out, _ := runIn(t, append([]string{"report", "sources", "example.com", dir}, args...)...)
		if !strings.Contains(out, "cmd") {
			t.Errorf("%v: %s", args, out)
		}
		for _, r := range out {
			if r != '\n' && !foreign.IsReadable(r) {
				t.Fatalf("%v: %q came through in %q", args, r, out)
			}
		}
	}
}

func TestReportUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"report", "read"},
		{"report", "read", "--json", "--csv", "x"},
		{"report", "read", "--color", "x", "y"},
		{"report", "sources"},
		{"report", "sources", "example.org", "x", "--unproven"},
		{"report", "sources", "x.xml y", "z"},
		{"report", "sources", "localhost", "z"},
		{"report", "sources", "example.org", "z", "--limit", "-1"},
		{"report", "raed"},
	} {
		if code, out, errOut := runIn(t, args...); code != exitUsage || out != "" || !errorLine.MatchString(errOut) {
			t.Errorf("%q: exit code %d, %s, %q", args, code, out, errOut)
		}
	}
}
