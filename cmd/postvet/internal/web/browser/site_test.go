package browser

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message/textproto"
	"github.com/emersion/go-milter"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// patience bounds each wait of these tests.
const patience = 3 * time.Minute

// base is where the proxy shows the pages.
const base = "/postvet"

const zone = `
example. SOA ns.example. hostmaster.example. 1 3600 600 86400 60
good.example. TXT "v=spf1 ip4:192.0.2.10 -all"
_dmarc.good.example. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@good.example"
example.net. TXT "v=spf1 ip4:192.0.2.21 -all"
_dmarc.example.net. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.net"
good.example. MX 10 mx.good.example.
mx.good.example. A 192.0.2.10
10.2.0.192.in-addr.arpa. PTR mx.good.example.
shop.example. TXT "v=spf1 ip4:192.0.2.20 ~all"
_dmarc.shop.example. TXT "v=DMARC1; p=quarantine"
broken.example. TXT "v=spf1 include:nowhere.example ip4:300.1.1.1 -all"
_dmarc.broken.example. TXT "v=DMARC1; p=none"
xn--bcher-kva.example. TXT "v=spf1 ip4:192.0.2.30 -all"
_dmarc.xn--bcher-kva.example. TXT "v=DMARC1; p=reject"
$FAULT slow.example TXT SERVFAIL
$FAULT _dmarc.slow.example TXT SERVFAIL
`

// site is a service with a web page behind a proxy.
type site struct {
	url    string // of the pages, without a slash at its end
	milter string // path of the milter's socket
	dir    string
	log    *syncBuffer
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// startSite starts a service whose journal has two weeks of mail, and plays messages to it.
// more are lines of the section [web]. Without them everybody is an admin.
func startSite(t *testing.T, more ...string) *site {
	t.Helper()
	dir := shortDir(t)
	dns, err := dnstest.NewServer(zone + newKey(t, filepath.Join(dir, "keys"), "s2026"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	writeJournal(t, filepath.Join(dir, "journal"), recordHistory)
	writeReports(t, filepath.Join(dir, "journal"))
	s := startService(t, dir, siteText(dns.Addr()), more...)
	s.play(t)
	return s
}

// siteText returns the configuration of a service with all that there is to see.
func siteText(resolver string) string {
	return `
[dns]
resolvers = ["` + resolver + `"]
[policy]
own_domains = ["example.net"]
[journal]
directory = "DIR/journal"
privacy = "addresses"
min_free = 0
[sign]
keys = "DIR/keys"
state = "DIR/keys.json"
[report]
inbox = ["dmarc@example.net"]
`
}

// shortDir returns a new folder whose path is short enough for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// startService starts a service in a folder, which is DIR in its configuration, with a web page
// behind a proxy. more are lines of the section [web].
func startService(t *testing.T, dir, text string, more ...string) *site {
	t.Helper()
	s := &site{milter: filepath.Join(dir, "s"), dir: dir, log: &syncBuffer{}}
	text = strings.NewReplacer("DIR", dir, "BASE", base).Replace(`
listen = ["unix:DIR/s"]
authserv_id = "mx1.example.net"
[control]
socket = "DIR/c"
`+text+`
[web]
listen = "unix:DIR/w"
base = "BASE"
`) + strings.Join(more, "\n")
	file := filepath.Join(dir, "postvet.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func() (*config.Config, error) { return config.Load(file) }
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- service.Run(ctx, c, service.Options{Load: load, File: file, Signals: make(chan os.Signal), Out: &syncBuffer{}, Log: s.log, Build: "postvet test", Version: "1.0"})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the service ended: %v", err)
			}
		case <-time.After(patience):
			t.Error("the service does not end")
		}
	})
	s.await(t, ended)
	s.url = s.proxy(t)
	return s
}

// await waits until the service listens.
func (s *site) await(t *testing.T, ended chan error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if strings.Contains(s.log.String(), `"msg":"serving"`) {
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("the service ended: %v\n%s", err, s.log)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("the service does not listen\n%s", s.log)
		}
	}
}

// proxy serves the pages on loopback as an administrator's web server does.
func (s *site) proxy(t *testing.T) string {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(s.dir, "w"))
	}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "postvet"
			r.Out.Host = r.In.Host
		},
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
		FlushInterval: -1,
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return server.URL + base
}

