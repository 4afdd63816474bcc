package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/reports/setup"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestReportCheckSetup checks set-ups by the command: a sound one, one whose server refuses
// bounces, and one that cannot be read.
func TestReportCheckSetup(t *testing.T) {
	t.Parallel()
	dns, err := dnstest.NewServer(`
reports.example.org. MX 10 mx.example.org.
mx.example.org. A 192.0.2.25
reports.example.org. TXT "v=spf1 ip4:192.0.2.25 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all"
_dmarc.reports.example.org. TXT "v=DMARC1; p=reject"
`)
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	good, bad := &submissiontest.Server{}, &submissiontest.Server{Recipient: func(a string) error {
		if strings.HasPrefix(a, "bounce+") {
			return submissiontest.Refuse(550, [3]int{5, 1, 1}, "no \x1b[31msuch user")
		}
		return nil
	}}
	config := func(server *submissiontest.Server) string {
		name := filepath.Join(t.TempDir(), "postvet.toml")
		text := "[dns]\nresolvers = [\"" + dns.Addr() + "\"]\n[report]\nsend = \"known\"\ndirectory = \"" + t.TempDir() + "\"\nsubmitter = \"example.org\"\n" +
			"email = \"postmaster@example.org\"\nfrom = \"noreply@reports.example.org\"\nsmtp = \"" + server.Start(t) + "\"\n"
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	code, out, errOut := runIn(t, "report", "check", "--json", "--config", config(good))
	var r setup.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitDone || r.State != "sound" || len(r.Sections) != 7 {
		t.Errorf("exit code %d, %v, %s\n%s", code, err, errOut, out)
	}
	code, out, _ = runIn(t, "report", "check", "--config", config(bad))
	for _, want := range []string{
		"bounces bounce+TOKEN@reports.example.org\n", "error    the server refuses bounces to bounce+check@reports.example.org: 550 5.1.1 no",
		"fix: have it take bounce@reports.example.org", "reports cannot be sent: 1 error, ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != exitNo || strings.Contains(out, "\x1b") {
		t.Errorf("exit code %d\n%q", code, out)
	}
	if code, _, errOut = runIn(t, "report", "check", "--config", filepath.Join(t.TempDir(), "absent.toml")); code != exitFailed || !errorLine.MatchString(errOut) {
		t.Errorf("exit code %d, %q", code, errOut)
	}
}
