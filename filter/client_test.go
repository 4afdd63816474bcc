package filter

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy"
)

// A client may say EHLO as often as it likes; policy hears what is new.
func TestRepeatedHelo(t *testing.T) {
	t.Parallel()
	f, young := &fake{}, &fake{name: "new "}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	helos := func(f *fake) []string {
		var out []string
		for _, s := range f.heard() {
			if _, name, ok := strings.Cut(s, "helo "); ok {
				out = append(out, name)
			}
		}
		return out
	}
	m.Command('C', miltertest.Inet("client.example.org", "192.0.2.1", 40000))
	for range 99 {
		m.Command('H', miltertest.Strings("one"))
	}
	m.Deliver(miltertest.Usual())
	m.Command('H', miltertest.Strings("one"))
	m.Deliver(miltertest.Usual())
	m.Command('H', miltertest.Strings("two"))
	m.Command('H', miltertest.Strings("one"))
	m.Command('H', miltertest.Strings("ONE"))
	m.Command('H', miltertest.Strings(""))
	m.Command('H', miltertest.Strings(""))
	// Policy knows nothing yet about another SMTP session.
	m.Send('K')
	m.Command('C', miltertest.Inet("client.example.org", "192.0.2.2", 40000))
	m.Command('H', miltertest.Strings("one"))
	m.Deliver(miltertest.Usual())
	if diff := cmp.Diff([]string{"one", "two", "one", "ONE", "", "one"}, helos(f)); diff != "" {
		t.Error(diff)
	}
	// Nor does a new handler, whether HELO or MAIL introduces the client.
	r.handler.Store(young.handler())
	m.Command('H', miltertest.Strings("one"))
	m.Deliver(miltertest.Usual())
	if diff := cmp.Diff([]string{"one"}, helos(young)); diff != "" {
		t.Error(diff)
	}
	r.handler.Store(f.handler())
	m.Deliver(miltertest.Usual())
	m.Deliver(miltertest.Usual())
	if got := helos(f); len(got) != 7 || got[6] != "one" {
		t.Errorf("%q", got)
	}
	// A client without HELO has no name.
	m.Command('C', miltertest.Inet("client.example.org", "192.0.2.3", 40000))
	m.Deliver(miltertest.Usual())
	if got := helos(f); len(got) != 7 {
		t.Errorf("%q", got)
	}
}

// Policy learns which of our sockets each SMTP session of a connection came
// through.
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
	one := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	two := miltertest.Connect(t, func() (net.Conn, error) { return net.Dial("unix", path) }, miltertest.OfferAll)
	for _, m := range []*miltertest.MTA{one, two, one} {
		m.Hello()
		m.Deliver(miltertest.Usual())
		sockets = append(sockets, r.decision().Client.Socket)
		m.Send('K')
	}
	one.Close()
	two.Close()
	r.stop()
	if err := <-served; err != milter.ErrServerClosed {
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

// asking returns how many questions about a name and those below it are open.
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

// The lookups for a message end when its client is gone.
func TestClientGoneEndsLookups(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		leave func(*miltertest.MTA)
		stays bool // the SMTP session
	}{
		{"RSET", func(m *miltertest.MTA) { m.Send('A') }, true},
		{"another EHLO", func(m *miltertest.MTA) { m.Command('H', miltertest.Strings("helo.test")) }, true},
		{"another SMTP session", func(m *miltertest.MTA) { m.Send('K'); m.Command('C', append(miltertest.Strings("unknown"), 'U')) }, false},
		{"QUIT", func(m *miltertest.MTA) { m.Send('A'); m.Send('Q') }, false},
		{"the MTA closes", func(m *miltertest.MTA) { m.Close() }, false},
		{"the MTA closes inside a packet", func(m *miltertest.MTA) { m.Write([]byte{0, 0, 1, 0, 'B', 'x'}); m.Close() }, false},
		{"the MTA closes and waited for the verdict", func(m *miltertest.MTA) { m.Send('E'); m.Close() }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dns := &stuck{open: map[string]int{}}
				r := start(t, nil, Options{})
				r.SetHandler(Handler{Checker: policy.NewChecker(policy.Options{Resolver: dns, AuthservID: "mx.example.net", SPFTimeout: time.Hour, MessageTimeout: time.Hour})})
				m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
				m.Command('C', miltertest.Inet("client.example.org", "192.0.2.1", 40000))
				m.Command('H', miltertest.Strings("helo.test"))
				m.Envelope(miltertest.Letter{From: "<a@sender.test>", Rcpts: miltertest.Usual().Rcpts})
				m.Content(miltertest.Letter{Fields: [][2]string{{"From", " a@author.test"}}, Body: "x\r\n"})
				synctest.Wait()
				if dns.asking("sender.test") < 2 || dns.asking("author.test") == 0 || dns.asking("helo.test") == 0 || dns.asking("arpa") == 0 {
					t.Errorf("not everything is asked: %v", dns.open)
				}
				tt.leave(m)
				time.Sleep(5 * time.Second) // a progress packet finds the MTA gone
				synctest.Wait()
				if dns.asking("sender.test") > 0 || dns.asking("author.test") > 0 {
					t.Errorf("the message's questions go on: %v", dns.open)
				}
				if got := dns.asking("arpa") > 0 && dns.asking("helo.test") > 0; got != tt.stays {
					t.Errorf("the client's questions go on: %v", dns.open)
				}
				m.Close()
				r.stop()
				synctest.Wait()
				if dns.asking("") > 0 {
					t.Errorf("questions go on: %v", dns.open)
				}
			})
		})
	}
}
