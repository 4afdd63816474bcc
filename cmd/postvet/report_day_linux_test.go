package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/reportmail"
)

// TestDayOfReports lets a day of mail come through a real Postfix and Postvet. After a
// simulated midnight the reports about it go out through that Postfix, arrive at a second
// one with a Postvet of its own, and are read there. Their numbers must be those of the
// mail that was sent.
func TestDayOfReports(t *testing.T) {
	t.Parallel()
	if missing := realmta.MissingPostfix(); len(missing) > 0 {
		t.Skipf("Postfix needs %s; %s", strings.Join(missing, ", "), realmta.HowToInstall)
	}
	if testing.Short() {
		t.Skip("-short leaves out the real MTA")
	}
	if left := time.Until(reports.DayOf(time.Now()).End()); left < 4*time.Minute {
		t.Skip("the messages would be of two days: it is nearly midnight (UTC)")
	}
	d := startReportDay(t)
	d.deliverMail(t)
	if t.Failed() {
		return
	}
	d.awaitCounts(t)
	d.sendReports(t)
	documents := d.receive(t)
	d.compare(t, documents)
	validate(t, documents)
	d.awaitBounce(t)
	d.read(t)
}

// reportDay is the two sites. our receives mail and sends reports; theirs gets them.
type reportDay struct {
	our, their *realmta.Site
	dir        string // of both stores
	day        reports.Day
	key        *signingKey
	fed        map[string]fed // by policy domain
}

// fed is what was sent in the name of a policy domain, by source address.
type fed map[string]numbersFed

type numbersFed struct{ Messages, Passed, DKIM, SPF, Rejected, Quarantined int64 }

// reportDomains ask for reports, and the addresses of the others stand beside them.
var reportDomains = map[string][]string{
	"one.example":   {"agg@one.example"},
	"two.example":   {"agg@two.example", "two@collector.example"}, // the collector consents
	"three.example": {"agg@three.example"},                        // another destination does not consent
}

// gone is an address that the other site refuses when our Postfix comes with the report.
const gone = "gone@one.example"

const reportDayZone = `
one.example. MX 10 mx.one.example.
one.example. TXT "v=spf1 ip4:127.0.11.1 -all"
_dmarc.one.example. TXT "v=DMARC1; p=reject; rua=mailto:agg@one.example,mailto:gone@one.example"
two.example. MX 10 mx.two.example.
two.example. TXT "v=spf1 ip4:127.0.12.1 -all"
_dmarc.two.example. TXT "v=DMARC1; p=quarantine; rua=mailto:agg@two.example,mailto:two@collector.example!10m"
two.example._report._dmarc.collector.example. TXT "v=DMARC1"
three.example. MX 10 mx.three.example.
news.three.example. MX 10 mx.three.example.
three.example. TXT "v=spf1 ip4:127.0.13.1 ~all"
_dmarc.three.example. TXT "v=DMARC1; p=none; rua=mailto:agg@three.example,mailto:x@unwilling.example"
silent.example. MX 10 mx.silent.example.
silent.example. TXT "v=spf1 ip4:127.0.13.1 -all"
_dmarc.silent.example. TXT "v=DMARC1; p=none"
forwarder.example. TXT "v=spf1 ip4:127.0.40.1 -all"
reports.ours.example. MX 10 mx.ours.example.
reports.ours.example. TXT "v=spf1 ip4:127.0.0.25 -all"
_dmarc.reports.ours.example. TXT "v=DMARC1; p=reject"
`

