package reportsending

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
)

// fullStore is a store whose disk is full while it is told to.
type fullStore struct {
	Store
	full bool
	n    int
}

var errFull = errors.New("database or disk is full")

func (s *fullStore) Finish(ctx context.Context, d reports.Delivery) (bool, error) {
	if s.full {
		s.n++
		return false, errFull
	}
	return s.Store.Finish(ctx, d)
}

// TestDiskFull has the disk full when the MTA has taken a report. While there is room again
// soon, nothing is sent twice.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	store := &fullStore{full: true}
	x := newSite(t, "", func(o *Options) {
		store.Store = o.Store
		o.Store = store
	})
	sleep := x.Sender.sleep
	x.Sender.sleep = func(ctx context.Context, d time.Duration) {
		store.full = store.n < 3
		sleep(ctx, d)
	}
	x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.run(midnight.Add(time.Hour))
	x.want(map[string]string{"dmarc@example.com": "queued"})
	if len(x.sent) != 1 || store.n != 3 {
		t.Errorf("%d messages, %d failures", len(x.sent), store.n)
	}
}

// TestStoreAway has the store away for a while, which is told once.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	var x *site
	tries := 0
	ctx, cancel := context.WithCancel(t.Context())
	x = newSite(t, "", func(o *Options) {
		real := o.Store
		o.Store = nil
		o.OpenStore = func(context.Context) (Store, error) {
			if tries++; tries < 5 {
				return nil, errFull
			}
			return real, nil
		}
	})
	x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.Sender.sleep = func(ctx context.Context, d time.Duration) {
		x.clock.sleep(ctx, d)
		if len(x.sent) > 0 && x.Stats().Outbox[reports.Queued] > 0 || x.clock.Now().After(midnight.Add(time.Hour)) {
			cancel()
		}
	}
	x.Run(ctx)
	x.want(map[string]string{"dmarc@example.com": "queued"})
	if n := x.logs.FilterMessage("reports cannot be sent for now; they wait").Len(); n != 1 {
		t.Errorf("told %d times", n)
	}
	if n := x.logs.FilterMessage("reports are sent again").Len(); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
	if s := x.Stats(); s.Lease || s.Trouble != "" {
		t.Errorf("%+v", s)
	}
}

// TestOtherNode has another node send: this one takes over when that is gone, and shows the
// counts of all meanwhile.
func TestOtherNode(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var x *site
	asked := 0
	x = newSite(t, "", func(o *Options) {
		o.Exclusive = func(ctx context.Context, f func(context.Context) error) (bool, error) {
			switch asked++; asked {
			case 1:
				return false, errFull // the database of the lease is away
			case 2, 3:
				return false, nil
			}
			return true, f(ctx)
		}
	})
	x.clock.set(midnight.Add(time.Hour))
	x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	if err := x.store.Suppress(t.Context(), reports.Suppression{Address: "a@two.example", By: byAdmin}); err != nil {
		t.Fatal(err)
	}
	x.Sender.sleep = func(ctx context.Context, d time.Duration) {
		x.clock.sleep(ctx, d)
		switch s := x.Stats(); {
		case asked == 1 && s.Trouble == "", asked == 2 && (s.Trouble != "" || s.Lease || s.Suppressed != 1), asked == 4 && !s.Lease && ctx.Err() == nil:
			t.Errorf("asked %d times: %+v", asked, s)
		case s.Outbox[reports.Queued] == 1, x.clock.Now().After(midnight.Add(2 * time.Hour)):
			cancel()
		}
	}
	x.Run(ctx)
	x.want(map[string]string{"dmarc@example.com": "queued"})
}

// TestInvalid has a report that cannot be made: it is told once, and others are sent.
func TestInvalid(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	bad := counted("two.example", yesterday, reporting.Ordinary, 5, "mailto:a@two.example")
	bad.Record.HeaderFrom = "elsewhere.example" // in no report about two.example
	x.add(bad, counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.run(midnight.Add(20 * time.Minute))
	x.want(map[string]string{"dmarc@example.com": "queued"})
	if n := x.logs.FilterMessage("a report could not be made and is not sent").Len(); n != 1 || x.Stats().NotSent[WhyInvalid] != 1 {
		t.Errorf("told %d times, %v", n, x.Stats().NotSent)
	}
}

// TestClockSetBack has the clock set back by a day, a week and an hour while reports wait.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		x := newSite(t, "", nil)
		x.add(
			counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"),
			counted("two.example", yesterday, reporting.Ordinary, 5, "mailto:a@two.example", "mailto:b@two.example"),
		)
		refused := false
		x.answer = func(*submission.Message) submission.Answer {
			if !refused {
				refused = true
				x.clock.set(x.clock.Now().Add(-by))
				return submission.Answer{Result: submission.Temporary, Stage: submission.Connect}
			}
			return submission.Answer{Result: submission.Accepted, Code: 250}
		}
		for i := 0; i < 200 && len(x.sent) < 3; i++ {
			x.run(x.clock.Now().Add(time.Second))
			x.clock.sleep(t.Context(), time.Hour)
		}
		if len(x.sent) != 3 {
			t.Errorf("%s: %d messages: %v", by, len(x.sent), x.states())
		}
		if r := x.Stats().Reports; r != 2 {
			t.Errorf("%s: %d reports", by, r)
		}
	}
}

