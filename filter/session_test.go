package filter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/result"
)

func TestConversation(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	m.Deliver(miltertest.Usual())
	m.Send('Q')
	m.Closed()
	r.stop()
	want := []string{
		"connect 192.0.2.1 client.example.org 40000 local=false smtpd",
		"helo helo.example.org",
		"mail <a@example.org> user= tls=",
		"rcpt <b@example.net>",
		`field "From: a@example.org\r\n"`,
		`field "Subject: hello\r\n"`,
		"eoh",
		"finish",
		`decide oversize="" faults=0`,
		"close",
		"bye, context canceled",
	}
	if diff := cmp.Diff(want, f.heard()); diff != "" {
		t.Error(diff)
	}
	if f.body != 7 {
		t.Errorf("body of %d octets", f.body)
	}
}

// Both MTAs' ways to separate messages on one connection have the same result.
func TestManyMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		abort string // after which messages, P for Postfix
	}{
		{"Postfix, abort after each", "AA"},
		{"Sendmail, nothing between", "-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{verdict: result.Verdict{Action: result.Reject, Code: "550 5.7.26", Text: "no"}}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			for i := range 3 {
				l := miltertest.Usual()
				l.From = "<" + strings.Repeat("x", i+1) + "@example.org>"
				if o := m.Deliver(l); o.Code != 'y' || o.Text != "550 5.7.26 no" {
					t.Fatalf("message %d: %q %q", i, o.Code, o.Text)
				}
				d := r.decision()
				if d.From != strings.Trim(l.From, "<>") || d.Client.IP != netip.MustParseAddr("192.0.2.1") || d.Helo != "helo.example.org" || d.Recipients != 1 {
					t.Errorf("message %d: %+v", i, d)
				}
				if strings.Contains(tt.abort, "A") {
					m.Send('A')
					m.Send('A')
				}
			}
			// One conversation for all, although each was rejected.
			var connects int
			for _, s := range f.heard() {
				if strings.HasPrefix(s, "connect") {
					connects++
				}
			}
			if connects != 1 {
				t.Errorf("%d conversations", connects)
			}
			r.stop()
			if s := r.Stats(); s.Messages[result.Reject] != 3 || s.Aborted != 0 || s.Connections != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A message that never ends leaves nothing to the next: RSET, another EHLO, a
// MAIL that the MTA rejected, QUIT_NC, a client lost inside DATA.
func TestAbandonedMessage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func(*miltertest.MTA)
	}{
		{"RSET, Postfix", func(m *miltertest.MTA) { m.Send('A'); m.Send('A') }},
		{"RSET, Sendmail", func(m *miltertest.MTA) { m.Send('A') }},
		{"second EHLO, Postfix", func(m *miltertest.MTA) { m.Send('A'); m.Command('H', miltertest.Strings("helo.example.org")) }},
		{"second EHLO, Sendmail", func(m *miltertest.MTA) { m.Command('H', miltertest.Strings("helo.example.org")) }},
		{"rejected MAIL, Sendmail says nothing", func(m *miltertest.MTA) {}},
		{"another SMTP session", func(m *miltertest.MTA) { m.Send('K'); m.Hello() }},
		{"connect again", func(m *miltertest.MTA) { m.Hello() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Envelope(miltertest.Letter{From: "<old@example.org>", Rcpts: []string{"<one@example.net>", "<two@example.net>"}})
			m.Content(miltertest.Usual())
			tt.end(m)
			l := miltertest.Usual()
			l.From = "<new@example.org>"
			if o := m.Deliver(l); o.Code != 'c' {
				t.Fatalf("verdict %q %q", o.Code, o.Text)
			}
			d := r.decision()
			if d.From != "new@example.org" || d.Recipients != 1 || d.Client.Name != "client.example.org" || d.Helo != "helo.example.org" {
				t.Errorf("%+v", d)
			}
			r.stop()
			if s := r.Stats(); s.Aborted != 1 || s.Messages[result.Accept] != 1 {
				t.Errorf("%+v", s)
			}
			var closes, mails int
			for _, s := range f.heard() {
				if s == "close" {
					closes++
				}
				if strings.HasPrefix(s, "mail") {
					mails++
				}
			}
			if closes != 2 || mails != 2 {
				t.Errorf("%d messages, %d closed", mails, closes)
			}
		})
	}
}

// A client that vanishes inside DATA: Postfix says so, Sendmail just closes.
func TestLostClient(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Postfix", "Sendmail"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Envelope(miltertest.Usual())
			m.Send('L', miltertest.Strings("From", " a@example.org"))
			if name == "Postfix" {
				m.Send('A')
				m.Send('A')
				m.Send('Q')
			}
			m.Close()
			r.stop()
			if !f.has("close") || !f.has("bye, context canceled") {
				t.Errorf("the context lives on: %q", f.heard())
			}
			if s := r.Stats(); s.Aborted != 1 || s.Busy != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestHandlerSwap(t *testing.T) {
	t.Parallel()
	old, young := &fake{name: "old "}, &fake{name: "new "}
	r := start(t, old, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	m.Envelope(miltertest.Usual())
	r.handler.Store(young.handler())
	m.Content(miltertest.Usual())
	m.Send('E')
	m.Verdict()
	if heard := young.heard(); len(heard) != 0 {
		t.Errorf("a message changed its handler: %v", heard)
	}
	if !old.has("decide") {
		t.Error("the old handler did not decide")
	}
	m.Deliver(miltertest.Usual())
	want := []string{
		"new connect 192.0.2.1 client.example.org 40000 local=false smtpd",
		"new helo helo.example.org",
		"new mail <a@example.org> user= tls=",
	}
	if diff := cmp.Diff(want, young.heard()[:3]); diff != "" {
		t.Error(diff)
	}
	if !old.has("bye") {
		t.Error("the old conversation is still open")
	}
}
