package reportsending

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/reporting"
)

// dsn is a notification by RFC 3464.
func dsn(groups ...string) []byte {
	return []byte(strings.ReplaceAll(`From: MAILER-DAEMON@mx.example.com
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status;
 boundary="b1"

--b1
Content-Type: text/plain

I'm sorry.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com
Arrival-Date: Sun, 29 Nov 2026 00:06:00 +0000

`+strings.Join(groups, "\n")+`
--b1
Content-Type: message/rfc822

Subject: Report Domain: example.com
--b1--
`, "\n", "\r\n"))
}

// TestParseNotification has what servers send back.
func TestParseNotification(t *testing.T) {
	t.Parallel()
	failed := "Final-Recipient: rfc822; dmarc@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n"
	delayed := "Final-Recipient: rfc822; b@example.com\nAction: delayed\nStatus: 4.4.1\n"
	for _, tc := range []struct {
		name string
		data []byte
		want Notification
	}{
		{"failed", dsn(failed), Notification{Failed, "5.1.1", "smtp; 550 5.1.1 no such user", "dmarc@example.com"}},
		{"delayed", dsn(delayed), Notification{Delayed, "4.4.1", "", "b@example.com"}},
		{"delayed and failed", dsn(delayed, failed), Notification{Failed, "5.1.1", "smtp; 550 5.1.1 no such user", "dmarc@example.com"}},
		{"delivered", dsn("Final-Recipient: rfc822; b@example.com\nAction: delivered\nStatus: 2.0.0\n"), Notification{}},
		{"capitals, comment", dsn("final-recipient: RFC822;<B@Example.com>\nACTION: Failed (forever)\nStatus: 5.2.2 (full)\n"), Notification{Failed, "5.2.2", "", "B@Example.com"}},
		{"no status", dsn("Action: FAILED\nStatus: unknown\n"), Notification{Failed, "", "", ""}},
		{"hostile text", dsn("Action: failed\nStatus: 5.0.0\nDiagnostic-Code: x\u202e" + strings.Repeat("y", 1000) + "\n"), Notification{Failed, "5.0.0", "x?" + strings.Repeat("y", 295) + "...", ""}},
		{"nothing in it", dsn(), Notification{}},
		{"an ordinary message", []byte("Subject: Re: your report\r\n\r\nAction: failed\r\n"), Notification{}},
		{"exim", []byte("X-Failed-Recipients: dmarc@example.com\r\nSubject: Mail delivery failed\r\n\r\n  dmarc@example.com\r\n    550 5.1.1 unknown user\r\n"), Notification{Failed, "5.1.1", "dmarc@example.com 550 5.1.1 unknown user", "dmarc@example.com"}},
		{"qmail", []byte("Subject: failure notice\r\n\r\nHi. This is the qmail-send program at example.com.\r\n<dmarc@example.com>:\r\nno mailbox here. (#5.1.1)\r\n"), Notification{Failed, "5.1.1", "Hi. This is the qmail-send program at example.com. <dmarc@example.com>: no mailbox here. (#5.1.1)", ""}},
		{"empty", nil, Notification{}},
		{"no end", []byte("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.1.1"), Notification{Failed, "5.1.1", "", ""}},
	} {
		got := ParseNotification(tc.data)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// FuzzParseNotification has anything come back.
func FuzzParseNotification(f *testing.F) {
	f.Add(dsn("Action: failed\nStatus: 5.1.1\n"))
	f.Add([]byte("X-Failed-Recipients: a@example.com\r\n\r\n550 5.1.1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := ParseNotification(data)
		if len(n.Text) > maxText+10 || len(n.Recipient) > maxText+10 || len(n.Status) > 9 || strings.ContainsAny(n.Text+n.Recipient, "\r\n\x1b") {
			t.Errorf("%+v", n)
		}
	})
}

// TestBounces has notifications come back for a report: of a delay, of an address behind
// the address, of a failure, and once more; and what others send to the envelope sender.
func TestBounces(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.run(midnight.Add(16 * time.Minute))
	x.want(map[string]string{"dmarc@example.com": "queued"})
	b := NewBounces(x.o.Settings, x.store, x.clock.Now, zap.NewNop())
	sender := x.sent[0].From
	failed := dsn("Final-Recipient: rfc822; DMARC@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n")
	for _, step := range []struct {
		recipient string
		data      []byte
		want      Meaning
		state     string
	}{
		{"bounce+aaaaaaaaaaaaaaaa@reports.example.org", failed, NotOurs, "queued"},
		{"noreply@reports.example.org", failed, NotOurs, "queued"},
		{sender, []byte("Subject: out of office\r\n\r\nback in May\r\n"), NoBounce, "queued"},
		{sender, dsn("Final-Recipient: rfc822; dmarc@example.com\nAction: delayed\nStatus: 4.4.1\n"), BounceLater, "queued"},
		{sender, dsn("Final-Recipient: rfc822; bob@elsewhere.example\nAction: failed\nStatus: 5.1.1\n"), BounceElse, "queued"},
		{strings.ToUpper(sender), failed, BounceFails, "bounced smtp; 550 no such user"},
		{sender, failed, BounceTwice, "bounced"},
	} {
		got, err := b.Take(t.Context(), step.recipient, step.data)
		if err != nil || got != step.want {
			t.Errorf("%s: %s, %v", step.want, got, err)
		}
		x.want(map[string]string{"dmarc@example.com": step.state})
	}
	if !b.IsBounce(sender) || b.IsBounce("bounce@reports.example.org") {
		t.Error("IsBounce")
	}
	if err := b.Bounce(t.Context(), sender, bytes.NewReader(failed)); err != nil {
		t.Error(err)
	}
	y, is, err := x.store.Suppression(t.Context(), "dmarc@example.com")
	if err != nil || !is || y.By != "bounce" || y.Strikes != 1 || y.Reason != "5.1.1 smtp; 550 no such user" || y.Until.Sub(y.Since) != strikes[0] {
		t.Errorf("%+v, %v", y, err)
	}
}

// TestBounceAtOnce: a bounce may come back before the MTA's answer is noted.
func TestBounceAtOnce(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	b := NewBounces(x.o.Settings, x.store, x.clock.Now, zap.NewNop())
	x.answer = func(m *submission.Message) submission.Answer {
		got, err := b.Take(t.Context(), m.From, dsn("Final-Recipient: rfc822; dmarc@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n"))
		if err != nil || got != BounceFails {
			t.Errorf("%s, %v", got, err)
		}
		return submission.Answer{Result: submission.Accepted, Stage: submission.End, Code: 250, Status: "2.0.0", Text: "queued as 4X1"}
	}
	x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.run(midnight.Add(16 * time.Minute))
	x.want(map[string]string{"dmarc@example.com": "bounced smtp; 550 no such user"})
	all, err := x.store.Deliveries(t.Context(), reportstore.Query{Limit: 10})
	if err != nil || len(all) != 1 || all[0].Delivery.Attempts != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}
