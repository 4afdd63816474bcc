package reportinbox

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/addrlist"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store in memory.
type memory struct {
	lock sync.Mutex
	all  []*reports.Received
	add  func(*reports.Received) error // before a report is kept
}

func (m *memory) AddReceived(_ context.Context, r *reports.Received) (reports.Outcome, error) {
	if m.add != nil {
		if err := m.add(r); err != nil {
			return "", err
		}
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	outcome := reports.Kept
	for _, k := range m.all {
		switch {
		case k.Key == r.Key && k.Content == r.Content:
			k.Copies++
			return reports.Duplicate, nil
		case k.Key == r.Key:
			outcome = reports.Conflicting
		}
	}
	m.all = append(m.all, r)
	return outcome, nil
}

type box struct {
	*Inbox
	t     testing.TB
	store *memory
	logs  *observer.ObservedLogs
}

func openBox(t testing.TB, o Options) *box {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	b := &box{t: t, store: &memory{}, logs: logs}
	if o.Store == nil {
		o.Store = b.store
	}
	o.Logger = zap.New(core)
	if o.Retries == nil {
		o.Retries = []time.Duration{}
	}
	b.Inbox = New(o)
	b.SetAddresses(addrlist.NewMailboxes("dmarc@example.net"))
	t.Cleanup(b.end)
	return b
}

// end reads all that waits.
func (b *box) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.Close(ctx)
	if s := b.Stats(); s.Octets != 0 || s.Waiting != 0 {
		b.t.Errorf("at the end %d octets, %d messages", s.Octets, s.Waiting)
	}
}

// bring brings a message, in pieces.
func (b *box) bring(text, result string) *Message {
	b.t.Helper()
	m := b.Copy("<dmarc@example.net>")
	if m == nil {
		b.t.Fatal("no copy")
	}
	for rest := text; len(rest) > 0; {
		n := min(len(rest), 7001)
		if got, err := m.Write([]byte(rest[:n])); got != n || err != nil {
			b.t.Fatalf("Write: %d, %v", got, err)
		}
		rest = rest[n:]
	}
	b.Add(m, Arrival{Queue: "4Q", At: time.Unix(1795824000, 0), Author: "reporter.example", Result: result})
	return m
}

