package milter

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake records what sessions hear, one line per call, and answers as a test
// orders. The zero value accepts everything.
type fake struct {
	mu   sync.Mutex
	said []string
	body int64

	on          func(step string) // called at each step, may panic
	end         func(ctx context.Context)
	verdict     Verdict
	answersRcpt bool
	rcpt        Reply
	room        int // octets of header; 0 is no limit
	quiet       bool
	sent        chan error // of VerdictSent; nil if nobody wants to know
}

func (f *fake) say(format string, args ...any) {
	if f.quiet {
		return
	}
	s := fmt.Sprintf(format, args...)
	f.mu.Lock()
	f.said = append(f.said, s)
	on := f.on
	f.mu.Unlock()
	if on != nil {
		on(s)
	}
}

// heard returns what was said so far.
func (f *fake) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.said)
}

// saying returns the lines that begin with a word, without it.
func (f *fake) saying(word string) []string {
	var out []string
	for _, s := range f.heard() {
		if rest, ok := strings.CutPrefix(s, word+" "); ok || s == word {
			out = append(out, rest)
		}
	}
	return out
}

type fakeSession struct {
	*fake
	c *Conn
}

func (s *fakeSession) AnswersRcpt() bool { return s.answersRcpt }

func (s *fakeSession) Connect(c Client) {
	ip := "-"
	if c.Addr.IsValid() {
		ip = c.Addr.String()
	}
	daemon := c.Daemon
	if c.MTA != "" {
		daemon += " of " + c.MTA
	}
	s.say("connect %s %s %d local=%v %s", ip, c.Name, c.Port, c.Local, daemon)
}

func (s *fakeSession) Helo(name string)  { s.say("helo %s", name) }
func (s *fakeSession) MailFrom(x Sender) { s.say("mail <%s> user=%s tls=%s", x.Path, x.User, x.TLS) }

func (s *fakeSession) RcptTo(r Recipient) Reply {
	s.say("rcpt <%s> %s", r.Path, r.Addr)
	return s.rcpt
}

func (s *fakeSession) HeaderRoom() int {
	if s.room > 0 {
		return s.room
	}
	return 8 << 20
}

func (s *fakeSession) Header(f Field) {
	word := "field"
	if f.Truncated {
		word = "truncated"
	}
	if !s.quiet {
		s.say("%s %q", word, f.Name+":"+f.Value)
	}
}

func (s *fakeSession) EndOfHeader() { s.say("eoh") }

func (s *fakeSession) Body(p []byte) {
	s.mu.Lock()
	s.body += int64(len(p))
	on := s.on
	s.mu.Unlock()
	if on != nil {
		on("body")
	}
}

func (s *fakeSession) EndOfMessage(ctx context.Context) Verdict {
	s.say("end %s", s.c.QueueID())
	if s.end != nil {
		s.end(ctx)
	}
	return s.verdict
}

func (s *fakeSession) VerdictSent(err error) {
	s.say("sent")
	if s.sent != nil {
		s.sent <- err
	}
}

func (s *fakeSession) Abort() { s.say("abort") }
func (s *fakeSession) Close() { s.say("close") }

func (s *fakeSession) Panicked(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, fmt.Sprintf("panicked %v", v))
}

// testServer is a server under test.
type testServer struct {
	*Server
	dial miltertest.Dialer
	logs *observer.ObservedLogs
	stop func()
}

// start serves in memory.
func start(t testing.TB, f *fake, o Options) *testServer {
	t.Helper()
	l := miltertest.NewListener()
	return startOn(t, f, o, l, l.Dial)
}

func startOn(t testing.TB, f *fake, o Options, l net.Listener, dial miltertest.Dialer) *testServer {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	r := &testServer{Server: newServer(zap.New(core), f, o), dial: dial, logs: logs}
	served := make(chan error, 1)
	go func() { served <- r.Serve(l, "a socket") }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), miltertest.Timeout)
			defer cancel()
			_ = r.Shutdown(ctx)
			if err := <-served; err != ErrServerClosed {
				t.Errorf("Serve: %v", err)
			}
			s := r.Counts()
			if s.Open != 0 || s.Busy != 0 || s.StrayReplies != 0 || s.OwedReplies != 0 {
				t.Errorf("counts at the end: %+v", s)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

func newServer(log *zap.Logger, f *fake, o Options) *Server {
	return NewServer(log, o, func(c *Conn) Session { return &fakeSession{f, c} })
}

// shutdown drains a server that has d to do so.
func shutdown(r *testServer, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return r.Shutdown(ctx)
}

// socketPath returns a path for a socket, short enough for one.
func socketPath(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("", "pv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return filepath.Join(d, "s")
}
