package filter

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

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
		between func(*miltertest.MTA)
	}{
		{"Postfix", func(m *miltertest.MTA) { m.Send('A') }},
		{"Sendmail", func(*miltertest.MTA) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, _ := startPolicy(t, early(rules.Rules{}))
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Command('C', miltertest.Inet("client.example.org", "192.0.2.77", 40000))
			m.Command('H', miltertest.Strings("helo.example.org"))
			m.Command('M', miltertest.Strings("<a@good.test>"))
			for _, to := range []string{"<b@example.net>", "<c@example.net>"} {
				code, text := m.Rcpt(to)
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
			m.Command('M', miltertest.Strings("<a@good.test>"))
			if code, _ := m.Rcpt("<b@example.net>"); code != 'y' {
				t.Errorf("second message: %q", code)
			}
			r.decision()
			tt.between(m)
			if o := m.Deliver(from("plain.test", "plain.test")); o.Code != 'c' {
				t.Errorf("third message: %q %q", o.Code, o.Text)
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

// A client that is exempt or may send is not refused, and monitor mode refuses
// nobody.
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
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Command('C', miltertest.Inet("client.example.org", tt.ip, 40000))
			m.Command('H', miltertest.Strings("helo.example.org"))
			if tt.user != "" {
				m.Send('D', []byte("M"), miltertest.Strings("{auth_authen}", tt.user))
			}
			m.Command('M', miltertest.Strings("<a@good.test>"))
			if code, text := m.Rcpt("<b@example.net>"); code != 'c' {
				t.Errorf("%q %q", code, text)
			}
		})
	}
}

// A connection that was negotiated without replies to RCPT keeps to that after a
// reload: the new rules refuse at the message's end, and at RCPT on the next
// connection.
func TestEarlyAfterReload(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{})
	before := r.handler.Load()
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	r.SetHandler(Handler{Checker: before.checker.(policyChecker).c, Rules: early(rules.Rules{AuthservID: "mx.example.net"})})
	m.Command('C', miltertest.Inet("client.example.org", "192.0.2.77", 40000))
	m.Command('H', miltertest.Strings("helo.example.org"))
	m.Command('M', miltertest.Strings("<a@good.test>"))
	if m.Awaits('R') {
		t.Fatal("RCPT is answered")
	}
	m.Command('R', miltertest.Strings("<b@example.net>"))
	m.Silence()
	m.Content(miltertest.Usual())
	m.Send('E')
	if o := m.Verdict(); o.Code != 'y' || !strings.HasPrefix(o.Text, "550 5.7.23") {
		t.Errorf("%q %q", o.Code, o.Text)
	}
	if d := r.decision(); d.Early || d.Verdict.Rule != result.RuleSPFFail {
		t.Errorf("%+v", d)
	}
	m = miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Command('C', miltertest.Inet("client.example.org", "192.0.2.77", 40000))
	m.Command('M', miltertest.Strings("<a@good.test>"))
	if code, _ := m.Rcpt("<b@example.net>"); code != 'y' {
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
	j := f.handler()
	j.early = func(*result.Results) (result.Verdict, bool) { return result.Verdict{}, false }
	r.handler.Store(j)
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	if o := m.Deliver(miltertest.Usual()); o.Code != 'y' || !strings.HasPrefix(o.Text, "451 4.3.0") {
		t.Errorf("%q %q", o.Code, o.Text)
	}
	r.decision()
}