// TestTooLate has messages of a week ago, when the service was down.
func TestTooLate(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(counted("example.com", yesterday-7, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
	x.run(midnight.Add(20 * time.Minute))
	if x.Stats().NotSent[WhyTooLate] != 1 || len(x.states()) > 0 {
		t.Errorf("%+v", x.Stats())
	}
}

// TestStop has the work end while the MTA takes a report: its answer is still written.
func TestStop(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(
		counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"),
		counted("two.example", yesterday, reporting.Ordinary, 5, "mailto:a@two.example"),
	)
	x.clock.set(midnight.Add(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	x.answer = func(*submission.Message) submission.Answer {
		cancel()
		time.Sleep(50 * time.Millisecond)
		return submission.Answer{Result: submission.Accepted, Code: 250}
	}
	x.Run(ctx)
	queued := 0
	for _, state := range x.states() {
		if strings.HasPrefix(state, "queued") {
			queued++
		}
	}
	if len(x.sent) != 1 || queued != 1 {
		t.Errorf("%d messages, %v", len(x.sent), x.states())
	}
}

// someKeys are keys of a test.
type someKeys []policy.SigningKey

func (k someKeys) SigningKeys(context.Context, message.Mailbox) ([]policy.SigningKey, error) {
	return k, nil
}

func (someKeys) Published(policy.SigningKey) {}

// TestSigner signs with the keys that the DNS shows, and signs nothing without one.
func TestSigner(t *testing.T) {
	t.Parallel()
	first, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	record := func(kind string, public crypto.PublicKey) string {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		if kind == "ed25519" {
			der = der[len(der)-32:]
		}
		return "v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(der)
	}
	txt := map[string]string{"s2._domainkey.example.org": record("rsa", first.Public()), "e1._domainkey.example.org": record("ed25519", second.Public())}
	var records strings.Builder
	for name, value := range txt {
		records.WriteString(dnstest.TXT(name, value) + "\n")
	}
	_, resolver := dnstest.Start(t, records.String())
	key := func(selector string, signer crypto.Signer) policy.SigningKey {
		return policy.SigningKey{Domain: "example.org", Selector: selector, Signer: signer}
	}
	all := someKeys{key("s1", first), key("s2", first), key("s3", first), key("e1", second)}
	s := testSettings.withDefaults()
	data := Compose(&s, testReport([]byte("x")), testDelivery("a@example.com"))
	for selector, want := range map[string][]string{"": {"rsa", "ed25519"}, "s2": {"rsa"}, "e1": {"ed25519"}, "s1": nil, "other": nil} {
		signed, err := (&Signer{Keys: all, DNS: resolver, Domain: "example.org", Selector: selector}).Sign(t.Context(), data)
		if (err == nil) != (want != nil) || want == nil && !errors.Is(err, ErrNoKey) {
			t.Errorf("%q: %v", selector, err)
			continue
		}
		if want == nil {
			continue
		}
		if !bytes.HasSuffix(signed, data) {
			t.Errorf("%q: the message below the signature differs", selector)
		}
		verified, err := dkim.VerifyWithOptions(bytes.NewReader(signed), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) { return []string{txt[name]}, nil }})
		if err != nil || len(verified) != len(want) {
			t.Errorf("%q: %d signatures, %v", selector, len(verified), err)
		}
		for _, v := range verified {
			if v.Err != nil || v.Domain != "example.org" {
				t.Errorf("%q: %+v", selector, v)
			}
		}
		if more := append([]byte("Subject: Win\r\n"), signed...); want != nil {
			if verified, err := dkim.VerifyWithOptions(bytes.NewReader(more), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) { return []string{txt[name]}, nil }}); err != nil || verified[0].Err == nil {
				t.Errorf("%q: a second Subject passes", selector)
			}
		}
	}
}

