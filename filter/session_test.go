package filter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/result"

	"github.com/google/go-cmp/cmp"
)

func TestConversation(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	m.deliver(usual)
	m.send('Q')
	m.closed()
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

// Both MTAs' ways of separating messages on one connection lead to the same.
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
			m := connectMTA(t, r.dial, offerAll)
			m.hello()
			for i := range 3 {
				l := usual
				l.from = "<" + strings.Repeat("x", i+1) + "@example.org>"
				if o := m.deliver(l); o.code != 'y' || o.text != "550 5.7.26 no" {
					t.Fatalf("message %d: %q %q", i, o.code, o.text)
				}
				d := r.decision()
				if d.From != strings.Trim(l.from, "<>") || d.Client.IP != netip.MustParseAddr("192.0.2.1") || d.Helo != "helo.example.org" || d.Recipients != 1 {
					t.Errorf("message %d: %+v", i, d)
				}
				if strings.Contains(tt.abort, "A") {
					m.send('A')
					m.send('A')
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
		end  func(*mta)
	}{
		{"RSET, Postfix", func(m *mta) { m.send('A'); m.send('A') }},
		{"RSET, Sendmail", func(m *mta) { m.send('A') }},
		{"second EHLO, Postfix", func(m *mta) { m.send('A'); m.command('H', z("helo.example.org")) }},
		{"second EHLO, Sendmail", func(m *mta) { m.command('H', z("helo.example.org")) }},
		{"rejected MAIL, Sendmail says nothing", func(m *mta) {}},
		{"another SMTP session", func(m *mta) { m.send('K'); m.hello() }},
		{"connect again", func(m *mta) { m.hello() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := connectMTA(t, r.dial, offerAll)
			m.hello()
			m.envelope(letter{from: "<old@example.org>", rcpts: []string{"<one@example.net>", "<two@example.net>"}})
			m.content(usual)
			tt.end(m)
			l := usual
			l.from = "<new@example.org>"
			if o := m.deliver(l); o.code != 'c' {
				t.Fatalf("verdict %q %q", o.code, o.text)
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
			m := connectMTA(t, r.dial, offerAll)
			m.hello()
			m.envelope(usual)
			m.send('L', z("From", " a@example.org"))
			if name == "Postfix" {
				m.send('A')
				m.send('A')
				m.send('Q')
			}
			m.Close()
			eventually(t, "released", func() bool { return f.has("bye") && f.has("close") && r.Stats().Open == 0 })
			if !f.has("bye, context canceled") {
				t.Errorf("the context lives on: %q", f.heard())
			}
			if s := r.Stats(); s.Aborted != 1 || s.Busy != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	unix := func(host string, rest ...byte) []byte { return append(append(z(host), 'L'), rest...) }
	tests := []struct {
		name    string
		connect []byte
		macros  []string
		want    string
	}{
		{"Postfix, IPv4", inet("c.example.org", "192.0.2.1", 25), nil, "192.0.2.1 c.example.org 25 local=false "},
		{"Postfix, no PTR", inet("[192.0.2.1]", "192.0.2.1", 25), nil, "192.0.2.1 [192.0.2.1] 25 local=false "},
		{"Postfix, IPv6", inet("c.example.org", "2001:db8::1", 25), nil, "2001:db8::1 c.example.org 25 local=false "},
		{"Sendmail, IPv6", inet("c.example.org", "IPv6:2001:db8:0:0:0:0:0:1", 25), nil, "2001:db8::1 c.example.org 25 local=false "},
		{"prefix in lower case", inet("c.example.org", "ipv6:2001:db8::1", 25), nil, "2001:db8::1 c.example.org 25 local=false "},
		{"IPv4-mapped", inet("c.example.org", "IPv6:::ffff:192.0.2.1", 25), nil, "192.0.2.1 c.example.org 25 local=false "},
		{"with a zone", inet("c.example.org", "fe80::1%eth0", 25), nil, "fe80::1 c.example.org 25 local=false "},
		{"unreadable address, macro", inet("c.example.org", "what", 25), []string{"{client_addr}", "192.0.2.9"}, "192.0.2.9 c.example.org 25 local=false "},
		{"unreadable address, Sendmail's macro", inet("c.example.org", "what", 25), []string{"{client_addr}", "IPv6:2001:db8::9"}, "2001:db8::9 c.example.org 25 local=false "},
		{"unreadable address, no macro", inet("c.example.org", "", 25), nil, "- c.example.org 25 local=false "},
		{"loopback client over SMTP", inet("localhost", "127.0.0.1", 40000), nil, "127.0.0.1 localhost 40000 local=false "},
		{"Postfix pickup", inet("localhost", "127.0.0.1", 0), nil, "127.0.0.1 localhost 0 local=true "},
		{"pickup, IPv6", inet("localhost", "::1", 0), nil, "::1 localhost 0 local=true "},
		{"no port, from afar", inet("c.example.org", "192.0.2.1", 0), nil, "192.0.2.1 c.example.org 0 local=false "},
		{"sendmail -bs", append(z("localhost"), 'U'), nil, "- localhost 0 local=true "},
		{"unknown to Postfix", append(z("unknown"), 'U'), nil, "- unknown 0 local=false "},
		{"unknown family, address in a macro", append(z("c"), 'U'), []string{"client_addr", "192.0.2.1"}, "192.0.2.1 c 0 local=false "},
		{"Postfix, unix", unix("localhost", append([]byte{0, 0}, "/run/s\x00"...)...), nil, "- localhost 0 local=true "},
		{"unix without anything", unix("localhost"), nil, "- localhost 0 local=true "},
		{"a family of tomorrow", append(z("unknown"), 'X', 1, 2, 3), nil, "- unknown 0 local=false "},
		{"listener", inet("c", "192.0.2.1", 25), []string{"{daemon_name}", "submission"}, "192.0.2.1 c 25 local=false submission"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := connectMTA(t, r.dial, offerAll)
			m.send('D', []byte("C"), z(tt.macros...))
			m.command('C', tt.connect)
			eventually(t, "the connect is heard", func() bool { return len(f.heard()) > 0 })
			if diff := cmp.Diff([]string{"connect " + tt.want}, f.heard()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMalformedConnect(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "host", "host\x00", "host\x004", "host\x006\x01"} {
		f := &fake{}
		r := start(t, f, Options{})
		m := connectMTA(t, r.dial, offerAll)
		m.send('C', []byte(data))
		m.closed()
		if r.stop(); len(f.heard()) != 0 || r.Stats().ProtocolErrors != 1 {
			t.Errorf("%q: %v %+v", data, f.heard(), r.Stats())
		}
	}
}

func TestMacros(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()

	// EHLO, STARTTLS, EHLO; AUTH; Postfix knows the queue id from DATA on.
	m.send('D', []byte("H"), z("{tls_version}", "TLSv1.3", "{cipher}", "AES"))
	m.command('H', z("helo.example.org"))
	m.send('D', []byte("M"), z("{auth_type}", "PLAIN", "{auth_authen}", "jane", "i", ""))
	m.command('M', z("<a@example.org>"))
	m.send('D', []byte("R"), z("{rcpt_addr}", "b"))
	m.command('R', z("<b@example.net>"))
	m.send('D', []byte("L"), z("i", "4ABC"))
	m.send('L', z("From", " a"))
	m.send('D', []byte("N"))
	m.send('N')
	m.send('D', []byte("E"), z("i", ""))
	m.send('E')
	m.verdict()
	if d := r.decision(); d.QueueID != "4ABC" {
		t.Errorf("queue id %q, want the last that was not empty", d.QueueID)
	}

	// The next message is nobody's, in the same TLS session; its id has not
	// come, and the old one is not its own. No macros at all precede it.
	m.command('M', z("<a@example.org>"))
	m.send('E')
	m.verdict()
	if d := r.decision(); d.QueueID != "" {
		t.Errorf("queue id %q of another message", d.QueueID)
	}

	// Sendmail tells the id at MAIL only; EXTERNAL may have no name.
	m.send('D', []byte("M"), z("i", "qA1", "{auth_type}", "EXTERNAL"))
	m.command('M', z("<a@example.org>"))
	m.send('E')
	m.verdict()
	if d := r.decision(); d.QueueID != "qA1" {
		t.Errorf("queue id %q", d.QueueID)
	}
	// A new SMTP session on the same connection begins without TLS.
	m.send('K')
	m.hello()
	m.command('M', z("<a@example.org>"))

	var mails []string
	for _, s := range f.heard() {
		if strings.HasPrefix(s, "mail") {
			mails = append(mails, s)
		}
	}
	want := []string{
		"mail <a@example.org> user=jane tls=TLSv1.3",
		"mail <a@example.org> user= tls=TLSv1.3",
		"mail <a@example.org> user=EXTERNAL tls=TLSv1.3",
		"mail <a@example.org> user= tls=",
	}
	if diff := cmp.Diff(want, mails); diff != "" {
		t.Error(diff)
	}
}

func TestEnvelopePaths(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	m.command('M', z("<>", "SIZE=100", "BODY=8BITMIME"))
	for _, a := range []string{"<b@example.net>", "c@example.net", "<d@example.net>", "<e@example.net>"} {
		m.command('R', z(a, "NOTIFY=NEVER"))
	}
	m.send('E')
	m.verdict()
	if d := r.decision(); d.From != "" || d.Recipients != 4 {
		t.Errorf("%+v", d)
	}
	want := []string{"mail <> user= tls=", "rcpt <b@example.net>", "rcpt <c@example.net>", "rcpt <d@example.net>", "rcpt <e@example.net>"}
	if diff := cmp.Diff(want, f.heard()[2:7]); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	// Not asked for, but an MTA of protocol 2 might send it; DATA likewise.
	m := connectMTA(t, r.dial, offer{6, 0x1ff, 0x1fffff &^ 0x300})
	m.hello()
	m.send('U', z("FOOBAR"))
	m.want('c')
	m.send('U', z(""))
	m.want('c')
	if o := m.deliver(usual); o.code != 'c' {
		t.Errorf("verdict %q", o.code)
	}
	// The verdict after DATA is the verdict, not the reply to DATA.
	f.verdict = result.Verdict{Action: result.Reject, Code: "550 5.7.26", Text: "no"}
	if o := m.deliver(usual); o.code != 'y' {
		t.Errorf("verdict %q", o.code)
	}
}

func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	t.Run("verdict on nothing", func(t *testing.T) {
		m := connectMTA(t, r.dial, offerAll)
		m.send('E')
		if d := m.want('y'); !strings.HasPrefix(string(d), "451 4.3.0 ") {
			t.Errorf("%q", d)
		}
		m.send('A')
		m.send('A')
		m.silence()
	})
	t.Run("header and body without MAIL", func(t *testing.T) {
		m := connectMTA(t, r.dial, offerAll)
		m.content(usual)
		m.command('R', z("<b@example.net>"))
		m.send('E')
		m.want('y')
	})
	t.Run("MAIL without connect", func(t *testing.T) {
		m := connectMTA(t, r.dial, offerAll)
		if o := m.deliver(usual); o.code != 'c' {
			t.Errorf("verdict %q", o.code)
		}
		if d := r.decision(); d.Client.IP.IsValid() || d.Client.Local {
			t.Errorf("%+v", d.Client)
		}
	})
	t.Run("second verdict", func(t *testing.T) {
		m := connectMTA(t, r.dial, offerAll)
		m.hello()
		m.deliver(usual)
		m.send('E')
		m.want('y')
	})
}

func TestHandlerSwap(t *testing.T) {
	t.Parallel()
	old, young := &fake{name: "old "}, &fake{name: "new "}
	r := start(t, old, Options{})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	m.envelope(usual)
	r.handler.Store(young.judge())
	m.content(usual)
	m.send('E')
	m.verdict()
	if heard := young.heard(); len(heard) != 0 {
		t.Errorf("a message changed its handler: %v", heard)
	}
	if !old.has("decide") {
		t.Error("the old handler did not decide")
	}
	m.deliver(usual)
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
