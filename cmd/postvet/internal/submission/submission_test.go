package submission_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/cmd/postvet/internal/route/connect/connecttest"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(tb testing.TB, o submission.Options) *submission.Client {
	tb.Helper()
	if o.Hello == "" {
		o.Hello = "mx.example.org"
	}
	c, err := submission.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

var message = submission.Message{
	From: "bounce@example.org", To: "dmarc@example.com", ID: "5f2c",
	Data: []byte("Subject: a\r\n\r\n.begins with a dot\r\n.\r\nends\r\n"),
}

// TestAccepted submits over TCP and over a Unix socket. The message arrives as it is, also
// with lines that begin with a dot.
func TestAccepted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for address, l := range map[string]net.Listener{"unix:" + path: unix, "inet:" + tcp.Addr().String(): tcp} {
		var server submissiontest.Server
		server.Serve(t, l)
		a := client(t, submission.Options{Address: address}).Submit(t.Context(), &message)
		if a.Result != submission.Accepted || a.Code != 250 || a.Status != "2.0.0" || a.Err != nil {
			t.Fatalf("%s: %+v", address, a)
		}
		want := []*submissiontest.Message{{
			Hello: "mx.example.org", From: message.From, To: message.To, ID: "5f2c", Notify: []smtp.DSNNotify{smtp.DSNNotifyFailure}, Data: message.Data,
		}}
		if diff := cmp.Diff(want, server.Messages()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
	}
}

// TestRefused has each stage refused, for now and for good.
func TestRefused(t *testing.T) {
	t.Parallel()
	refuse := func(err error) func(string) error { return func(string) error { return err } }
	for _, tc := range []struct {
		name   string
		server *submissiontest.Server
		want   submission.Answer
		about  bool // the message
	}{
		{
			"sender", &submissiontest.Server{Sender: refuse(submissiontest.Refuse(550, [3]int{5, 7, 1}, "not you"))},
			submission.Answer{Result: submission.Permanent, Stage: submission.Mail, Code: 550, Status: "5.7.1", Text: "not you"},
			false,
		},
		{
			"recipient", &submissiontest.Server{Recipient: refuse(submissiontest.Refuse(550, [3]int{5, 1, 1}, "unknown\x1b[31m"))},
			submission.Answer{Result: submission.Permanent, Stage: submission.Recipient, Code: 550, Status: "5.1.1", Text: "unknown?[31m"},
			true,
		},
		{
			"mailbox full", &submissiontest.Server{Recipient: refuse(submissiontest.Refuse(452, [3]int{4, 2, 2}, "full"))},
			submission.Answer{Result: submission.Temporary, Stage: submission.Recipient, Code: 452, Status: "4.2.2", Text: "full"},
			true,
		},
		{
			"content", &submissiontest.Server{Content: func(*submissiontest.Message) error { return submissiontest.Refuse(554, [3]int{5, 6, 0}, "no") }},
			submission.Answer{Result: submission.Permanent, Stage: submission.End, Code: 554, Status: "5.6.0", Text: "no"},
			true,
		},
		{
			"login", &submissiontest.Server{Users: map[string]string{"a": "b"}},
			submission.Answer{Result: submission.Permanent, Stage: submission.Mail, Code: 502, Status: "5.7.0", Text: "Please authenticate first"},
			false,
		},
	} {
		a := client(t, submission.Options{Address: tc.server.Start(t)}).Submit(t.Context(), &message)
		if a.Err == nil || len(tc.server.Messages()) > 0 {
			t.Errorf("%s: accepted", tc.name)
		}
		a.Err = nil
		if diff := cmp.Diff(tc.want, a); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if a.OfMessage() != tc.about {
			t.Errorf("%s: about the message: %t", tc.name, a.OfMessage())
		}
	}
}

// script is an MTA that answers each line with the next text; "" for silence, and a text
// that ends in "\x00" closes the connection behind it.
func script(tb testing.TB, answers ...string) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			r := bufio.NewReader(c)
			for i, answer := range answers {
				if i > 0 {
					for inData := strings.HasPrefix(answers[i-1], "354"); ; {
						line, err := r.ReadString('\n')
						if err != nil || !inData || line == ".\r\n" {
							break
						}
					}
				}
				if answer == "" {
					_, _ = io.Copy(io.Discard, r)
					break
				}
				_, _ = io.WriteString(c, strings.TrimSuffix(answer, "\x00"))
				if strings.HasSuffix(answer, "\x00") {
					break
				}
			}
			_ = c.Close()
		}
	}()
	tb.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// TestBroken has MTAs that fall silent, go away or talk nonsense. A message whose answer
