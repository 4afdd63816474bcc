package reportsending

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	mathrand "math/rand/v2"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// The environment of the child process of TestKill and TestFleetKill.
const (
	killFile   = "POSTVET_TEST_REPORTS_FILE"
	killDSN    = "POSTVET_TEST_REPORTS_DSN"
	killMTA    = "POSTVET_TEST_REPORTS_MTA"
	killNode   = "POSTVET_TEST_REPORTS_NODE"
	killOffset = "POSTVET_TEST_REPORTS_OFFSET" // of the clock, in seconds
	killEpoch  = "POSTVET_TEST_REPORTS_EPOCH"  // since when a common clock runs fast, in Unix milliseconds
	killRuns   = "POSTVET_TEST_KILLS"          // how often to kill; default 200
)

// everyDomain answers for all domains of the test: each wants reports at two addresses.
type everyDomain struct{}

func (everyDomain) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	domain, ok := strings.CutPrefix(name, "_dmarc.")
	if !ok || t != dnscache.TXT || strings.Count(domain, ".") != 1 {
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	}
	return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{"v=DMARC1; p=none; rua=mailto:a@" + domain + ",mailto:b@" + domain}}
}

// TestKillChild is the process that is killed. It makes reports and sends them, and writes a
// line after each step.
func TestKillChild(t *testing.T) {
	mta := os.Getenv(killMTA)
	if mta == "" {
		t.Skip("only other tests run it")
	}
	offset, err := strconv.Atoi(os.Getenv(killOffset))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	now := func() time.Time { return midnight.Add(time.Duration(offset)*time.Second + time.Since(began)) }
	if epoch, err := strconv.ParseInt(os.Getenv(killEpoch), 10, 64); err == nil {
		now = func() time.Time { return midnight.Add(10*time.Minute + 10*time.Since(time.UnixMilli(epoch))) }
	}
	store, err := reportstore.Open(t.Context(), reportstore.Options{File: os.Getenv(killFile), DSN: os.Getenv(killDSN), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	client, err := submission.New(submission.Options{Address: mta, Hello: "mx.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Store: store, Settings: testSettings, DNS: everyDomain{}, Submit: client.Submit, Now: now, Node: os.Getenv(killNode), Generator: "Postvet test",
		// As a signature, it is another one each time.
		Sign: func(_ context.Context, data []byte) ([]byte, error) {
			return append([]byte("DKIM-Signature: "+rand.Text()+"\r\n"), data...), nil
		},
	}
	if os.Getenv("POSTVET_TEST_REPORTS_LOG") != "" {
		o.Log, _ = zap.NewDevelopment()
	}
	o.Settings.Window, o.Settings.Rate, o.Settings.MaxPerDay = time.Second, 60000, 1e6
	if dsn := os.Getenv(killDSN); dsn != "" {
		leases := &postgres.Leases{Database: &postgres.Database{DSN: dsn}, Holder: postgres.NewHolder(o.Node)}
		o.Exclusive = func(ctx context.Context, f func(context.Context) error) (bool, error) {
			return leases.Do(ctx, "reports", func(ctx context.Context, _ postgres.Lease) error { return f(ctx) })
		}
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.claim = 20 * time.Second
	s.sleep = func(ctx context.Context, d time.Duration) { sleep(ctx, min(d, 20*time.Millisecond)) }
	fmt.Println("ready")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			c, err := store.Counts(ctx)
			if err != nil {
				continue
			}
			left := c.Subjects[reportstore.SubjectOpen] + c.Subjects[reportstore.SubjectClosed] + c.Deliveries[reports.New] + c.Deliveries[reports.Sending] + c.Deliveries[reports.Deferred]
			fmt.Println("left", left)
			if left == 0 {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	s.Run(ctx)
}

// killSite is what the processes that are killed work on.
type killSite struct {
	tb      testing.TB
	env     []string
	server  *submissiontest.Server
	domains int
	offset  int // of the clock of the next process, in seconds
	random  *mathrand.Rand
}

// newKillSite counts mail of some hundred domains.
func newKillSite(tb testing.TB, store *reportstore.Store, domains int, env ...string) *killSite {
	tb.Helper()
	k := &killSite{tb: tb, server: &submissiontest.Server{}, domains: domains, offset: 600, random: mathrand.New(mathrand.NewPCG(1, 2))}
	// Between a message that is taken and the answer that says so, most can go wrong.
	k.server.Taken = func(*submissiontest.Message) { time.Sleep(time.Duration(mathrand.IntN(4000)) * time.Microsecond) }
	k.env = append(env, killMTA+"="+k.server.Start(tb))
	var all []reports.Counted
	for i := range domains {
		for j := range 1 + i%3 {
			c := counted(killDomain(i), yesterday, reporting.Ordinary, int64(1+i*7+j), "mailto:a@"+killDomain(i), "mailto:b@"+killDomain(i))
			c.Record.SPF = []report.SPF{{Domain: fmt.Sprintf("s%d.example", j), Scope: "mfrom", Result: "pass"}}
			all = append(all, c)
		}
	}
	if _, err := store.Add(tb.Context(), all); err != nil {
		tb.Fatal(err)
	}
	return k
}

func killDomain(i int) string { return fmt.Sprintf("d%d.example", i) }

// killProcess is a process that is to be killed.
type killProcess struct {
	cmd   *exec.Cmd
	ready chan struct{}
	done  chan struct{} // nothing is left to do, or the process has ended
	ended chan struct{}
	idle  bool // nothing was left to do; valid when it has ended
}

// start starts a process whose clock is later than that of those before.
func (k *killSite) start(node string) *killProcess {
	k.tb.Helper()
	k.offset += 30
	p := &killProcess{ready: make(chan struct{}), done: make(chan struct{}), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(k.tb.Context(), os.Args[0], "-test.run=^TestKillChild$", "-test.timeout=6m")
	p.cmd.Env = append(os.Environ(), append(k.env, killNode+"="+node, killOffset+"="+strconv.Itoa(k.offset))...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		k.tb.Fatal(err)
	}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		k.tb.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		var ready, done sync.Once
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			switch line := lines.Text(); {
			case line == "ready":
				ready.Do(func() { close(p.ready) })
			case line == "left 0":
				p.idle = true
				done.Do(func() { close(p.done) })
			case strings.HasPrefix(line, "left "):
			default:
				fmt.Fprintln(os.Stderr, line)
			}
		}
		ready.Do(func() { close(p.ready) })
		done.Do(func() { close(p.done) })
		_ = p.cmd.Wait()
	}()
	k.tb.Cleanup(p.kill)
	return p
}

func (p *killProcess) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// check compares what the MTA has with what was counted: each address has the report of its
// domain, with all messages, and whatever it has twice is the same.
func (k *killSite) check() {
	k.tb.Helper()
	type content struct {
		sum  [32]byte
		from string
		id   string
	}
	by := map[string]content{}
	ids := map[string]string{} // of reports, by domain
	twice := 0
	var messages int64
	for _, m := range k.server.Messages() {
		parsed, err := mail.ReadMessage(bytes.NewReader(m.Data))
		if err != nil {
			k.tb.Fatal(err)
		}
		c := content{sha256.Sum256(m.Data), m.From, parsed.Header.Get("Message-ID")}
		if before, has := by[m.To]; has {
			twice++
			if before != c {
				k.tb.Errorf("%s got two different messages: %+v and %+v", m.To, before, c)
			}
			continue
		}
		by[m.To] = c
		domain := domainOf(m.To)
		if id, has := ids[domain]; has && id != m.ID {
			k.tb.Errorf("%s got the reports %s and %s", domain, id, m.ID)
		}
		ids[domain] = m.ID
		v, err := report.Check(documentOf(k.tb, m.Data))
		if err != nil || !v.Valid() {
			k.tb.Errorf("%s got an invalid report: %v %+v", m.To, err, v.Problems)
		}
		if strings.HasPrefix(m.To, "a@") {
			messages += v.Messages
		}
	}
	var want int64
	for i := range k.domains {
		for j := range 1 + i%3 {
			want += int64(1 + i*7 + j)
		}
		for _, local := range []string{"a@", "b@"} {
			if _, has := by[local+killDomain(i)]; !has {
				k.tb.Errorf("%s%s got no report", local, killDomain(i))
			}
		}
	}
	if len(by) != 2*k.domains || messages != want {
		k.tb.Errorf("%d addresses got reports about %d messages, want %d and %d", len(by), messages, 2*k.domains, want)
	}
	k.tb.Logf("%d messages, %d of them a second time", len(by)+twice, twice)
}

// kills and fleetKills are how often processes are killed. With the race detector they start
// slowly, so there it is less often; "make unit" runs all of it without.
var kills, fleetKills = 200, 40

// TestKill kills the process that sends reports 200 times: nothing is lost, and nothing
// comes twice with other octets or another identifier.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 200 processes")
	}
	runs := kills
	if n, err := strconv.Atoi(os.Getenv(killRuns)); err == nil {
		runs = n
	}
	file := filepath.Join(t.TempDir(), "reports.db")
	store, err := reportstore.Open(t.Context(), reportstore.Options{File: file, Now: func() time.Time { return midnight }})
	if err != nil {
		t.Fatal(err)
	}
	k := newKillSite(t, store, 5*runs, killFile+"="+file)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	working := 0
	for range runs {
		p := k.start("mx1")
		<-p.ready
		time.Sleep(time.Duration(k.random.IntN(40)) * time.Millisecond)
		p.kill()
		if !p.idle {
			working++
		}
	}
	if t.Logf("%d of %d processes were killed at work", working, runs); working < runs/2 {
		t.Error("too few processes were killed at work to prove anything")
	}
	p := k.start("mx1")
	<-p.done
	p.kill()
	k.check()
}
