package filter

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake stands for package policy. It records each call as a line, and does what a
// test orders. The zero value accepts everything.
type fake struct {
	name string

	mu   sync.Mutex
	said []string

	on      func(step string) // called at each step, may panic
	finish  func(ctx context.Context) *result.Results
	seal    func(*result.Results, *result.Verdict)
	verdict result.Verdict
	body    int64
	room    int // octets of header; 0 is no limit
	quiet   bool
}

func (f *fake) say(format string, args ...any) {
	if f.quiet {
		return
	}
	s := f.name + fmt.Sprintf(format, args...)
	f.mu.Lock()
	f.said = append(f.said, s)
	f.mu.Unlock()
	if f.on != nil {
		f.on(s)
	}
}

// heard returns what was said so far.
func (f *fake) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.said...)
}

// has reports whether a line was said that contains s.
func (f *fake) has(s string) bool {
	for _, l := range f.heard() {
		if strings.Contains(l, s) {
			return true
		}
	}
	return false
}

func (f *fake) handler() *handler {
	return &handler{checker: f, unheld: rules.Rules{}.Decide, decide: func(r *result.Results) result.Verdict {
		f.say("decide oversize=%q faults=%d", r.Oversize, len(r.Faults))
		v := f.verdict
		if v.Action == "" {
			v.Action = result.Accept
		}
		return v
	}}
}

func (f *fake) Connect(ctx context.Context, c message.Client) checkerConn {
	ip := "-"
	if c.IP.IsValid() {
		ip = c.IP.String()
	}
	f.say("connect %s %s %d local=%v %s", ip, c.Name, c.Port, c.Local, c.Listener)
	return &fakeConn{f, ctx}
}

type fakeConn struct {
	*fake
	ctx context.Context
}

func (c *fakeConn) Helo(name string) { c.say("helo %s", name) }

func (c *fakeConn) Close() {
	if err := c.ctx.Err(); err != nil {
		c.say("bye, %v", err)
		return
	}
	c.say("bye")
}

func (c *fakeConn) Message(s message.Sender) checkerMessage {
	c.say("mail <%s> user=%s tls=%s", s.Path, s.User, s.TLS)
	return &fakeMessage{c}
}

type fakeMessage struct{ *fakeConn }

func (m *fakeMessage) Recipient(a string) { m.say("rcpt <%s>", a) }
func (m *fakeMessage) EndOfHeader()       { m.say("eoh") }
func (m *fakeMessage) Close()             { m.say("close") }

func (m *fakeMessage) HeaderRoom() int {
	if m.room > 0 {
		return m.room
	}
	return 8 << 20
}

func (m *fakeMessage) TruncatedField(f message.Field) { m.say("truncated field %q", f.Raw) }

func (m *fakeMessage) Field(f message.Field) {
	if !m.quiet {
		m.say("field %q", f.Raw)
	}
}

func (m *fakeMessage) Write(p []byte) (int, error) {
	m.mu.Lock()
	m.body += int64(len(p))
	m.mu.Unlock()
	if m.on != nil {
		m.on("body")
	}
	return len(p), nil
}

func (m *fakeMessage) Early(context.Context) *result.Results {
	if m.on != nil {
		m.on("early")
	}
	return &result.Results{}
}

func (m *fakeMessage) Finish(ctx context.Context) *result.Results {
	m.say("finish")
	if m.fake.finish != nil {
		return m.fake.finish(ctx)
	}
	return &result.Results{}
}

func (m *fakeMessage) Seal(_ context.Context, r *result.Results, v *result.Verdict) {
	if m.fake.seal != nil {
		m.fake.seal(r, v)
	}
}

// testServer is a server under test.
type testServer struct {
	*Server
	t         testing.TB
	dial      miltertest.Dialer
	logs      *observer.ObservedLogs
	decisions chan Decision
	stop      func()
}

// start serves in memory.
func start(t testing.TB, f *fake, o Options) *testServer {
	t.Helper()
	p := miltertest.NewListener()
	return startOn(t, f, o, p, p.Dial)
}

// startUnix serves on a socket file.
func startUnix(t testing.TB, f *fake, o Options) *testServer {
	t.Helper()
	path := filepath.Join(shortDir(t), "s")
	l, err := socket.Listen("unix:"+path, socket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, f, o, l, func() (net.Conn, error) { return net.Dial("unix", path) })
}

func startOn(t testing.TB, f *fake, o Options, l net.Listener, dial miltertest.Dialer) *testServer {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	r := &testServer{t: t, dial: dial, logs: logs, decisions: make(chan Decision, 64)}
	if o.Logger == nil {
		o.Logger = zap.New(core)
	}
	if o.OnMessage == nil {
		o.OnMessage = func(d Decision) { r.decisions <- d }
	}
	r.Server = newServer(o)
	if f != nil {
		r.handler.Store(f.handler())
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve(l) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), miltertest.Timeout)
			defer cancel()
			_ = r.Shutdown(ctx)
			if err := <-served; err != milter.ErrServerClosed {
				t.Errorf("Serve: %v", err)
			}
			s := r.Stats()
			if s.Open != 0 || s.Busy != 0 || s.StrayReplies != 0 || s.OwedReplies != 0 {
				t.Errorf("stats at the end: %+v", s)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

// decision waits for the decision about the next message.
func (r *testServer) decision() Decision {
	r.t.Helper()
	select {
	case d := <-r.decisions:
		return d
	case <-time.After(miltertest.Timeout):
		r.t.Fatal("no decision")
		return Decision{}
	}
}

// shortDir returns a new directory whose name leaves room for a socket's.
func shortDir(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("", "pv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}