func xml(id string, counts ...int) string {
	var b strings.Builder
	b.WriteString(`<feedback><report_metadata><org_name>r</org_name><email>e@r.example</email><report_id>` + id + `</report_id><date_range><begin>1795737600</begin><end>1795823999</end></date_range></report_metadata><policy_published><domain>example.net</domain><p>none</p></policy_published>`)
	for _, n := range counts {
		fmt.Fprintf(&b, `<record><row><source_ip>192.0.2.1</source_ip><count>%d</count></row></record>`, n)
	}
	return b.String() + "</feedback>"
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

// mail is a message with an attachment of some type and encoding.
func mail(kind, encoding, body string) string {
	if encoding == "base64" {
		body = base64.StdEncoding.EncodeToString([]byte(body))
		var lines []string
		for ; len(body) > 76; body = body[76:] {
			lines = append(lines, body[:76])
		}
		body = strings.Join(append(lines, body), "\r\n")
	}
	return "From: Reports <noreply@reporter.example>\r\nSubject: Report Domain: example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: " + kind + "\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + body + "\r\n--b--\r\n"
}

const tls = `{"organization-name":"R","date-range":{"start-datetime":"2026-11-28T00:00:00Z","end-datetime":"2026-11-28T23:59:59Z"},"contact-info":"x@r.example","report-id":"t1","policies":[{"policy":{"policy-type":"sts","policy-domain":"example.net"},"summary":{"total-successful-session-count":5,"total-failure-session-count":2}}]}`

const failure = "From: r@reporter.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\nVersion: 1\r\nUser-Agent: x\r\nAuth-Failure: dmarc\r\nReported-Domain: example.net\r\n\r\n--b--\r\n"

func TestReportsAreKept(t *testing.T) {
	t.Parallel()
	b := openBox(t, Options{})
	gz := mail("application/gzip", "base64", zipped(t, xml("a", 3, 4)))
	for _, text := range []string{gz, gz, mail("application/gzip", "base64", zipped(t, xml("a", 3, 5))), mail("application/tlsrpt+json", "7bit", tls), failure, "From: spam@evil.example\r\nSubject: buy\r\n\r\nnow\r\n"} {
		b.bring(text, "pass")
	}
	b.end()
	want := map[Counted]uint64{
		{Aggregate, Kept}: 1, {Aggregate, Duplicate}: 1, {Aggregate, Conflicting}: 1, {TLS, Kept}: 1, {Failure, Kept}: 1, {Unknown, Unreadable}: 1,
	}
	if diff := cmp.Diff(want, b.Stats().Counts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	first := b.store.all[0]
	if first.Messages != 7 || first.Author != "reporter.example" || first.Result != "pass" || first.Place != "4Q" || !first.Trusted() || first.From != "Reports <noreply@reporter.example>" {
		t.Errorf("%+v", first)
	}
	if n := b.logs.FilterMessage("report received").Len(); n != 5 {
		t.Errorf("%d lines of the log", n)
	}
}

func TestOnlyTheInboxIsCopied(t *testing.T) {
	t.Parallel()
	b := openBox(t, Options{})
	if b.Copy("<ann@example.net>") != nil || b.Copy("") != nil {
		t.Error("other mail is copied")
	}
	b.SetAddresses(nil)
	if b.Copy("<dmarc@example.net>") != nil {
		t.Error("mail is copied without an address")
	}
}

func TestBoundsOfCopies(t *testing.T) {
	t.Parallel()
	b := openBox(t, Options{MaxMessage: 100_000, MaxMemory: 300_000})
	b.bring(strings.Repeat("x", 100_001), "pass")
	if s := b.Stats(); s.Octets != 0 || s.Counts[Counted{Unknown, TooLarge}] != 1 {
		t.Errorf("a large message: %+v", s)
	}
	var open []*Message
	for range 10 {
		m := b.Copy("dmarc@example.net")
		_, _ = m.Write(make([]byte, 90_000))
		open = append(open, m)
	}
	if s := b.Stats(); s.Octets > 300_000 || s.Octets < 200_000 {
		t.Errorf("%d octets", s.Octets)
	}
	for _, m := range open {
		m.Drop()
		m.Drop()
		_, _ = m.Write([]byte("more"))
		b.Add(m, Arrival{})
	}
	if s := b.Stats(); s.Octets != 0 || len(s.Counts) != 1 {
		t.Errorf("dropped copies: %+v", s)
	}
	m := b.bring(xml("a", 1), "pass")
	m.Drop() // the inbox has it
	b.end()
	if s := b.Stats(); s.Counts[Counted{Aggregate, Kept}] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	hold, held := make(chan bool), make(chan bool, 100)
	s := &memory{add: func(*reports.Received) error { held <- true; <-hold; return nil }}
	b := openBox(t, Options{Store: s, MaxQueue: 3})
	b.bring(xml("first", 1), "pass")
	<-held
	for i := range 10 {
		b.bring(xml(fmt.Sprint(i), 1), "pass")
	}
	if n := b.Stats().Counts[Counted{Unknown, Overload}]; n != 7 {
		t.Errorf("%d of 10 were lost, want 7", n)
	}
	close(hold)
	b.end()
	if n := b.Stats().Counts[Counted{Aggregate, Kept}]; n != 4 {
		t.Errorf("%d were kept, want 4", n)
	}
	b.bring(xml("late", 1), "pass")
	if n := b.Stats().Counts[Counted{Unknown, Overload}]; n != 8 {
		t.Errorf("%d were lost, want 8", n)
	}
}

func TestStoreThatFails(t *testing.T) {
	t.Parallel()
	tries := 0
	s := &memory{add: func(r *reports.Received) error {
		if tries++; r.ReportID == "dead" || tries == 1 {
			return errors.New("locked")
		}
		return nil
	}}
	b := openBox(t, Options{Store: s, Retries: []time.Duration{1, 1}})
	b.bring(xml("late", 1), "pass")
	b.bring(xml("dead", 1), "pass")
	b.bring(xml("well", 1), "pass")
	b.end()
	if diff := cmp.Diff(map[Counted]uint64{{Aggregate, Kept}: 2, {Aggregate, Failed}: 1}, b.Stats().Counts); diff != "" || tries != 6 {
		t.Errorf("%d tries; -want +got:\n%s", tries, diff)
	}
}

// A fault of Postvet costs one message.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := &memory{add: func(r *reports.Received) error {
		if r.ReportID == "a" {
			panic("injected \x1b[31m")
		}
		return nil
	}}
	b := openBox(t, Options{Store: s})
	b.bring(xml("a", 1), "pass")
	b.bring(xml("b", 1), "pass")
	b.end()
	if diff := cmp.Diff(map[Counted]uint64{{Unknown, Panicked}: 1, {Aggregate, Kept}: 1}, b.Stats().Counts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if l := b.logs.FilterMessage("panic while a report was read").All(); len(l) != 1 || strings.Contains(fmt.Sprint(l[0].ContextMap()["panic"]), "\x1b") {
		t.Errorf("%v", l)
	}
}

