package filter

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy"
)

// A client may say EHLO as often as it likes; policy hears what is new.
func TestRepeatedHelo(t *testing.T) {
	t.Parallel()
	f, young := &fake{}, &fake{name: "new "}
	r := start(t, f, Options{})
	m := connectMTA(t, r.dial, offerAll)
	helos := func(f *fake) []string {
		var out []string
		for _, s := range f.heard() {
			if _, name, ok := strings.Cut(s, "helo "); ok {
				out = append(out, name)
			}
		}
		return out
	}
	m.command('C', inet("client.example.org", "192.0.2.1", 40000))
	for range 99 {
		m.command('H', z("one"))
	}
	m.deliver(usual)
	m.command('H', z("one"))
	m.deliver(usual)
	m.command('H', z("two"))
	m.command('H', z("one"))
	m.command('H', z("ONE"))
	m.command('H', z(""))
	m.command('H', z(""))
	// Another SMTP session has told nothing yet.
	m.send('K')
	m.command('C', inet("client.example.org", "192.0.2.2", 40000))
	m.command('H', z("one"))
	m.deliver(usual)
	if diff := cmp.Diff([]string{"one", "two", "one", "ONE", "", "one"}, helos(f)); diff != "" {
		t.Error(diff)
	}
	// Nor has a new handler been told, whether HELO or MAIL introduces it.
	r.handler.Store(young.judge())
	m.command('H', z("one"))
	m.deliver(usual)
	if diff := cmp.Diff([]string{"one"}, helos(young)); diff != "" {
		t.Error(diff)
	}
	r.handler.Store(f.judge())
	m.deliver(usual)
	m.deliver(usual)
	if got := helos(f); len(got) != 7 || got[6] != "one" {
		t.Errorf("%q", got)
	}
	// A client without HELO has no name.
	m.command('C', inet("client.example.org", "192.0.2.3", 40000))
	m.deliver(usual)
	if got := helos(f); len(got) != 7 {
		t.Errorf("%q", got)
	}
}

// Policy learns which of our sockets a message came through, whatever SMTP session
// of the connection it is.
func TestSocketOfEachListener(t *testing.T) {
	t.Parallel()
	var f fake
	var sockets []string
	listen := func(addr string) net.Listener {
		l, err := socket.Listen(addr, socket.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	path := filepath.Join(shortDir(t), "s")
	first, second := listen("inet:127.0.0.1:0"), listen("unix:"+path)
	r := startOn(t, &f, Options{}, first, func() (net.Conn, error) { return net.Dial("tcp", first.Addr().String()) })
	served := make(chan error, 1)
	go func() { served <- r.Serve(second) }()
	one := connectMTA(t, r.dial, offerAll)
	two := connectMTA(t, func() (net.Conn, error) { return net.Dial("unix", path) }, offerAll)
	for _, m := range []*mta{one, two, one} {
		m.hello()
		m.deliver(usual)
		sockets = append(sockets, r.decision().Client.Socket)
		m.send('K')
	}
	one.Close()
	two.Close()
	r.stop()
	if err := <-served; err != ErrServerClosed {
		t.Error(err)
	}
	tcp := "inet:" + first.Addr().String()
	if diff := cmp.Diff([]string{tcp, "unix:" + path, tcp}, sockets); diff != "" {
		t.Error(diff)
	}
}

// stuck is a DNS that answers nothing.
type stuck struct {
	mu   sync.Mutex
	open map[string]int
}

func (s *stuck) Lookup(ctx context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	s.count(name, 1)
	<-ctx.Done()
	s.count(name, -1)
	return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
}

func (s *stuck) count(name string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[name] += n
}

// asking reports how many questions are open about a name and what is below it.
func (s *stuck) asking(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0
	for n, open := range s.open {
		if strings.HasSuffix(n, name) {
			sum += open
		}
	}
	return sum
}

// Nothing goes on about a message whose client is gone.
func TestClientGoneEndsLookups(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		leave func(*mta)
		stays bool // the SMTP session
	}{
		{"RSET", func(m *mta) { m.send('A') }, true},
		{"another EHLO", func(m *mta) { m.command('H', z("helo.test")) }, true},
		{"another SMTP session", func(m *mta) { m.send('K'); m.command('C', append(z("unknown"), 'U')) }, false},
		{"QUIT", func(m *mta) { m.send('A'); m.send('Q') }, false},
		{"the MTA closes", func(m *mta) { m.Close() }, false},
		{"the MTA closes inside a packet", func(m *mta) { m.Write([]byte{0, 0, 1, 0, 'B', 'x'}); m.Close() }, false},
		{"the MTA closes and waited for the verdict", func(m *mta) { m.send('E'); m.Close() }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dns := &stuck{open: map[string]int{}}
			r := start(t, nil, Options{ProgressInterval: 20 * time.Millisecond})
			r.SetHandler(Handler{Checker: policy.NewChecker(policy.Options{Resolver: dns, AuthservID: "mx.example.net", SPFTimeout: time.Hour, MessageTimeout: time.Hour})})
			m := connectMTA(t, r.dial, offerAll)
			m.command('C', inet("client.example.org", "192.0.2.1", 40000))
			m.command('H', z("helo.test"))
			m.envelope(letter{from: "<a@sender.test>", rcpts: usual.rcpts})
			m.content(letter{fields: [][2]string{{"From", " a@author.test"}}, body: "x\r\n"})
			eventually(t, "all is asked", func() bool {
				return dns.asking("sender.test") > 1 && dns.asking("author.test") > 0 && dns.asking("helo.test") > 0 && dns.asking("arpa") > 0
			})
			tt.leave(m)
			eventually(t, "the message's questions end", func() bool { return dns.asking("sender.test") == 0 && dns.asking("author.test") == 0 })
			if tt.stays {
				if dns.asking("arpa") == 0 || dns.asking("helo.test") == 0 {
					t.Error("the client's questions ended with the message")
				}
				return
			}
			eventually(t, "the client's questions end", func() bool { return dns.asking("") == 0 })
		})
	}
}