// letter is a message that is played to the service.
type letter struct{ ip, helo, from, author, subject string }

// letters are the messages of today. Some are as hostile as their senders can make them.
func letters() []letter {
	return []letter{
		{"192.0.2.10", "mx.good.example", "ann@good.example", "Ann <ann@good.example>", "The figures of November"},
		{"192.0.2.66", "evil.example", "x@evil.example", "Ann <ann@good.example>", "Invoice"},
		{"192.0.2.66", "evil.example", "x@evil.example", "Shop <order@shop.example>", "Your order"},
		{"192.0.2.20", "mx.shop.example", "order@shop.example", "Shop <order@shop.example>", "Your order"},
		{"192.0.2.40", "mx.broken.example", "a@broken.example", "A <a@broken.example>", "Hello"},
		{"192.0.2.50", "mx.slow.example", "a@slow.example", "A <a@slow.example>", "Hello"},
		{"192.0.2.31", "mx.other.example", "info@xn--bcher-kva.example", "B\u00fccher <info@xn--bcher-kva.example>", "B\u00fccher"},
		{"192.0.2.66", "<script>alert(1)</script>", "\"<img src=x onerror=alert(1)>\"@evil.example", "\"<b>Ann</b> \u202egnp.exe\" <ann@good.example>", "<svg onload=alert(1)>"},
		{"192.0.2.66", "evil.example\x1b[31m", "x@" + strings.Repeat("a", 60) + ".example", "x@" + strings.Repeat("long-", 10) + "name.example", strings.Repeat("W", 500)},
		{"2001:db8::66", "[IPv6:2001:db8::66]", "", "MAILER-DAEMON", "Undelivered mail"},
	}
}

// play hands the letters to the service, and waits for the journal to have them.
func (s *site) play(t *testing.T) {
	t.Helper()
	for i, l := range letters() {
		s.send(t, l, fmt.Sprintf("4XkZ1t2q3n%04d", i))
	}
}

// send hands one letter to the service, as an MTA does. more are fields above the others.
func (s *site) send(t *testing.T, l letter, queue string, more ...[2]string) {
	t.Helper()
	client := milter.NewClientWithOptions("unix", s.milter, milter.ClientOptions{
		ActionMask:  milter.OptAddHeader | milter.OptChangeHeader | milter.OptQuarantine | milter.OptAddRcpt | milter.OptRemoveRcpt,
		ReadTimeout: patience, WriteTimeout: patience,
	})
	defer client.Close()
	m, err := client.Session()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	family := milter.FamilyInet
	if strings.Contains(l.ip, ":") {
		family = milter.FamilyInet6
	}
	var h textproto.Header
	for _, f := range append([][2]string{{"Subject", l.subject}, {"Message-ID", "<" + queue + "@" + "good.example>"}, {"Date", "Sun, 29 Nov 2026 12:00:00 +0000"}, {"To", "user@example.net"}, {"From", l.author}}, more...) {
		h.Add(f[0], f[1])
	}
	for _, step := range []func() (*milter.Action, error){
		func() (*milter.Action, error) { return m.Conn("client.example", family, 25, l.ip) },
		func() (*milter.Action, error) { return m.Helo(l.helo) },
		func() (*milter.Action, error) { return m.Mail(l.from, nil) },
		func() (*milter.Action, error) {
			_ = m.Macros(milter.CodeRcpt, "i", queue)
			return m.Rcpt("user@example.net", nil)
		},
		func() (*milter.Action, error) { return m.Header(h) },
	} {
		a, err := step()
		if err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		if a.Code != milter.ActContinue {
			return
		}
	}
	if _, _, err := m.BodyReadFrom(strings.NewReader("Hello\r\n")); err != nil {
		t.Fatalf("%q: %v", l, err)
	}
}

// senders are the domains of the history, and how often their mail fails.
var senders = []struct {
	domain string
	share  int // of all mail
	fails  float64
}{
	{"good.example", 30, 0.02},
	{"shop.example", 20, 0.10},
	{"news.example", 20, 0},
	{"xn--bcher-kva.example", 8, 0.4},
	{"bank.example", 6, 0.7},
	{"example.net", 6, 0.15},
	{"list.example", 10, 0.01},
}

