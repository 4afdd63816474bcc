package milter

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

// A session hears one message from the connect to the end of the connection.
func TestSession(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	m.Queue = "4ABC"
	m.Deliver(miltertest.Usual())
	m.Send('Q')
	m.Closed()
	r.stop()
	want := []string{
		"close",
		"connect 192.0.2.1 client.example.org 40000 local=false smtpd",
		"helo helo.example.org",
		"mail <a@example.org> user= tls=",
		"rcpt <b@example.net> ",
		`field "From: a@example.org"`,
		`field "Subject: hello"`,
		"eoh",
		"end 4ABC",
		"sent",
		"close",
	}
	if diff := cmp.Diff(want, f.heard()); diff != "" {
		t.Error(diff)
	}
	if f.body != 7 {
		t.Errorf("body of %d octets", f.body)
	}
	if s := r.Counts(); s.Connections != 1 || s.Sessions != 1 {
		t.Errorf("%+v", s)
	}
}

// However a message ends, the session hears of it once, before anything else.
func TestMessageEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(*miltertest.MTA)
		want []string // from there on
	}{
		{"RSET", func(m *miltertest.MTA) { m.Send('A'); m.Send('A') }, []string{"abort", "close"}},
		{"second EHLO", func(m *miltertest.MTA) { m.Command('H', miltertest.Strings("b")) }, []string{"abort", "helo b", "close"}},
		{"MAIL", func(m *miltertest.MTA) { m.Command('M', miltertest.Strings("<c@d>")) }, []string{"abort", "mail <c@d> user= tls=", "abort", "close"}},
		{"another SMTP session", func(m *miltertest.MTA) { m.Send('K') }, []string{"abort", "close", "close"}},
		{"connect", func(m *miltertest.MTA) {
			m.Send('D', []byte("C"))
			m.Command('C', append(miltertest.Strings("x"), 'U'))
		}, []string{"abort", "close", "connect - x 0 local=true ", "close"}},
		{"QUIT", func(m *miltertest.MTA) { m.Send('Q') }, []string{"abort", "close"}},
		{"the MTA closes", func(*miltertest.MTA) {}, []string{"abort", "close"}},
		{"the MTA closes inside a packet", func(m *miltertest.MTA) { _, _ = m.Write([]byte{0, 0, 1, 0, 'B', 'x'}) }, []string{"abort", "close"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Envelope(miltertest.Usual())
			tt.end(m)
			m.Close()
			r.stop()
			heard := f.heard()
			if diff := cmp.Diff(tt.want, heard[slices.Index(heard, "rcpt <b@example.net> ")+1:]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvelopePaths(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	m.Command('M', miltertest.Strings("<>", "SIZE=100", "BODY=8BITMIME"))
	m.Command('R', miltertest.Strings("<b@example.net>", "NOTIFY=NEVER"))
	m.Send('D', []byte("R"), miltertest.Strings("{rcpt_addr}", "c"))
	m.Command('R', miltertest.Strings("c@example.net"))
	m.Command('R', miltertest.Strings("<d@example.net>")) // the macro was that of c
	m.Send('E')
	m.Verdict()
	if diff := cmp.Diff([]string{"<> user= tls="}, f.saying("mail")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"<b@example.net> ", "<c@example.net> c", "<d@example.net> "}, f.saying("rcpt")); diff != "" {
		t.Error(diff)
	}
}

// A refusal at RCPT is the answer, and leaves the message as it is.
func TestRefusedRecipient(t *testing.T) {
	t.Parallel()
	f := &fake{answersRcpt: true, rcpt: Reply{Text: "550 5.7.1 100% no"}}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	m.Command('M', miltertest.Strings("<a@example.org>"))
	for range 2 {
		m.Send('R', miltertest.Strings("<b@example.net>"))
		if d := m.Want('y'); string(d) != "550 5.7.1 100%% no\x00" {
			t.Errorf("%q", d)
		}
	}
	m.Send('A')
	m.Command('M', miltertest.Strings("<a@example.org>"))
	if n := len(f.saying("abort")); n != 1 {
		t.Errorf("%d messages aborted", n)
	}
}

func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	// We do not ask for unknown commands and DATA; an MTA of protocol 2 might send
	// them.
	m := miltertest.Connect(t, r.dial, miltertest.NewOffer(6, 0x1ff, 0x1fffff&^0x300))
	m.Hello()
	m.Send('U', miltertest.Strings("FOOBAR"))
	m.Want('c')
	m.Send('U', miltertest.Strings(""))
	m.Want('c')
	if o := m.Deliver(miltertest.Usual()); o.Code != 'c' {
		t.Errorf("verdict %q", o.Code)
	}
	// The verdict after DATA is the verdict, not the reply to DATA.
	f.verdict = Verdict{Reply: Reply{Text: "550 5.7.26 no"}}
	if o := m.Deliver(miltertest.Usual()); o.Code != 'y' {
		t.Errorf("verdict %q", o.Code)
	}
}

func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		play func(*testing.T, *miltertest.MTA)
		want []string
	}{
		{"verdict on nothing", func(t *testing.T, m *miltertest.MTA) {
			m.Send('E')
			if d := m.Want('y'); !strings.HasPrefix(string(d), "451 4.3.0 ") {
				t.Errorf("%q", d)
			}
			m.Send('A')
			m.Send('A')
			m.Silence()
		}, nil},
		{"header and body without MAIL", func(_ *testing.T, m *miltertest.MTA) {
			m.Content(miltertest.Usual())
			m.Command('R', miltertest.Strings("<b@example.net>"))
			m.Send('E')
			m.Want('y')
		}, nil},
		{"MAIL without connect", func(t *testing.T, m *miltertest.MTA) {
			m.Command('M', miltertest.Strings("<a@example.org>"))
			m.Send('E')
			m.Want('c')
		}, []string{"mail <a@example.org> user= tls=", "end ", "sent"}},
		{"second verdict", func(t *testing.T, m *miltertest.MTA) {
			m.Command('M', miltertest.Strings("<a@example.org>"))
			m.Send('E')
			m.Want('c')
			m.Send('E')
			m.Want('y')
		}, []string{"mail <a@example.org> user= tls=", "end ", "sent"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				r := start(t, f, Options{})
				m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
				tt.play(t, m)
				m.Close()
				r.stop()
				if diff := cmp.Diff(append(tt.want, "close"), f.heard()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A panic of the session ends its connection, and nothing else.
func TestPanic(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"connect", "helo", "mail", "rcpt", "field", "eoh", "body", "end", "sent", "abort", "close"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			f := &fake{on: func(s string) {
				if strings.HasPrefix(s, step) {
					panic("injected")
				}
			}}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			// Whatever fails here, the MTA sees the end of the connection.
			go func() {
				for _, p := range [][]byte{
					miltertest.Packet('C', miltertest.Inet("h", "192.0.2.1", 25)), miltertest.Packet('H', miltertest.Strings("h")),
					miltertest.Packet('M', miltertest.Strings("<a@b>")), miltertest.Packet('R', miltertest.Strings("<b@c>")),
					miltertest.Packet('L', miltertest.Strings("A", " b")), miltertest.Packet('N'), miltertest.Packet('B', []byte("x")),
					miltertest.Packet('E'), miltertest.Packet('M', miltertest.Strings("<a@b>")), miltertest.Packet('A'), miltertest.Packet('Q'),
				} {
					if _, err := m.Write(p); err != nil {
						return
					}
				}
			}()
			for {
				if _, _, err := m.ReadPacket(); err != nil {
					break
				}
			}
			r.stop()
			if len(f.saying("panicked")) == 0 {
				t.Errorf("%q", f.heard())
			}
			if s := r.Counts(); s.ProtocolErrors != 0 || s.Timeouts != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