// TestFailureReport has a failure report go to those who take it when it is sent: the record,
// and the consent of others, may have changed since it was made.
func TestFailureReport(t *testing.T) {
	t.Parallel()
	x := newSite(t, `
_dmarc.asks.example. TXT "v=DMARC1; p=none; ruf=mailto:f@asks.example,mailto:f@takes.example,mailto:f@silent.example"
asks.example._report._dmarc.takes.example. TXT "v=DMARC1"
`, nil)
	r := &reports.Report{
		ID: reports.NewID(), Kind: reports.Failure, Domain: "asks.example", Begin: midnight, End: midnight, Submitter: "example.org", Created: midnight, Records: 1, Messages: 1,
		Document: []byte("Content-Type: multipart/report\r\n\r\n"),
	}
	if ok, err := x.store.Enqueue(t.Context(), r, midnight, "f@asks.example", "f@takes.example", "f@silent.example", "gone@asks.example"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	x.run(midnight.Add(10 * time.Minute))
	x.want(map[string]string{"f@asks.example": "queued", "f@takes.example": "queued", "f@silent.example": "refused", "gone@asks.example": "withdrawn"})
}

// TestRefusedForUs has our MTA refuse at RCPT for reasons that are not the address: it does
// not like the sender, or does not relay for us and has no status codes, as Exim. No address
// is suppressed for that, and the report goes once it is mended.
func TestRefusedForUs(t *testing.T) {
	t.Parallel()
	for _, refusal := range []submission.Answer{
		{Code: 550, Status: "5.1.8", Text: "<bounce+x@reports.example.org>: Sender address rejected: Domain not found"},
		{Code: 550, Status: "5.1.7", Text: "bad sender"},
		{Code: 550, Text: "relay not permitted"},
		{Code: 550, Text: "Sender verify failed"},
		{Code: 552, Status: "5.3.4", Text: "message too big"},
		{Code: 503, Status: "5.5.1", Text: "need authentication first"},
		{Code: 550, Status: "5.0.0", Text: "no"},
	} {
		refusal.Result, refusal.Stage = submission.Permanent, submission.Recipient
		x := newSite(t, "", nil)
		x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
		x.answer = func(*submission.Message) submission.Answer { return refusal }
		x.run(midnight.Add(16 * time.Minute))
		x.want(map[string]string{"dmarc@example.com": "deferred " + refusal.Text})
		if _, is, err := x.store.Suppression(t.Context(), "dmarc@example.com"); is || err != nil {
			t.Errorf("%s: suppressed, %v", refusal.Text, err)
		}
		x.answer = nil
		x.run(midnight.Add(time.Hour))
		x.want(map[string]string{"dmarc@example.com": "queued"})
	}
	for _, status := range []string{"5.1.1", "5.1.2", "5.1.10", "5.2.1", "5.4.4"} {
		x := newSite(t, "", nil)
		x.add(counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"))
		x.answer = func(*submission.Message) submission.Answer {
			return submission.Answer{Result: submission.Permanent, Stage: submission.Recipient, Code: 550, Status: status, Text: "no"}
		}
		x.run(midnight.Add(16 * time.Minute))
		x.want(map[string]string{"dmarc@example.com": "bounced no"})
	}
}

// TestServerDown has our MTA shut down in the middle of a session, which it says with 421 and
// no more. That is no wish of a destination: all goes on when it is there again.
func TestServerDown(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	x.add(
		counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"),
		counted("two.example", yesterday, reporting.Ordinary, 5, "mailto:a@two.example", "mailto:b@two.example"),
	)
	x.answer = func(*submission.Message) submission.Answer {
		if x.clock.Now().Before(midnight.Add(20 * time.Minute)) {
			return submission.Answer{Result: submission.Temporary, Stage: submission.End, Code: 421, Status: "4.3.2", Text: "service shutting down"}
		}
		return submission.Answer{Result: submission.Accepted, Stage: submission.End, Code: 250}
	}
	x.run(midnight.Add(50 * time.Minute))
	x.want(map[string]string{"dmarc@example.com": "queued", "a@two.example": "queued", "b@two.example": "queued"})
}

// TestClockJumps has the clock jump days ahead for a moment, and back. What waited for its
// destination then goes at its time.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", func(o *Options) { o.Settings.PerDestination = 1 })
	x.add(
		counted("example.com", yesterday, reporting.Ordinary, 5, "mailto:dmarc@example.com"),
		counted("two.example", yesterday, reporting.Ordinary, 5, "mailto:a@two.example", "mailto:b@two.example"),
	)
	x.clock.set(midnight.Add(6 * time.Minute))
	if err := x.closeDays(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.clock.set(midnight.Add(20 * time.Hour)) // all are due; only the first ones go
	for range 3 {
		claimed, err := x.store.Claim(t.Context(), x.clock.Now(), 1, x.clock.Now().Add(x.claim))
		if err != nil || len(claimed) != 1 {
			t.Fatal(len(claimed), err)
		}
		if err := x.deliver(t.Context(), &claimed[0].Delivery, &claimed[0].Report); err != nil {
			t.Fatal(err)
		}
	}
	if len(x.sent) != 2 {
		t.Fatalf("%d messages while the clock was ahead", len(x.sent))
	}
	x.clock.set(midnight.Add(8 * time.Minute))
	x.run(midnight.Add(30 * time.Minute))
	x.want(map[string]string{"dmarc@example.com": "queued", "a@two.example": "queued", "b@two.example": "queued"})
}