// writeJournal writes what fill records into a journal.
func writeJournal(t *testing.T, dir string, fill func(*journal.Recorder)) {
	t.Helper()
	store, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	recorder := journal.NewRecorder(journal.Options{Level: rows.Addresses, Store: store, Every: time.Hour, Memory: 64 << 20})
	fill(recorder)
	recorder.Close(context.Background())
	if got := recorder.Stats(); got.Failing != "" || got.Dropped != [rows.Classes]int64{} {
		t.Fatalf("the journal is not written: %+v", got)
	}
}

// recordHistory records two weeks of mail.
func recordHistory(recorder *journal.Recorder) {
	random := rand.New(rand.NewPCG(1, 2))
	var refs result.References
	var policyRules rules.Rules
	now, hour := time.Now(), time.Time{}
	for at := now.Add(-14 * 24 * time.Hour); at.Before(now.Add(-10 * time.Minute)); at = at.Add(time.Duration(2+random.IntN(16)) * time.Minute) {
		if h := counts.HourOf(at); h != hour { // an hour is counted before the next one begins
			recorder.Flush(context.Background())
			hour = h
		}
		if random.IntN(25) == 0 {
			recorder.Add(forwarded(&refs, &policyRules, at, random))
			continue
		}
		n := random.IntN(100)
		for _, s := range senders {
			if n -= s.share; n < 0 {
				recorder.Add(pastRow(&refs, &policyRules, at, s.domain, random.Float64() < s.fails, random))
				break
			}
		}
	}
}

func pastRow(refs *result.References, policyRules *rules.Rules, at time.Time, domain string, fails bool, random *rand.Rand) *rows.Row {
	helo, ip := "mx1."+domain, fmt.Sprintf("192.0.2.%d", 10+len(domain))
	res := &result.Results{
		Reference: refs.Next(at), Arrived: at,
		Client:     result.ClientResult{IP: ip, Helo: helo, PTR: helo, Listener: "smtpd", TLS: "TLSv1.3"},
		IPRev:      iprev.Result{Status: "pass", Name: helo},
		SPF:        []spf.Result{{Identity: spf.MailFrom, Domain: domain, Status: "pass", Mechanism: "ip4:" + ip, Lookups: 1}},
		DKIM:       []dkim.Result{{Domain: domain, Selector: "s2026", Algorithm: "rsa-sha256", Status: "pass", KeyBits: 2048, Identity: "@" + domain, BodyLength: -1}},
		DMARC:      dmarc.Result{Status: "pass", AuthorDomain: domain, OrganizationalDomain: domain, RecordDomain: domain, Policy: "reject", PolicyTag: "p", ADKIM: "r", ASPF: "r", Disposition: "none", SPFAligned: true, DKIMAligned: true, Reason: "SPF passed for " + domain},
		MailFrom:   "ann@" + domain,
		Author:     message.Author{Domain: domain, Mailboxes: []message.Mailbox{{Local: "ann", Domain: domain}}},
		Recipients: []string{"user@example.net"}, Size: 10_000 + int64(random.IntN(50_000)),
		DNS: result.DNSCost{Lookups: 9, WaitMS: 1.5},
	}
	if fails {
		res.Client.IP, res.Client.Helo, res.Client.PTR = fmt.Sprintf("203.0.113.%d", random.IntN(250)), "host.unknown.example", ""
		res.IPRev = iprev.Result{Status: "fail"}
		res.DKIM = nil
		res.SPF[0].Status, res.SPF[0].Mechanism, res.SPF[0].Reason = "fail", "-all", "the client is not listed"
		res.DMARC.Status, res.DMARC.Disposition, res.DMARC.SPFAligned, res.DMARC.DKIMAligned, res.DMARC.Reason = "fail", "reject", false, false, "SPF did not pass (fail for "+domain+"); no DKIM signature"
	}
	v := policyRules.Decide(res)
	return &rows.Row{
		Ref: res.Reference, Queue: fmt.Sprintf("4X%012x", random.Uint64N(1<<48)), MessageID: fmt.Sprintf("<%016x@%s>", random.Uint64(), domain),
		Recipients: 1, Took: 1500 * time.Microsecond, Generation: 7, Results: res, Verdict: &v,
	}
}
