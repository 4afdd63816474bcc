package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// TestSending has the service make and send a report of messages that were counted the day
// before yesterday: signed, to the address that the record names now, and once, over a
// reload and a restart.
func TestSending(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	if now.Sub(now.Truncate(24*time.Hour)) < 6*time.Minute {
		t.Skip("a day is not closed in the first minutes of the next one")
	}
	dir, err := os.MkdirTemp("", "pv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	txt := map[string]string{
		"s1._domainkey.reports.example.org": "v=DKIM1; k=rsa; p=" + writeRSAKey(t, filepath.Join(dir, "keys", "reports.example.org", "s1.pem")),
		"_dmarc.good.example":               "v=DMARC1; p=none; rua=mailto:now@good.example",
	}
	var zone strings.Builder
	for name, value := range txt {
		zone.WriteString(dnstest.TXT(name, value) + "\n")
	}
	dns, err := dnstest.NewServer(zone.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	mta := submissiontest.Server{}
	address := mta.Start(t)
	countMail(t, filepath.Join(dir, "reports.db"), now)
	page, file := filepath.Join(dir, "m"), filepath.Join(dir, "c")
	text := "listen = [\"unix:" + dir + "/s\"]\nauthserv_id = \"mx.test.example\"\n[dns]\nresolvers = [\"" + dns.Addr() + "\"]\n[metrics]\nlisten = \"unix:" + page + "\"\n" +
		"[sign]\nkeys = \"" + dir + "/keys\"\nstate = \"" + dir + "/keys.state\"\n" +
		"[report]\nsend = \"all\"\ndirectory = \"" + dir + "\"\nsubmitter = \"example.org\"\nemail = \"postmaster@example.org\"\nfrom = \"noreply@reports.example.org\"\n" +
		"smtp = \"" + address + "\"\ndkim_domain = \"reports.example.org\"\nsend_window = \"10m\"\n"
	writeConfig(t, file, text)
	s := startService(t, nil, "--config", file)
	line := s.waitLog(`"state":"queued"`, 1)
	if !strings.Contains(line, `"address":"now@good.example"`) {
		t.Errorf("the line is %s", line)
	}
	messages := mta.Messages()
	if len(messages) != 1 || messages[0].To != "now@good.example" || !strings.HasPrefix(messages[0].From, "bounce+") {
		t.Fatalf("the MTA got %+v", messages)
	}
	verified, err := dkim.VerifyWithOptions(bytes.NewReader(messages[0].Data), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) { return []string{txt[name]}, nil }})
	if err != nil || len(verified) != 1 || verified[0].Err != nil || verified[0].Domain != "reports.example.org" {
		t.Errorf("signatures: %+v, %v", verified, err)
	}
	if !bytes.Contains(messages[0].Data, []byte("Subject: Report Domain: good.example Submitter: example.org Report-ID: <")) {
		t.Errorf("the message is %s", messages[0].Data)
	}
	wait(t, page, `postvet_report_outbox{state="queued"} 1`)
	wait(t, page, `postvet_report_lease_held 1`)
	writeConfig(t, file, strings.Replace(text, `send = "all"`, `send = "known"`, 1))
	s.signal(syscall.SIGHUP)
	s.waitLog(`"msg":"configuration reloaded"`, 1)
	wait(t, page, `postvet_report_deliveries_total{result="queued"} 1`)
	began := time.Now()
	s.signal(syscall.SIGTERM)
	s.waitExit()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the service took %s to stop", took)
	}
	s = startService(t, nil, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)
	wait(t, page, `postvet_report_outbox{state="queued"} 1`)
	if n := len(mta.Messages()); n != 1 {
		t.Errorf("the MTA got %d messages", n)
	}
}

// countMail counts a message of the day before yesterday, whose record named another
// address.
func countMail(t *testing.T, file string, now time.Time) {
	t.Helper()
	store, err := reportstore.Open(t.Context(), reportstore.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	c := reports.Counted{Day: reports.DayOf(now) - 2, Kind: reporting.Ordinary}
	c.Policy.Policy = report.Policy{Domain: "good.example", P: "none", SP: "none", NP: "none", ADKIM: "r", ASPF: "r", FO: "0", Testing: "n"}
	c.Policy.RUA = []string{"mailto:then@good.example"}
	c.Record = report.Record{Source: netip.MustParseAddr("192.0.2.1"), Count: 3, Disposition: report.DispositionNone, SPFAligned: true, HeaderFrom: "good.example"}
	c.Record.SPF = []report.SPF{{Domain: "good.example", Scope: "mfrom", Result: "pass"}}
	if _, err := store.Add(t.Context(), []reports.Counted{c}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