// is missing counts as lost; any other was not taken.
func TestBroken(t *testing.T) {
	t.Parallel()
	const banner, ehlo, ok, data = "220 mta.test\r\n", "250 mta.test\r\n", "250 ok\r\n", "354 go\r\n"
	flood := "250-" + strings.Repeat("a", 60) + "\r\n"
	for _, tc := range []struct {
		name    string
		answers []string
		result  submission.Result
		stage   submission.Stage
		code    int
	}{
		{"silent", []string{""}, submission.Temporary, submission.Hello, 0},
		{"busy", []string{"421 4.3.2 busy\r\n\x00"}, submission.Temporary, submission.Hello, 421},
		{"no service", []string{"554 5.7.1 go away\r\n\x00"}, submission.Permanent, submission.Hello, 554},
		{"no SMTP", []string{"SSH-2.0-OpenSSH\r\n"}, submission.Temporary, submission.Hello, 0},
		{"endless reply", []string{banner, strings.Repeat(flood, 10000)}, submission.Temporary, submission.Hello, 0},
		{"long line", []string{banner, "250 " + strings.Repeat("a", 5000) + "\r\n"}, submission.Temporary, submission.Hello, 0},
		{"gone at RCPT", []string{banner, ehlo, ok, "\x00"}, submission.Temporary, submission.Recipient, 0},
		{"421 at RCPT", []string{banner, ehlo, ok, "421 4.7.0 later\r\n\x00"}, submission.Temporary, submission.Recipient, 421},
		{"silent at DATA", []string{banner, ehlo, ok, ok, ""}, submission.Temporary, submission.Data, 0},
		{"silent at the end", []string{banner, ehlo, ok, ok, data, ""}, submission.Lost, submission.End, 0},
		{"gone at the end", []string{banner, ehlo, ok, ok, data, "\x00"}, submission.Lost, submission.End, 0},
		{"421 at the end", []string{banner, ehlo, ok, ok, data, "421 4.3.0 stopping\r\n\x00"}, submission.Temporary, submission.End, 421},
		{"silent at QUIT", []string{banner, ehlo, ok, ok, data, "250 2.0.0 taken\r\n", ""}, submission.Accepted, submission.End, 250},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := submission.Options{Address: script(t, tc.answers...), CommandTimeout: time.Minute, Timeout: time.Minute}
			if slices.Contains(tc.answers, "") {
				o.CommandTimeout, o.Timeout = time.Second, 2*time.Second
			}
			for {
				a := client(t, o).Submit(t.Context(), &message)
				if a.Result == tc.result && a.Stage == tc.stage && a.Code == tc.code && len(a.Text) <= 310 && (a.Err == nil) == (a.Result == submission.Accepted) {
					break
				}
				if o.CommandTimeout > 10*time.Second {
					t.Errorf("got %+v", a)
					break
				}
				// A busy machine takes longer for what comes before the silence.
				o.CommandTimeout, o.Timeout = 4*o.CommandTimeout, 4*o.Timeout
			}
		})
	}
}

// TestNobody has a socket at which nobody listens.
func TestNobody(t *testing.T) {
	t.Parallel()
	a := client(t, submission.Options{Address: "unix:" + filepath.Join(t.TempDir(), "none")}).Submit(t.Context(), &message)
	if a.Result != submission.Temporary || a.Stage != submission.Connect || !errors.Is(a.Err, os.ErrNotExist) {
		t.Errorf("got %+v", a)
	}
}

// TestCancelled has the context end while the MTA is silent.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	a := client(t, submission.Options{Address: script(t, "220 mta.test\r\n", "")}).Submit(ctx, &message)
	if a.Result != submission.Temporary || !errors.Is(a.Err, context.DeadlineExceeded) || time.Since(began) > 20*time.Second {
		t.Errorf("got %+v", a)
	}
}

