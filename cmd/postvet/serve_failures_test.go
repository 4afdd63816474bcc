package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestFailureReports: the service gathers what fails for a domain that asks, folds it, has
// none for bounces, and puts what is open into the outbox when it ends.
func TestFailureReports(t *testing.T) {
	t.Parallel()
	zone, err := os.ReadFile("testdata/zone")
	if err != nil {
		t.Fatal(err)
	}
	var asking strings.Builder
	for line := range strings.Lines(string(zone)) {
		if !strings.HasPrefix(line, "_dmarc.good.example.") {
			asking.WriteString(line)
		}
	}
	asking.WriteString("_dmarc.good.example. TXT \"v=DMARC1; p=reject; fo=1; ruf=mailto:f@good.example\"\n")
	dns, err := dnstest.NewServer(asking.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	dir := t.TempDir()
	milter, page, file := filepath.Join(dir, "s"), filepath.Join(dir, "m"), filepath.Join(dir, "c")
	writeConfig(t, file, fmt.Sprintf(`listen = ["unix:%s"]
authserv_id = "mx.test.example"
[dns]
resolvers = [%q]
[metrics]
listen = "unix:%s"
[report]
send = "all"
directory = %q
submitter = "test.example"
email = "postmaster@test.example"
from = "noreply@reports.test.example"
smtp = "unix:%s"
[report.failure]
send = "all"
`, milter, dns.Addr(), page, filepath.Join(dir, "reports"), filepath.Join(dir, "nobody")))
	s := startService(t, nil, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)
	m := dialMTA(t, "unix", milter)
	m.connect("192.0.2.66", "evil.example")
	for _, sender := range []string{"x@evil.example", "y@evil.example", ""} {
		m.end(m.begin(sender, testMessage(t, "spoof.eml")))
	}
	s.waitLog(`"msg":"message"`, 3)
	wait(t, page, `postvet_report_failures_open 1`)
	wait(t, page, `postvet_report_failure_incidents_total 2`)
	wait(t, page, `postvet_report_failure_skipped_total{why="null-sender"} 1`)
	s.signal(syscall.SIGTERM)
	s.waitLog(`"domain":"good.example","failed":"dmarc","to":["f@good.example"],"incidents":2`, 1)
	if code := s.waitExit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	store, err := reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(dir, "reports", "reports.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	all, err := store.Deliveries(t.Context(), reportstore.Query{Kind: reports.Failure})
	if err != nil || len(all) != 1 || all[0].Address != "f@good.example" || all[0].Messages != 2 || all[0].State != reports.New {
		t.Errorf("in the outbox: %+v, %v", all, err)
	}
}
