package filter

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// rcpt says RCPT and returns the reply, or 'c' where none is due.
func (m *mta) rcpt(addr string) (code byte, text string) {
	m.t.Helper()
	m.send('R', z(addr))
	if !m.due('R') {
		return 'c', ""
	}
	c, d := m.recv()
	return c, strings.TrimSuffix(string(d), "\x00")
}

func early(p rules.Rules) rules.Rules {
	p.Local = rules.Local{SPFFail: rules.DemandReject, SPFEarly: true}
	return p
}

// A refusal at RCPT answers every recipient, is told once, and leaves the
// connection as it was for the next message, also where the MTA says nothing in
// between, as Sendmail does.
func TestEarlyRefusal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		between func(*mta)
	}{
		{"Postfix", func(m *mta) { m.send('A') }},
		{"Sendmail", func(*mta) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, _ := startPolicy(t, early(rules.Rules{}))
			m := connectMTA(t, r.dial, offerAll)
			m.command('C', inet("client.example.org", "192.0.2.77", 40000))
			m.command('H', z("helo.example.org"))
			m.command('M', z("<a@good.test>"))
			for _, to := range []string{"<b@example.net>", "<c@example.net>"} {
				code, text := m.rcpt(to)
				if code != 'y' || text != "550 5.7.23 SPF: good.test does not let 192.0.2.77 send its mail. If you may send for good.test, its administrators must list your server in SPF" {
					t.Errorf("%s: %q %q", to, code, text)
				}
			}
			d := r.decision()
			if !d.Early || d.Verdict.Action != result.Reject || d.Verdict.Rule != result.RuleSPFFail || d.Client.IP.String() != "192.0.2.77" || d.Recipients != 1 {
				t.Errorf("%+v", d)
			}
			tt.between(m)
			// The client is still known: the next message is judged by its address.
			m.command('M', z("<a@good.test>"))
			if code, _ := m.rcpt("<b@example.net>"); code != 'y' {
				t.Errorf("second message: %q", code)
			}
			r.decision()
			tt.between(m)
			if o := m.deliver(from("plain.test", "plain.test")); o.code != 'c' {
				t.Errorf("third message: %q %q", o.code, o.text)
			}
			if d := r.decision(); d.Early || d.Results.Client.IP != "192.0.2.77" {
				t.Errorf("%+v", d.Results.Client)
			}
			if n := r.Stats().Aborted; n != 0 {
				t.Errorf("%d aborted messages", n)
			}
		})
	}
}

// Who is exempt, or may send, is not refused; nor does monitor mode refuse.
func TestEarlyLetsThrough(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		rules rules.Rules
		ip    string
		user  string
	}{
		{"permitted", rules.Rules{}, "192.0.2.1", ""},
		{"exempt address", rules.Rules{}, "192.0.2.200", ""},
		{"authenticated", rules.Rules{}, "192.0.2.77", "jane"},
		{"monitor", rules.Rules{Mode: rules.Monitor}, "192.0.2.77", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, _ := startPolicy(t, early(tt.rules))
			m := connectMTA(t, r.dial, offerAll)
			m.command('C', inet("client.example.org", tt.ip, 40000))
			m.command('H', z("helo.example.org"))
			if tt.user != "" {
				m.send('D', []byte("M"), z("{auth_authen}", tt.user))
			}
			m.command('M', z("<a@good.test>"))
			if code, text := m.rcpt("<b@example.net>"); code != 'c' {
				t.Errorf("%q %q", code, text)
			}
		})
	}
}

// A connection that began when nobody was refused early has no reply to RCPT: the
// rules that a reload brought refuse at the end, and at RCPT on the next one.
func TestEarlyAfterReload(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{})
	before := r.handler.Load()
	m := connectMTA(t, r.dial, offerAll)
	r.SetHandler(Handler{Checker: before.checker.(policyChecker).c, Rules: early(rules.Rules{AuthservID: "mx.example.net"})})
	m.command('C', inet("client.example.org", "192.0.2.77", 40000))
	m.command('H', z("helo.example.org"))
	m.command('M', z("<a@good.test>"))
	if m.due('R') {
		t.Fatal("RCPT is answered")
	}
	m.command('R', z("<b@example.net>"))
	m.silence()
	m.content(usual)
	m.send('E')
	if o := m.verdict(); o.code != 'y' || !strings.HasPrefix(o.text, "550 5.7.23") {
		t.Errorf("%q %q", o.code, o.text)
	}
	if d := r.decision(); d.Early || d.Verdict.Rule != result.RuleSPFFail {
		t.Errorf("%+v", d)
	}
	m = connectMTA(t, r.dial, offerAll)
	m.command('C', inet("client.example.org", "192.0.2.77", 40000))
	m.command('M', z("<a@good.test>"))
	if code, _ := m.rcpt("<b@example.net>"); code != 'y' {
		t.Errorf("%q", code)
	}
	r.decision()
}

// A panic while the rules are asked early fails the message, and nothing else.
func TestEarlyPanic(t *testing.T) {
	t.Parallel()
	f := &fake{on: func(what string) {
		if what == "early" {
			panic("out of order")
		}
	}}
	r := start(t, f, Options{})
	j := f.judge()
	j.early = func(*result.Results) (result.Verdict, bool) { return result.Verdict{}, false }
	r.handler.Store(j)
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	if o := m.deliver(usual); o.code != 'y' || !strings.HasPrefix(o.text, "451 4.3.0") {
		t.Errorf("%q %q", o.code, o.text)
	}
	r.decision()
}
