package reportsending

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// clock is a clock that goes on when somebody sleeps.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

func (c *clock) sleep(_ context.Context, d time.Duration) { c.set(c.Now().Add(d)) }

// site is a Sender with what it needs.
type site struct {
	*Sender
	tb    testing.TB
	clock *clock
	store *reportstore.Store
	dns   *dnstest.Server
	logs  *observer.ObservedLogs

	sent   []submission.Message
	at     []time.Time
	answer func(*submission.Message) submission.Answer // nil to accept
}

// midnight begins the day on which reports of the day before are sent.
var midnight = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)

// yesterday is the day that they are about.
var yesterday = reports.DayOf(midnight) - 1

// zone has the records of the domains of tests.
const zone = `
_dmarc.example.com. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"
_dmarc.two.example. TXT "v=DMARC1; p=none; rua=mailto:a@two.example,mailto:b@two.example"
`

func newSite(tb testing.TB, records string, change func(*Options)) *site {
	tb.Helper()
	x := &site{tb: tb, clock: &clock{at: midnight.Add(time.Minute)}}
	file := filepath.Join(tb.TempDir(), "reports.db")
	var err error
	if x.store, err = reportstore.Open(tb.Context(), reportstore.Options{File: file, Now: x.clock.Now}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = x.store.Close() })
	server, resolver := dnstest.StartAt(tb, zone+records, x.clock.Now)
	x.dns = server
	core, logs := observer.New(zapcore.DebugLevel)
	x.logs = logs
	o := Options{
		Store: x.store, Settings: testSettings, DNS: resolver, Now: x.clock.Now, Node: "mx1", Generator: "Postvet test", Log: zap.New(core),
		Submit: func(_ context.Context, m *submission.Message) submission.Answer {
			a := submission.Answer{Result: submission.Accepted, Stage: submission.End, Code: 250, Status: "2.0.0", Text: "queued as 4X1"}
			if x.answer != nil {
				a = x.answer(m)
			}
			if a.Result == submission.Accepted || a.Result == submission.Lost {
				x.sent = append(x.sent, *m)
				x.at = append(x.at, x.clock.Now())
			}
			return a
		},
	}
	o.Settings.Window, o.Settings.Rate = 10*time.Minute, 6000
	if change != nil {
		change(&o)
	}
	if x.Sender, err = New(o); err != nil {
		tb.Fatal(err)
	}
	x.Sender.sleep = x.clock.sleep
	return x
}

// counted are messages of a domain with a record.
func counted(domain string, day reports.Day, kind reporting.Kind, n int64, rua ...string) reports.Counted {
	c := reports.Counted{Day: day, Kind: kind}
	c.Policy.Policy = report.Policy{Domain: domain, Discovery: "treewalk", P: "reject", SP: "reject", NP: "reject", ADKIM: "r", ASPF: "r", FO: "0", Testing: "n"}
	c.Policy.RUA = rua
	c.Record = report.Record{Source: netip.MustParseAddr("192.0.2.1"), Count: n, Disposition: report.DispositionPass, DKIMAligned: true, HeaderFrom: domain}
	c.Record.DKIM = []report.DKIM{{Domain: domain, Selector: "s1", Result: "pass"}}
	return c
}

// add counts mail.
func (x *site) add(all ...reports.Counted) {
	x.tb.Helper()
	if _, err := x.store.Add(x.tb.Context(), all); err != nil {
		x.tb.Fatal(err)
	}
}

// run does what is due until a time, a step a minute.
func (x *site) run(until time.Time) {
	x.tb.Helper()
	for x.clock.Now().Before(until) {
		if err := x.Step(x.tb.Context()); err != nil {
			x.tb.Fatal(err)
		}
		x.clock.sleep(x.tb.Context(), time.Minute)
	}
}

// allDeliveries asks for all.
var allDeliveries reportstore.Query

// states returns the states of all deliveries by address, with what was said.
func (x *site) states() map[string]string {
	x.tb.Helper()
	all, err := x.store.Deliveries(x.tb.Context(), reportstore.Query{})
	if err != nil {
		x.tb.Fatal(err)
	}
	m := map[string]string{}
	for _, d := range all {
		m[d.Address] = string(d.State) + " " + d.Text
	}
	return m
}

// want compares the beginnings of the states.
func (x *site) want(states map[string]string) {
	x.tb.Helper()
	got := x.states()
	for address, want := range states {
		if !strings.HasPrefix(got[address], want) {
			x.tb.Errorf("%s is %q, want %q", address, got[address], want)
		}
	}
	if len(got) != len(states) {
		x.tb.Errorf("%d deliveries, want %d: %v", len(got), len(states), got)
	}
}

// documentOf returns the report in a message.
func documentOf(tb testing.TB, data []byte) io.Reader {
	tb.Helper()
	_, attachment, ok := bytes.Cut(data, []byte(".xml.gz\"\r\n\r\n"))
	if !ok {
		tb.Fatalf("no attachment in %s", data)
	}
	attachment, _, _ = bytes.Cut(attachment, []byte("\r\n--"))
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(attachment)))
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

// awaitTrue waits until something is so.
func awaitTrue(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain waited for: " + what)
		}
	}
}
