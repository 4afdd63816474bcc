package reportsending

import (
	"bytes"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// TestDay has a day counted, closed and sent.
func TestDay(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(
		counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"),
		counted("example.com", yesterday, reporting.OfReport, 2, "mailto:dmarc@example.com"),
		counted("two.example", yesterday, reporting.Ordinary, 1, "mailto:a@two.example", "mailto:b@two.example"),
		counted("example.com", yesterday+1, reporting.Ordinary, 100, "mailto:dmarc@example.com"),
		counted("loop.example", yesterday, reporting.OfReport, 9, "mailto:dmarc@loop.example"),
	)
	x.run(midnight.Add(5 * time.Minute))
	if n := len(x.states()); n > 0 {
		t.Fatalf("%d deliveries before the day is closed", n)
	}
	x.run(midnight.Add(16 * time.Minute))
	x.want(map[string]string{"dmarc@example.com": "queued queued as 4X1", "a@two.example": "queued", "b@two.example": "queued"})
	if len(x.sent) != 3 {
		t.Fatalf("%d messages", len(x.sent))
	}
	for i, m := range x.sent {
		parsed, err := mail.ReadMessage(bytes.NewReader(m.Data))
		if err != nil {
			t.Fatal(err)
		}
		if to := parsed.Header.Get("To"); to != "<"+m.To+">" {
			t.Errorf("a message to %s says %s", m.To, to)
		}
		v, err := report.Check(documentOf(t, m.Data))
		want := map[string]int64{"dmarc@example.com": 7, "a@two.example": 1, "b@two.example": 1}[m.To]
		if err != nil || !v.Valid() || v.Messages != want {
			t.Errorf("%s: %d messages, want %d; %v %+v", m.To, v.Messages, want, err, v.Problems)
		}
		if at := x.at[i]; at.Before(midnight.Add(closeAfter)) || at.After(midnight.Add(closeAfter+11*time.Minute)) {
			t.Errorf("sent at %s", at)
		}
	}
	s := x.Stats()
	if s.Reports != 2 || s.NotSent[WhyRideAlong] != 1 || s.Results[reports.Queued] != 3 || s.Outbox[reports.Queued] != 3 || s.Success.IsZero() || s.Trouble != "" {
		t.Errorf("%+v", s)
	}
	x.clock.set(midnight.Add(bounceTime + time.Hour))
	x.run(x.clock.Now().Add(time.Minute))
	x.want(map[string]string{"dmarc@example.com": "done", "a@two.example": "done", "b@two.example": "done"})
}

// TestSameAgain has the MTA lose its answer, and refuse for a while. The report goes again
// with the same octets until it is taken.
func TestSameAgain(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	answers := []submission.Answer{
		{Result: submission.Lost, Stage: submission.End, Text: "the connection ended"},
		{Result: submission.Temporary, Stage: submission.Recipient, Code: 451, Status: "4.3.0", Text: "later"},
		{Result: submission.Permanent, Stage: submission.Recipient, Code: 554, Status: "5.7.1", Text: "relay access denied"},
		{Result: submission.Accepted, Stage: submission.End, Code: 250},
	}
	var tries []submission.Message
	var at []time.Time
	x.answer = func(m *submission.Message) submission.Answer {
		tries, at = append(tries, *m), append(at, x.clock.Now())
		a := answers[0]
		answers = answers[1:]
		return a
	}
	x.run(midnight.Add(12 * time.Hour))
	x.want(map[string]string{"dmarc@example.com": "queued accepted"})
	if len(tries) != 4 {
		t.Fatalf("%d attempts", len(tries))
	}
	for i, m := range tries {
		if !bytes.Equal(m.Data, tries[0].Data) || m.From != tries[0].From || m.ID != tries[0].ID {
			t.Errorf("attempt %d differs", i)
		}
	}
	for i, want := range []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour} {
		if d := at[i+1].Sub(at[i]); d < want || d > want+2*time.Minute {
			t.Errorf("attempt %d came after %s", i+1, d)
		}
	}
}

// TestExpired has an MTA that is never there. Nothing is suppressed, and all ends after two
// days.
func TestExpired(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.answer = func(*submission.Message) submission.Answer {
		return submission.Answer{Result: submission.Temporary, Stage: submission.Connect, Text: "connection refused", Err: errors.New("x")}
	}
	for x.clock.Now().Before(midnight.Add(49 * time.Hour)) {
		x.run(x.clock.Now().Add(time.Minute))
		x.clock.sleep(t.Context(), 9*time.Minute)
	}
	x.want(map[string]string{"dmarc@example.com": "expired not sent in 48h0m0s after its period; the last answer: connection refused"})
	if s := x.Stats(); s.Suppressed != 0 {
		t.Errorf("%d suppressed", s.Suppressed)
	}
}

