package web

import (
	"bufio"
	"cmp"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
)

// pipes is a listener whose connections keep nothing: what is written waits for its reader.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (pipes) Addr() net.Addr { return &net.UnixAddr{} }

// TestSlowClients: each connection ends in its time, whatever the client leaves out. A viewer
// who reads is not held back by those who do not.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const stream = "GET /live/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, x := range map[string]struct {
		begin string        // at once
		drip  string        // an octet each second
		reads time.Duration // between octets, 0 if it reads nothing
		most  time.Duration
	}{
		"nothing":          {"", "", time.Millisecond, 7 * time.Second},
		"half a header":    {"GET / HTTP/1.1\r\nHost: local", "", time.Millisecond, 7 * time.Second},
		"a slow header":    {"", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", time.Millisecond, 7 * time.Second},
		"a slow form":      {"POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n", strings.Repeat("a", 999), time.Millisecond, 33 * time.Second},
		"no form":          {"POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n", "", time.Millisecond, 33 * time.Second},
		"no further page":  {"GET /static/icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n", "", time.Millisecond, 2*time.Minute + 3*time.Second},
		"an unread page":   {"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n", "", 0, 33 * time.Second},
		"a slow reader":    {"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n", "", time.Second, 33 * time.Second},
		"an unread stream": {stream, "", 0, writeTime + 3*time.Second},
		"a slow viewer":    {stream, "", time.Second, writeTime + 3*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ring := &live.Ring{}
				h := New(Options{Source: source{}, Gate: socketRights{}, Live: ring})
				l := make(pipes)
				s := Serve(l, h, nil, zap.NewNop())
				defer s.Close()
				dial := func() net.Conn {
					client, server := net.Pipe()
					l <- server
					return client
				}
				viewer := dial()
				defer viewer.Close()
				rows := make(chan int, 1000)
				go func() {
					_, _ = io.WriteString(viewer, stream)
					for r := bufio.NewScanner(viewer); r.Scan(); {
						if strings.HasPrefix(r.Text(), "data: <li") {
							rows <- 1
						}
					}
				}()

				c, began := dial(), time.Now()
				defer c.Close()
				ended := make(chan time.Duration, 1)
				go func() { // a pipe tells a writer of its end
					if _, err := io.WriteString(c, x.begin); err != nil {
						return
					}
					for i := range x.drip {
						time.Sleep(time.Second)
						if _, err := c.Write([]byte{x.drip[i]}); err != nil {
							return
						}
					}
				}()
				go func() {
					for octet := make([]byte, 1); ; {
						var err error
						if time.Sleep(cmp.Or(x.reads, 100*time.Millisecond)); x.reads == 0 {
							_, err = c.Write(nil) // tells that it has ended
						} else {
							_, err = c.Read(octet)
						}
						if err != nil {
							ended <- time.Since(began)
							return
						}
					}
				}()
				sent := 0
				for time.Since(began) < x.most {
					ring.Add(liveMessage("a.example"))
					sent++
					time.Sleep(time.Second)
				}
				select {
				case took := <-ended:
					t.Logf("after %s", took)
				default:
					t.Errorf("it is open after %s", x.most)
				}
				time.Sleep(2 * live.Every)
				if len(rows) != sent {
					t.Errorf("of %d messages the other viewer saw %d", sent, len(rows))
				}
			})
		})
	}
}

// TestStreamEnds: a page that stays open ends soon after its user has logged out, or has another
// password.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *Handler, *access.Authenticator, string){
		"a log-out": func(t *testing.T, h *Handler, _ *access.Authenticator, cookie string) {
			_, token, _ := strings.Cut(with(h, "GET", "/about", cookie).Body.String(), `name="token" value="`)
			token, _, _ = strings.Cut(token, `"`)
			if w := postAs(h, "/logout", url.Values{"token": {token}}, map[string]string{"Cookie": cookie}); w.Code != http.StatusSeeOther {
				t.Errorf("the log-out: %d", w.Code)
			}
		},
		"another password": func(_ *testing.T, _ *Handler, a *access.Authenticator, _ string) {
			hash, _ := bcrypt.GenerateFromPassword([]byte("another"), bcrypt.MinCost)
			a.Change(access.Settings{Accounts: []access.Account{{Name: "ann", Hash: hash, Role: access.Support}}})
		},
		"a lower role": func(t *testing.T, _ *Handler, a *access.Authenticator, _ string) {
			a.Change(access.Settings{Accounts: []access.Account{accountOfAnn(t, access.Viewer)}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				gate := access.New(access.Settings{Accounts: []access.Account{accountOfAnn(t, access.Support)}})
				h := New(Options{Source: source{}, Gate: gate, Live: &live.Ring{}})
				cookie := logIn(t, h, "ann")
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/live/events", nil)
				r.Header.Set("Cookie", cookie)
				ended := make(chan bool)
				go func() {
					defer close(ended)
					h.ServeHTTP(httptest.NewRecorder(), r)
				}()
				time.Sleep(5 * heartbeat)
				if h.Streams() != 1 {
					t.Fatalf("%d pages are open", h.Streams())
				}
				end(t, h, gate, cookie)
				time.Sleep(heartbeat)
				synctest.Wait()
				if h.Streams() != 0 {
					t.Errorf("%d pages are open afterwards", h.Streams())
				}
				<-ended
			})
		})
	}
}

// accountOfAnn returns an account whose password is its name. Its hash is the same each time.
func accountOfAnn(t *testing.T, role access.Role) access.Account {
	t.Helper()
	a, problem, _ := access.ParseAccount("ann:" + annsHash + ":" + role.String())
	if problem != "" {
		t.Fatal(problem)
	}
	return a
}

const annsHash = "$2a$04$axudGc8dKLtnLa/7wOrExeGGYIlpcIFPR.X7gjmxeczb4uZGaq4xq" // of "ann", cheaply