// TestLogin has a login on loopback, with a wrong password, and without one that can be
// read.
func TestLogin(t *testing.T) {
	t.Parallel()
	server := submissiontest.Server{Users: map[string]string{"reports": "a:b c"}}
	address := server.Start(t)
	for file, want := range map[string]submission.Result{"reports\na:b c\n": submission.Accepted, "reports\r\nwrong": submission.Permanent, "reports\n": submission.Temporary} {
		a := client(t, submission.Options{Address: address, Auth: func() (submission.Auth, error) { return submission.ParseAuth([]byte(file)) }}).Submit(t.Context(), &message)
		if a.Result != want || a.OfMessage() != (want == submission.Accepted) {
			t.Errorf("%q: %+v", file, a)
		}
	}
	if m := server.Messages(); len(m) != 1 || m[0].User != "reports" {
		t.Errorf("messages: %+v", m)
	}
	if a, err := submission.ParseAuth([]byte("reports\nsecret")); err != nil || fmt.Sprint(a) != "reports" {
		t.Errorf("ParseAuth: %v, %v", a, err)
	}
}

// TestTLS has an MTA whose name is no address, as one beyond loopback has. It is used with
// TLS where it offers that; a password goes to none without a valid certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority := connecttest.NewAuthority(t, time.Now())
	auth := func() (submission.Auth, error) { return submission.ParseAuth([]byte("a\nb")) }
	offer := &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, 10, "mta.test")}, MinVersion: tls.VersionTLS12}
	for _, tc := range []struct {
		name   string
		server *tls.Config
		o      submission.Options
		result submission.Result
		stage  submission.Stage
	}{
		{"without a login any certificate will do", offer, submission.Options{}, submission.Accepted, submission.End},
		{"without TLS and a login", nil, submission.Options{}, submission.Accepted, submission.End},
		{"without TLS where it is demanded", nil, submission.Options{RequireTLS: true}, submission.Temporary, submission.StartTLS},
		{"login without TLS", nil, submission.Options{Auth: auth}, submission.Temporary, submission.Login},
		{"login, unknown authority", offer, submission.Options{Auth: auth, TLS: &tls.Config{ServerName: "mta.test"}}, submission.Temporary, submission.StartTLS},
		{"login, wrong name", offer, submission.Options{Auth: auth, TLS: &tls.Config{ServerName: "other.test", RootCAs: authority.Roots}}, submission.Temporary, submission.StartTLS},
		{"login", offer, submission.Options{Auth: auth, TLS: &tls.Config{ServerName: "mta.test", RootCAs: authority.Roots}}, submission.Accepted, submission.End},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := submissiontest.Server{TLS: tc.server}
			if tc.o.Auth != nil {
				server.Users = map[string]string{"a": "b"}
			}
			tc.o.Address = server.Start(t)
			c := client(t, tc.o)
			submission.BeyondLoopback(c)
			a := c.Submit(t.Context(), &message)
			if a.Result != tc.result || a.Stage != tc.stage {
				t.Errorf("got %+v", a)
			}
			for _, m := range server.Messages() {
				if m.Encrypted != (tc.server != nil) || !bytes.Equal(m.Data, message.Data) || m.Hello != "mx.example.org" {
					t.Errorf("got %+v", m)
				}
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, o := range []submission.Options{
		{},
		{Address: "127.0.0.1:25"},
		{Address: "127.0.0.1:25", Hello: "a b"},
		{Address: "fd:3", Hello: "a"},
		{Address: "systemd:a", Hello: "a"},
		{Address: "inet:*:25", Hello: "a"},
		{Address: "unix:relative", Hello: "a"},
		{Address: "127.0.0.1:25", Hello: "a\r\nQUIT"},
	} {
		if _, err := submission.New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// TestInjection has addresses that hold a line end.
func TestInjection(t *testing.T) {
	t.Parallel()
	var server submissiontest.Server
	c := client(t, submission.Options{Address: server.Start(t)})
	for _, m := range []submission.Message{
		{From: "a@example.org>\r\nRCPT TO:<b@example.org", To: "b@example.org", Data: message.Data},
		{From: "a@example.org", To: "b@example.org>\r\nRCPT TO:<c@example.org", Data: message.Data},
	} {
		if a := c.Submit(t.Context(), &m); a.Result == submission.Accepted {
			t.Errorf("%+v", a)
		}
	}
	if m := server.Messages(); len(m) > 0 {
		t.Errorf("got %d messages", len(m))
	}
}