func startReportDay(t *testing.T) *reportDay {
	t.Helper()
	d := &reportDay{day: reports.DayOf(time.Now()), fed: map[string]fed{}}
	var err error
	if d.dir, err = os.MkdirTemp("", "pvday"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d.dir) })
	binary, err := realmta.Build(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(binary)) })
	zone, err := realmta.NewZone()
	if err != nil {
		t.Fatal(err)
	}
	d.key = newSigningKey(t)
	site := func(name string, lines []string, mta ...string) *realmta.Site {
		store := filepath.Join(d.dir, name)
		for _, dir := range []string{d.dir, store} { // Postvet runs as another user
			if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o777)); err != nil {
				t.Fatal(err)
			}
		}
		s, err := realmta.StartSite(t.Context(), realmta.SiteOptions{
			MTA: "Postfix", Binary: binary, Zone: zone, MTAConfig: mta,
			Policy: append([]string{"[report]", fmt.Sprintf("directory = %q", store)}, lines...),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("=== %s\n%s", name, tailOf(s.Logs()))
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
		if err := s.DNS.SetZone(reportDayZone + d.key.records()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	var inbox []string
	for _, domain := range slices.Sorted(maps.Keys(reportDomains)) {
		inbox = append(inbox, reportDomains[domain]...)
	}
	list, _ := json.Marshal(inbox) // strings, as TOML has them too
	d.their = site("theirs", []string{"inbox = " + string(list)},
		"virtual_mailbox_domains = one.example two.example three.example collector.example unwilling.example",
		"smtpd_recipient_restrictions = check_recipient_access inline:{{"+gone+" = REJECT no such mailbox}}, permit_mynetworks, reject_unauth_destination")
	_, port, err := net.SplitHostPort(d.their.Addr())
	if err != nil {
		t.Fatal(err)
	}
	// The service makes no report before the real midnight; the test does, after its own.
	d.our = site("ours", []string{
		`send = "all"`, `submitter = "ours.example"`, `email = "postmaster@ours.example"`, `from = "noreply@reports.ours.example"`, `smtp = "127.0.0.1:9"`,
	}, "default_transport = smtp:[127.0.0.1]:"+port, "smtp_bind_address = 127.0.0.25",
		// Bounces that Postfix itself writes must come to Postvet too.
		"virtual_mailbox_domains = "+realmta.Domain+" reports.ours.example", "internal_mail_filter_classes = bounce")
	return d
}

func tailOf(s string) string { return s[max(0, len(s)-8000):] }

// sent is mail of the day: so many messages that fare alike.
type sent struct {
	n                          int
	client, helo, from, author string
	signed                     string // the domain that signs; "" for none
	want                       int    // the class of the reply
	policy                     string // the policy domain, "" if no report is asked for
	numbers                    numbersFed
}

// mailOfTheDay is the mail that is sent. Its numbers are those of one message.
var mailOfTheDay = []sent{
	{12, "127.0.11.1", "mx.one.example", "ann@one.example", "ann@one.example", "one.example", 2, "one.example", numbersFed{Passed: 1, DKIM: 1, SPF: 1}},
	{5, "127.0.40.1", "mx.forwarder.example", "srs0@forwarder.example", "ann@one.example", "one.example", 2, "one.example", numbersFed{Passed: 1, DKIM: 1}},
	{4, "127.0.66.1", "bad.example", "ann@one.example", "ann@one.example", "", 5, "one.example", numbersFed{Rejected: 1}},
	{2, "127.0.11.1", "mx.one.example", "", "mailer-daemon@one.example", "one.example", 2, "one.example", numbersFed{Passed: 1, DKIM: 1}},
	{9, "127.0.12.1", "mx.two.example", "bob@two.example", "bob@two.example", "", 2, "two.example", numbersFed{Passed: 1, SPF: 1}},
	{3, "127.0.66.1", "bad.example", "bob@bad.example", "bob@two.example", "", 2, "two.example", numbersFed{Quarantined: 1}},
	{7, "127.0.13.1", "mx.three.example", "cat@three.example", "cat@news.three.example", "", 2, "three.example", numbersFed{Passed: 1, SPF: 1}},
	{2, "127.0.66.1", "bad.example", "cat@three.example", "cat@three.example", "", 2, "three.example", numbersFed{}},
	{3, "127.0.13.1", "mx.silent.example", "dan@silent.example", "dan@silent.example", "", 2, "", numbersFed{}},
}

// deliverMail sends the mail of the day.
func (d *reportDay) deliverMail(t *testing.T) {
	t.Helper()
	for _, m := range mailOfTheDay {
		c, err := realmta.Dial(t.Context(), m.client, d.our.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if r, err := c.Cmd("EHLO %s", m.helo); err != nil || r.Class() != 2 {
			t.Fatalf("EHLO: %v %v", r, err)
		}
		for i := range m.n {
			rcpt := fmt.Sprintf("user%d@%s", i, realmta.Domain)
			text := fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: number %d\r\nDate: %s\r\nMessage-ID: <%d.%s>\r\n\r\nHello.\r\n",
				m.author, rcpt, i, time.Now().Format(time.RFC1123Z), i, m.author)
			r, err := c.Send(m.from, []string{rcpt}, d.key.sign(t, []byte(text), m.signed))
			if err != nil || r.Class() != m.want {
				t.Errorf("%s from %s: %v %v, want %dxx", m.author, m.client, r, err, m.want)
			}
			if m.policy == "" {
				continue
			}
			if d.fed[m.policy] == nil {
				d.fed[m.policy] = fed{}
			}
			n, one := d.fed[m.policy][m.client], m.numbers
			d.fed[m.policy][m.client] = numbersFed{
				n.Messages + 1, n.Passed + one.Passed, n.DKIM + one.DKIM, n.SPF + one.SPF, n.Rejected + one.Rejected, n.Quarantined + one.Quarantined,
			}
		}
		_ = c.Close()
	}
}

// messages returns how many messages reports must be about.
func (d *reportDay) messages() (n int64) {
	for _, f := range d.fed {
		for _, x := range f {
			n += x.Messages
		}
	}
	return n
}

// file is the store of our site.
func (d *reportDay) file() string { return filepath.Join(d.dir, "ours", "reports.db") }

// open opens the store of our site at a simulated time.
func (d *reportDay) open(t *testing.T, now func() time.Time) *reportstore.Store {
	t.Helper()
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: d.file(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// awaitCounts waits until the service has written what it counted, which it does each
// second.
func (d *reportDay) awaitCounts(t *testing.T) {
	t.Helper()
	end := time.Now().Add(patience)
	for { // the file must be the service's, which runs as another user
		if _, err := os.Stat(d.file()); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the service has made no store")
		}
		time.Sleep(50 * time.Millisecond)
	}
	s := d.open(t, time.Now)
	for ; ; time.Sleep(100 * time.Millisecond) {
		all, err := s.Subjects(t.Context(), reportstore.SubjectQuery{Day: d.day})
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for _, x := range all {
			for _, some := range x.Messages {
				n += some
			}
		}
		if n == d.messages() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the store has %d messages, want %d: %+v", n, d.messages(), all)
		}
	}
}

// nightSpeed is how fast the night passes. A claim, of 15 minutes, must last longer than a
// delivery takes.
const nightSpeed = 60

// sendReports lets the night pass, in which the sender does what is due.
func (d *reportDay) sendReports(t *testing.T) {
	t.Helper()
	midnight, began := (d.day + 1).Begin(), time.Now()
	now := func() time.Time { return midnight.Add(6*time.Minute + nightSpeed*time.Since(began)) }
	s := d.open(t, now)
	dns, err := d.our.DNS.Resolver(dnscache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	client, err := submission.New(submission.Options{Address: d.our.Addr(), Hello: "mx.ours.example"})
	if err != nil {
		t.Fatal(err)
	}
	sender, err := reportsending.New(reportsending.Options{
		Store: s, DNS: dns, Submit: client.Submit, Now: now, Node: "mx", Generator: "Postvet",
		Settings: reportsending.Settings{
			Send: reportsending.All, Submitter: "ours.example", OrgName: "Ours", Email: "postmaster@ours.example", From: "noreply@reports.ours.example",
			Window: 10 * time.Minute, Rate: 6000,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all []reportstore.Sent
	for under := true; under && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if err := sender.Step(ctx); err != nil {
			t.Fatal(err)
		}
		if all, err = s.Deliveries(ctx, reportstore.Query{}); err != nil {
			t.Fatal(err)
		}
		under = len(all) == 0 || slices.ContainsFunc(all, func(x reportstore.Sent) bool { return x.State != reports.Queued && !x.State.Final() })
	}
	states := map[string]reports.State{}
	for _, x := range all {
		states[x.Address] = x.State
	}
	if states[gone] == reports.Bounced { // the bounce came already
		states[gone] = reports.Queued
	}
	want := map[string]reports.State{"x@unwilling.example": reports.Refused, gone: reports.Queued}
	for _, addresses := range reportDomains {
		for _, a := range addresses {
			want[a] = reports.Queued
		}
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Fatalf("deliveries (-want +got):\n%s\n%+v", diff, all)
	}
}

// receive waits for the reports at the other site, and returns their documents by address.
func (d *reportDay) receive(t *testing.T) map[string]string {
	t.Helper()
	documents := map[string]string{}
	for _, addresses := range reportDomains {
		for _, a := range addresses {
			got, err := realmta.Await(t.Context(), d.their, a, 1)
			if err != nil {
				t.Fatal(err)
			}
			text := string(got[0].Message)
			if len(got) != 1 || !strings.Contains(text, "dmarc=pass") {
				t.Errorf("%d messages to %s: %s", len(got), a, text)
			}
			_, err = reportmail.Read(bytes.NewReader(got[0].Message), func(x *reportmail.Document) error {
				b, err := io.ReadAll(x.Body)
				documents[a] = string(b)
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", a, err)
			}
			if err := os.WriteFile(filepath.Join(d.dir, a+".eml"), got[0].Message, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return documents
}