// TestRefusedAddress has an address that does not exist, then one that is full.
func TestRefusedAddress(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(
		counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"),
		counted("two.example", yesterday, reporting.Ordinary, 5, "mailto:a@two.example", "mailto:b@two.example"),
	)
	x.answer = func(m *submission.Message) submission.Answer {
		a := submission.Answer{Result: submission.Permanent, Stage: submission.Recipient, Code: 550, Status: "5.1.1", Text: "no such user"}
		if m.To == "a@two.example" {
			a.Status = "5.2.2"
		}
		return a
	}
	x.run(midnight.Add(16 * time.Minute))
	x.want(map[string]string{"dmarc@example.com": "bounced no such user", "a@two.example": "bounced", "b@two.example": "bounced"})
	for address, days := range map[string]int{"dmarc@example.com": 30, "a@two.example": 7} {
		y, is, err := x.store.Suppression(t.Context(), address)
		if err != nil || !is || y.Until.Sub(y.Since) != time.Duration(days)*24*time.Hour || y.By != "smtp" {
			t.Errorf("%s: %+v %v", address, y, err)
		}
	}
	// The next day nothing goes there.
	x.answer = nil
	x.add(counted("example.com", yesterday+1, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.clock.set(midnight.Add(24*time.Hour + 4*time.Minute))
	x.run(midnight.Add(24*time.Hour + 20*time.Minute))
	if len(x.sent) > 0 {
		t.Errorf("sent to %s", x.sent[0].To)
	}
	x.want(map[string]string{"dmarc@example.com": "", "a@two.example": "bounced", "b@two.example": "bounced"})
	all, err := x.store.Deliveries(t.Context(), reportstore.Query{States: []reports.State{reports.Suppressed}})
	if err != nil || len(all) != 1 || all[0].Text != "5.1.1 no such user" {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestStrikes has an address fail again and again: the time grows, and a success ends it.
func TestStrikes(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	now := midnight
	for i, days := range []int{30, 90, 365, 365} {
		o := outcome{status: "5.1.1", text: "no", suppress: strikes[0], strike: true}
		x.clock.set(now)
		if err := x.suppress(t.Context(), "dmarc@example.com", "bounce", &o); err != nil {
			t.Fatal(err)
		}
		y, _, err := x.store.Suppression(t.Context(), "DMARC@example.com")
		if err != nil || y.Strikes != i+1 || y.Until.Sub(now) != time.Duration(days)*24*time.Hour {
			t.Errorf("strike %d: %+v, %v", i+1, y, err)
		}
		now = y.Until.Add(time.Hour)
	}
	x.clock.set(now)
	day := reports.DayOf(now)
	x.add(counted("example.com", day, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.clock.set((day + 1).Begin())
	x.run((day + 1).Begin().Add(20 * time.Minute))
	x.clock.set(x.clock.Now().Add(bounceTime + time.Hour))
	x.run(x.clock.Now().Add(time.Minute))
	if y, is, err := x.store.Suppression(t.Context(), "dmarc@example.com"); is || err != nil {
		t.Errorf("%+v, %v", y, err)
	}
}

// TestBusyDestination has a domain that wants less for now. Others go on.
func TestBusyDestination(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(
		counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"),
		counted("two.example", yesterday, reporting.Ordinary, 5, "mailto:a@two.example", "mailto:b@two.example"),
	)
	asked := map[string][]time.Time{}
	x.answer = func(m *submission.Message) submission.Answer {
		asked[m.To] = append(asked[m.To], x.clock.Now())
		if strings.HasSuffix(m.To, "@two.example") && x.clock.Now().Before(midnight.Add(4*time.Hour)) {
			return submission.Answer{Result: submission.Temporary, Stage: submission.Recipient, Code: 450, Status: "4.2.1", Text: "too many"}
		}
		return submission.Answer{Result: submission.Accepted, Code: 250}
	}
	x.run(midnight.Add(10 * time.Hour))
	x.want(map[string]string{"dmarc@example.com": "queued", "a@two.example": "queued", "b@two.example": "queued"})
	if n := len(asked["dmarc@example.com"]); n != 1 {
		t.Errorf("example.com was asked %d times", n)
	}
	if n := len(asked["a@two.example"]) + len(asked["b@two.example"]); n < 4 || n > 8 {
		t.Errorf("two.example was asked %d times: %v", n, asked)
	}
}

// TestPace has many reports for one domain, and one for another.
func TestPace(t *testing.T) {
	t.Parallel()
	var records strings.Builder
	for i := range 30 {
		fmt.Fprintf(&records, "_dmarc.d%d.example. TXT \"v=DMARC1; p=none; rua=mailto:d%d@collector.example\"\n", i, i)
		fmt.Fprintf(&records, "d%d.example._report._dmarc.collector.example. TXT \"v=DMARC1\"\n", i)
	}
	x := newSite(t, records.String(), func(o *Options) { o.Settings.MaxPerDay = 20 })
	for i := range 30 {
		x.add(counted(fmt.Sprintf("d%d.example", i), yesterday, reporting.Ordinary, 1, fmt.Sprintf("mailto:d%d@collector.example", i)))
	}
	x.run(midnight.Add(2 * time.Hour))
	if len(x.sent) != 20 {
		t.Fatalf("%d messages on the first day", len(x.sent))
	}
	for i := 5; i < len(x.at); i++ {
		if d := x.at[i].Sub(x.at[i-5]); d < time.Minute {
			t.Errorf("6 messages to a domain in %s", d)
		}
	}
	x.clock.set(midnight.Add(24*time.Hour - time.Minute))
	x.run(midnight.Add(25 * time.Hour))
	if len(x.sent) != 30 {
		t.Errorf("%d messages on both days", len(x.sent))
	}
	seen := map[string]bool{}
	for _, m := range x.sent {
		if seen[m.To] {
			t.Errorf("%s got two", m.To)
		}
		seen[m.To] = true
	}
}
