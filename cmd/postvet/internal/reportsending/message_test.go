package reportsending

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"flag"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/reportmail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write golden files")

var testSettings = Settings{
	Send: All, Submitter: "example.org", OrgName: "Beispiel Österreich", Email: "postmaster@example.org", Contact: "https://example.org/dmarc",
	From: "noreply@reports.example.org",
}

// testReport is a report whose document is no document.
func testReport(document []byte) *reports.Report {
	day := reports.DayOf(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
	return &reports.Report{
		ID: "5f2c0123456789abcdef0123456789ab", Kind: reports.Aggregate, Domain: "example.com", Begin: day.Begin(), End: day.End(), Submitter: "example.org",
		Created: time.Date(2026, 11, 29, 0, 5, 3, 0, time.UTC), Records: 2, Messages: 12345, Document: document,
	}
}

func testDelivery(address string) *reports.Delivery {
	return &reports.Delivery{Report: "5f2c0123456789abcdef0123456789ab", Address: address, Token: "k3q7a2b4c6d2e3f5"}
}

// TestMessage compares the message of a report octet by octet: receivers know a report that
// comes again by that.
func TestMessage(t *testing.T) {
	t.Parallel()
	s := testSettings.withDefaults()
	d := testDelivery("dmarc+a@example.com")
	data := Compose(&s, testReport([]byte(strings.Repeat("not a gzip file, but long enough for some lines. ", 4))), d)
	if from := s.Sender(d); from != "bounce+k3q7a2b4c6d2e3f5@reports.example.org" {
		t.Errorf("envelope: %s", from)
	}
	golden := filepath.Join("testdata", "aggregate.eml")
	if *update {
		if err := os.WriteFile(golden, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\n", "\r\n"), string(data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMessageIsRead has the message read by a mail program, and the report in it found.
func TestMessageIsRead(t *testing.T) {
	t.Parallel()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = io.WriteString(w, `<?xml version="1.0"?><feedback/>`)
	_ = w.Close()
	s := testSettings
	s.OrgName, s.Contact = strings.Repeat("Österreich ", 30), strings.Repeat("x", 200)
	s = s.withDefaults()
	long := strings.Repeat(strings.Repeat("a", 60)+".", 4)
	r := testReport(z.Bytes())
	r.Domain, r.Submitter = long+"example", long+"example"
	data := Compose(&s, r, testDelivery("dmarc@example.com"))
	for _, line := range bytes.Split(data, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsFunc(line, func(c rune) bool { return c > '~' || c < ' ' && c != '\t' }) {
			t.Errorf("line %q", line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := "Report Domain: " + r.Domain + " Submitter: " + r.Submitter + " Report-ID: <" + r.ID + ">"
	if got := m.Header.Get("Subject"); got != want {
		t.Errorf("Subject %q", got)
	}
	if at, err := m.Header.Date(); err != nil || !at.Equal(r.Created) {
		t.Errorf("Date %v, %v", at, err)
	}
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	first, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(first); err != nil || !strings.Contains(string(text), "Österreich") || !strings.Contains(string(text), "12345 messages") {
		t.Errorf("text %q, %v", text, err)
	}
	second, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	if second.FileName() != FileName(r) || second.Header.Get("Content-Type") != `application/gzip; name="`+FileName(r)+`"` {
		t.Errorf("attachment %q, %q", second.FileName(), second.Header)
	}
	if document, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, second)); err != nil || !bytes.Equal(document, z.Bytes()) {
		t.Errorf("document of %d octets, %v", len(document), err)
	}
	found := 0
	deviations, err := reportmail.Read(bytes.NewReader(data), func(d *reportmail.Document) error {
		found++
		_, err := io.Copy(io.Discard, d.Body)
		if d.Kind != reportmail.XML {
			t.Errorf("found %s", d.Kind)
		}
		return err
	})
	if err != nil || found != 1 || len(deviations) > 0 {
		t.Errorf("found %d documents, %v, %v", found, deviations, err)
	}
}

// TestFailureMessage has a failure report, whose content is made before.
func TestFailureMessage(t *testing.T) {
	t.Parallel()
	s := testSettings.withDefaults()
	r := testReport([]byte("Content-Type: text/plain\r\n\r\nfailed\r\n"))
	r.Kind = reports.Failure
	data := string(Compose(&s, r, testDelivery("ruf@example.com")))
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(m.Body)
	if m.Header.Get("Subject") != "DMARC failure report for example.com" || m.Header.Get("Content-Type") != "text/plain" || string(body) != "failed\r\n" {
		t.Errorf("got %s", data)
	}
}

// TestToken has which addresses are our envelope senders.
func TestToken(t *testing.T) {
	t.Parallel()
	s := testSettings.withDefaults()
	sender := s.Sender(testDelivery("a@example.com"))
	for address, want := range map[string]string{
		sender: "k3q7a2b4c6d2e3f5", "<" + strings.ToUpper(sender) + ">": "k3q7a2b4c6d2e3f5",
		"bounce+k3q7a2b4c6d2e3f5@example.org": "", "bounce+@reports.example.org": "", "bounce+k3q7a2b4c6d2e3f@reports.example.org": "",
		"bounce+k3q7a2b4c6d2e3!5@reports.example.org": "", "k3q7a2b4c6d2e3f5@reports.example.org": "", "": "", "<>": "",
		"bounce+k3q7a2b4c6d2e3f5@reports.example.org@evil.example": "",
	} {
		if got := s.token(address); got != want {
			t.Errorf("%q: %q", address, got)
		}
	}
}

// TestNoMessage: a message that there is no report for, or no claim, says so.
func TestNoMessage(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.run(midnight.Add(20 * time.Minute))
	all, err := x.store.Deliveries(t.Context(), reportstore.Query{})
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	d, r := all[0].Delivery, all[0].Report
	d.Claim = "ended"
	if _, err := x.message(t.Context(), &d, &r); !errors.Is(err, errClaimEnded) {
		t.Errorf("without a claim: %v", err)
	}
	r.ID = strings.Repeat("0", len(r.ID))
	if _, err := x.message(t.Context(), &d, &r); !errors.Is(err, errNoReport) {
		t.Errorf("without a report: %v", err)
	}
}