type bounces struct{ got, err string }

func (b *bounces) IsBounce(to string) bool { return strings.HasPrefix(to, "bounce+") }

func (b *bounces) Bounce(_ context.Context, to string, r io.Reader) error {
	text, err := io.ReadAll(r)
	b.got += to + " " + string(text) + "\n"
	if b.err != "" {
		return errors.New(b.err)
	}
	return err
}

func TestBounces(t *testing.T) {
	t.Parallel()
	b := openBox(t, Options{})
	if b.Copy("bounce+x@example.net") != nil {
		t.Fatal("a bounce is copied that nobody reads")
	}
	x := &bounces{}
	b.SetBounces(x)
	m := b.Copy("bounce+x@example.net")
	_, _ = m.Write([]byte("text"))
	b.Add(m, Arrival{})
	b.end()
	if x.got != "bounce+x@example.net text\n" || b.Stats().Counts[Counted{Bounce, Kept}] != 1 {
		t.Errorf("%q, %+v", x.got, b.Stats())
	}
}

// Bombs and lies cost bounded time and memory, and are told.
func TestHostileMail(t *testing.T) {
	t.Parallel()
	zeros := zipped(t, strings.Repeat("\x00", 100<<20))
	spaces := zipped(t, "<feedback>"+strings.Repeat(" ", 100<<20))
	nested := xml("deep", 1)
	for range 5 {
		nested = zipped(t, nested)
	}
	var lying bytes.Buffer
	z := zip.NewWriter(&lying)
	f, err := z.CreateRaw(&zip.FileHeader{Name: "r.xml", Method: zip.Store, UncompressedSize64: 1 << 60, CompressedSize64: 5})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte("<feed"))
	_ = z.Close()
	many := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: application/gzip\r\n\r\nx\r\n", 500) + "--b--\r\n"
	texts := map[string]string{
		"zeros": mail("application/gzip", "base64", zeros), "spaces": mail("application/gzip", "base64", spaces),
		"nested": mail("application/gzip", "base64", nested), "zip": mail("application/zip", "base64", lying.String()),
		"parts": many, "encoding": mail("text/xml", "base64", "\xff\xfe<feedback"), "lying encoding": mail("text/xml", "7bit", "<?xml version=\"1.0\" encoding=\"utf-16\"?><feedback>\x80\x81</feedback>"),
		"doctype": mail("text/xml", "7bit", `<!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><feedback>&b;</feedback>`),
		"nothing": "", "no header": "\r\n\r\n", "binary": strings.Repeat("\x00\xff", 5000),
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openBox(t, Options{})
			began := time.Now()
			b.bring(text, "fail")
			b.end()
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			var n uint64
			for c, k := range b.Stats().Counts {
				if n += k; c.Result == Panicked || c.Result == Overload {
					t.Errorf("%d %v", k, c)
				}
			}
			if n == 0 {
				t.Error("nobody hears of it")
			}
		})
	}
}

// Many connections copy at one time.
func TestConcurrentCopies(t *testing.T) {
	t.Parallel()
	b := openBox(t, Options{MaxMemory: 1 << 20})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 20 {
				m := b.Copy("dmarc@example.net")
				_, _ = m.Write([]byte(xml(fmt.Sprintf("%d-%d", i, n), 1)))
				if n%5 == 0 {
					m.Drop()
				}
				b.Add(m, Arrival{})
				b.Stats()
			}
		})
	}
	group.Wait()
	b.end()
	var all uint64
	for _, n := range b.Stats().Counts {
		all += n
	}
	if all != 8*16 {
		t.Errorf("%d messages, want %d: %v", all, 8*16, b.Stats().Counts)
	}
}

func FuzzMail(f *testing.F) {
	for _, s := range []string{xml("a", 1), tls, failure, mail("application/gzip", "base64", "\x1f\x8b"), "A: b\r\n\r\n"} {
		f.Add([]byte(s))
	}
	b := New(Options{Store: &memory{}, Retries: []time.Duration{}})
	f.Cleanup(func() { b.Close(context.Background()) })
	b.SetAddresses(addrlist.NewMailboxes("dmarc@example.net"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := b.Copy("dmarc@example.net")
		_, _ = m.Write(text)
		before := b.Stats().Counts
		b.read(t.Context(), m, Arrival{})
		m.Drop()
		var was, is uint64
		for _, n := range before {
			was += n
		}
		for c, n := range b.Stats().Counts {
			if is += n; c.Result == Panicked {
				t.Fatal("a panic")
			}
		}
		if is == was {
			t.Error("nobody hears of it")
		}
	})
}
