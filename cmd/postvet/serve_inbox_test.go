package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
)

// deliver sends a message to one recipient and returns the verdict.
func (m *milterClient) deliver(from, to, text string) string {
	m.t.Helper()
	m.send('M', "<"+from+">\x00")
	m.proceed(0)
	m.send('R', "<"+to+">\x00")
	m.proceed(0x8000)
	_, verdict := m.end(m.content(text))
	return verdict
}

// mailWithReport is a mail with a report in it.
func mailWithReport(from, document string) string {
	return "From: Reports <" + from + ">\r\nTo: dmarc@test.example\r\nSubject: Report Domain: example.com\r\nDate: Sun, 29 Nov 2026 01:00:00 +0000\r\nMessage-ID: <1@x>\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: text/xml\r\n\r\n" + document + "\r\n"
}

// TestReportsComeByMail has reports come while the service runs: with proof of their
// sender, and without.
func TestReportsComeByMail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	section := "[report]\ndirectory = \"" + dir + "\"\ninbox = [\"dmarc@test.example\"]\n"
	s, socket, file := startControlled(t, section)
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.1", "mx.good.example")
	good := mailWithReport("reports@good.example", dayReport(0, ownRow))
	for _, want := range []string{`"result":"kept"`, `"result":"duplicate"`} {
		if verdict := m.deliver("reports@good.example", "DMARC@test.example", good); verdict != "c" && verdict != "a" {
			t.Fatalf("a report got %q", verdict)
		}
		if line := s.waitLog(want, 1); !strings.Contains(line, `"msg":"report received"`) || !strings.Contains(line, `"dmarc":"pass"`) || !strings.Contains(line, `"author":"good.example"`) {
			t.Errorf("the log: %s", line)
		}
	}
	if verdict := m.deliver("reports@good.example", "ann@test.example", good); verdict != "c" && verdict != "a" {
		t.Fatalf("other mail got %q", verdict)
	}
	m.connect("192.0.2.66", "evil.example")
	evilReport := mailWithReport("x@evil.example", dayReport(1, "7 203.0.113.66 fail fail evil.example example.com"))
	if verdict := m.deliver("x@evil.example", "dmarc@test.example", evilReport); verdict != "c" && verdict != "a" {
		t.Fatalf("a report without proof got %q", verdict)
	}
	s.waitLog(`"dmarc":"none"`, 2) // its own line, and that of the report

	_, out, errOut := runIn(t, "report", "received", "--config", file)
	proven, unproven, _ := strings.Cut(out, "Their mail did not pass DMARC")
	if !strings.Contains(proven, "from good.example; came 2 times") || !strings.Contains(unproven, "from evil.example, dmarc=none") {
		t.Errorf("report received: %s%s", out, errOut)
	}
	if code, out, _ := runIn(t, "report", "sources", "example.com", "--config", file); code != exitNo || !strings.Contains(out, "500 of 500 messages passed") || !strings.Contains(out, "1 report of 7 messages not counted") {
		t.Errorf("report sources: %d, %s", code, out)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeConfig(t, file, strings.Replace(string(text), "[report]\n", "[report]\nrequire_pass = true\n", 1))
	s.signal(syscall.SIGHUP)
	s.waitLog(`"msg":"configuration reloaded"`, 1)
	if verdict := m.deliver("x@evil.example", "dmarc@test.example", evilReport); !strings.HasPrefix(verdict, "reply 550 5.7.1 DMARC reports must pass DMARC, RFC 9990 3.5.2") {
		t.Errorf("a report without proof got %q", verdict)
	}
	m.connect("192.0.2.1", "mx.good.example")
	if verdict := m.deliver("reports@good.example", "dmarc@test.example", good); verdict != "c" && verdict != "a" {
		t.Errorf("a report with proof got %q", verdict)
	}
	s.waitLog(`"result":"duplicate"`, 2)
}

// TestBouncesComeByMail has a bounce of our report come: it is read and dropped, and
// others are delivered.
func TestBouncesComeByMail(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	sent, err := o.store.Deliveries(t.Context(), reportstore.Query{Address: "d@example.org", States: []reports.State{reports.Queued}})
	if err != nil || len(sent) != 1 {
		t.Fatalf("%+v, %v", sent, err)
	}
	s, socket, _ := startControlled(t, "[report]\ndirectory = \""+o.dir+"\"\nsend = \"listed\"\nknown = [\"none.example\"]\nsubmitter = \"test.example\"\nemail = \"d@test.example\"\nfrom = \"noreply@reports.test.example\"\nsmtp = \"127.0.0.1:1\"\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.1", "mx.good.example")
	dsn := "From: MAILER-DAEMON@good.example\r\nSubject: failed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nfailed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.good.example\r\n\r\n" +
		"Final-Recipient: rfc822; d@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n"
	bounce := "bounce+" + sent[0].Token + "@reports.test.example"
	for _, other := range []struct{ from, to string }{
		{"", "bounce+" + strings.Repeat("a", 16) + "@reports.test.example"}, {"", "ann@test.example"}, {"x@good.example", bounce},
	} {
		if verdict := m.deliver(other.from, other.to, dsn); verdict == "d" || strings.HasPrefix(verdict, "reply") {
			t.Errorf("<%s> to <%s> got %q", other.from, other.to, verdict)
		}
	}
	if x, found, err := o.store.Suppression(t.Context(), "d@example.org"); err != nil || found {
		t.Fatalf("suppressed before its bounce: %+v, %v", x, err)
	}
	if verdict := m.deliver("", bounce, dsn); verdict != "d" {
		t.Errorf("the bounce got %q", verdict)
	}
	s.waitLog(`"msg":"bounce of our report read"`, 2) // also that with an unknown token
	if x, found, err := o.store.Suppressed(t.Context(), "d@example.org", time.Now()); err != nil || !found || x.By != "bounce" {
		t.Errorf("not suppressed: %+v, %v", x, err)
	}
	if line := s.waitLog(`"rule":"report-bounce"`, 1); !strings.Contains(line, `"action":"discard"`) {
		t.Errorf("the log: %s", line)
	}
}
