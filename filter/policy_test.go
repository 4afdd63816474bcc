package filter

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// The tests of this file use the real policy and a real DNS server.

const zone = `
good.test.                 TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.good.test.          TXT "v=DMARC1; p=reject"
held.test.                 TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.lax.test.           TXT "v=DMARC1; p=none"
_dmarc.held.test.          TXT "v=DMARC1; p=quarantine"
plain.test.                A 192.0.2.9
helo.example.org.          A 192.0.2.1
1.2.0.192.in-addr.arpa.    PTR helo.example.org.
`

func startPolicy(t *testing.T, rules rules.Rules) (*testServer, *dnstest.Server) {
	t.Helper()
	return startPolicyWith(t, rules, policy.Options{})
}

func startPolicyWith(t *testing.T, rules rules.Rules, o policy.Options) (*testServer, *dnstest.Server) {
	t.Helper()
	dns, resolver := dnstest.Start(t, zone)
	exempt, err := addrlist.New(addrlist.Addresses, "192.0.2.200")
	if err != nil {
		t.Fatal(err)
	}
	o.Resolver, o.AuthservID = resolver, "mx.example.net"
	o.Exempt = policy.Exempt{Authenticated: true, Local: true, Addresses: exempt}
	if rules.AuthservID == "" {
		rules.AuthservID = "mx.example.net"
	}
	r := start(t, nil, Options{})
	r.SetHandler(Handler{Checker: policy.NewChecker(o), Rules: rules})
	return r, dns
}

// from returns a letter with this domain in its envelope and this author domain.
func from(envelope, author string) miltertest.Letter {
	return miltertest.Letter{
		From:  "<a@" + envelope + ">",
		Rcpts: []string{"<b@example.net>"},
		Fields: [][2]string{
			{"Authentication-Results", " other.example; dmarc=fail"},
			{"authentication-results", " \"mx.example.net\" (really) 1;\n\tdmarc=pass header.from=" + author},
			{"Subject", " 100% real"},
			{"Authentication-Results", " mx.example.net; spf=pass"},
			{"From", " A <a@" + author + ">"},
			{"Authentication-Results", " MX.example.net; dkim=pass"},
		},
		Body: "hello\r\n",
	}
}

func TestPolicyVerdicts(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{})
	tests := []struct {
		name   string
		letter miltertest.Letter
		code   byte
		text   string // prefix
		says   []string
		held   bool
	}{
		{name: "aligned", letter: from("good.test", "good.test"), code: 'c', says: []string{"dmarc=pass", "spf=pass"}},
		{name: "spoof of p=reject", letter: from("plain.test", "good.test"), code: 'y', text: "550 5.7.26 "},
		{name: "spoof of p=quarantine", letter: from("plain.test", "held.test"), code: 'c', held: true, says: []string{"dmarc=fail"}},
		{name: "no policy", letter: from("plain.test", "plain.test"), code: 'c', says: []string{"dmarc=none"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			o := m.Deliver(tt.letter)
			d := r.decision()
			if o.Code != tt.code || !strings.HasPrefix(o.Text, tt.text) {
				t.Fatalf("%q %q, %+v", o.Code, o.Text, d.Results)
			}
			if tt.code == 'y' {
				if len(o.Edits) > 0 {
					t.Errorf("%q", o.Edits)
				}
				return
			}
			// Fields in our name go, the last one first; others stay; ours is on top.
			var dels, ins []string
			held := false
			for _, e := range o.Edits {
				switch {
				case strings.HasPrefix(e, "del "):
					dels = append(dels, strings.ToLower(e[4:]))
				case strings.HasPrefix(e, "ins 0 Authentication-Results: mx.example.net"):
					ins = append(ins, e)
				case strings.HasPrefix(e, "quarantine "):
					held = true
				default:
					t.Errorf("edit %q", e)
				}
			}
			if got := strings.Join(dels, " "); got != "authentication-results#4 authentication-results#3 authentication-results#2" {
				t.Errorf("removed %s", got)
			}
			if len(ins) != 1 || held != tt.held {
				t.Fatalf("%q", o.Edits)
			}
			for _, s := range tt.says {
				if !strings.Contains(ins[0], s) {
					t.Errorf("no %s in %s", s, ins[0])
				}
			}
		})
	}
}

// A message without one author, or beyond the limits, has a defined reply.
func TestPolicyBadInput(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{})
	fields := func(n int, more ...[2]string) [][2]string {
		for i := range n {
			more = append(more, [2]string{"X-Field", fmt.Sprint(" ", i)})
		}
		return more
	}
	author := [2]string{"From", " a@plain.test"}
	tests := []struct {
		name string
		l    miltertest.Letter
		code byte
		text string
	}{
		{"no From", miltertest.Letter{From: "<>", Fields: fields(3), Body: "x"}, 'y', "550 5.7.1 "},
		{"two From", miltertest.Letter{From: "<>", Fields: fields(0, author, [2]string{"From", " b@good.test"}), Body: "x"}, 'y', "550 5.7.1 "},
		{"unparsable From", miltertest.Letter{From: "<>", Fields: fields(0, [2]string{"From", " \x00<<>>@,"}), Body: "x"}, 'y', "550 5.7.1 "},
		{"10,000 fields", miltertest.Letter{From: "<>", Fields: fields(10000, author), Body: "x"}, 'y', "552 5.3.4 "},
		{"a field of 1 MB", miltertest.Letter{From: "<>", Fields: fields(1, author, [2]string{"X", strings.Repeat("x", 1<<20)}), Body: "x"}, 'y', "552 5.3.4 "},
		{"NULs in the body", miltertest.Letter{From: "<>", Fields: fields(0, author), Body: "a\x00\x00\r\n"}, 'c', ""},
		{"no body", miltertest.Letter{From: "<>", Fields: fields(0, author)}, 'c', ""},
		{"nothing at all", miltertest.Letter{From: "<>"}, 'y', "550 5.7.1 "},
		{"hostile envelope", miltertest.Letter{From: "<\"a\r\n b\x01\"@\xff..%s>", Fields: fields(0, author)}, 'c', ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			if o := m.Deliver(tt.l); o.Code != tt.code || !strings.HasPrefix(o.Text, tt.text) {
				t.Errorf("%q %q", o.Code, o.Text)
			}
			if d := r.decision(); len(d.Results.Faults)+len(d.Faults) != 0 {
				t.Errorf("faults %q %q", d.Results.Faults, d.Faults)
			}
		})
	}
}

func TestPolicyExempt(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{})
	tests := []struct {
		name  string
		begin func(m *miltertest.MTA)
		want  string
	}{
		{"authenticated", func(m *miltertest.MTA) {
			m.Hello()
			m.Send('D', []byte("M"), miltertest.Strings("{auth_authen}", "jane"))
		}, result.ExemptAuthenticated},
		{"local submission", func(m *miltertest.MTA) {
			m.Command('C', miltertest.Inet("localhost", "127.0.0.1", 0))
			m.Command('H', miltertest.Strings("localhost"))
		}, result.ExemptLocal},
		{"exempt address", func(m *miltertest.MTA) {
			m.Command('C', miltertest.Inet("c", "192.0.2.200", 1))
			m.Command('H', miltertest.Strings("c"))
		}, result.ExemptAddress},
		{"nobody", func(m *miltertest.MTA) { m.Hello() }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			tt.begin(m)
			o := m.Deliver(from("plain.test", "good.test"))
			if d := r.decision(); d.Results.Exempt != tt.want || (o.Code == 'c') != (tt.want != "") {
				t.Errorf("exempt %q, %q %q", d.Results.Exempt, o.Code, o.Text)
			}
			if tt.name == "authenticated" {
				// The login does not outlive its message.
				if o := m.Deliver(from("plain.test", "good.test")); o.Code != 'y' {
					t.Errorf("second message: %q", o.Code)
				}
				r.decision()
			}
		})
	}
}

func TestPolicyDNSTrouble(t *testing.T) {
	t.Parallel()
	for onTempError, want := range map[rules.TempError]byte{rules.TempErrorAccept: 'c', rules.TempErrorDefer: 'y'} {
		t.Run(string(onTempError), func(t *testing.T) {
			t.Parallel()
			r, dns := startPolicy(t, rules.Rules{OnTempError: onTempError})
			for _, name := range []string{"lax.test", "good.test", "_dmarc.good.test"} {
				dns.SetFault(name, "*", dnstest.ServFail)
			}
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			for author, want := range map[string]byte{"lax.test": want, "good.test": 'y'} { // whose policy is unknown
				o := m.Deliver(from(author, author))
				if o.Code != want || want == 'y' && o.Text[0] != '4' {
					t.Errorf("%s: %q %q", author, o.Code, o.Text)
				}
				if d := r.decision(); d.Results.DMARC.Status != "temperror" {
					t.Errorf("%s: dmarc=%s %s", author, d.Results.DMARC.Status, d.Results.DMARC.Reason)
				}
			}
		})
	}
}

func TestPolicySwap(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{Mode: rules.Monitor})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	if o := m.Deliver(from("plain.test", "good.test")); o.Code != 'c' {
		t.Errorf("monitor: %q %q", o.Code, o.Text)
	}
	old := r.handler.Load()
	r.SetHandler(Handler{Checker: old.checker.(policyChecker).c, Rules: rules.Rules{Mode: rules.Enforce, AuthservID: "mx.example.net"}})
	if o := m.Deliver(from("plain.test", "good.test")); o.Code != 'y' {
		t.Errorf("enforce: %q %q", o.Code, o.Text)
	}
}

// TestGeneration swaps the handler all the time while messages arrive. Each message names
// the generation of the rules that decided about it.
func TestGeneration(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{Mode: rules.Monitor})
	checker := r.handler.Load().checker.(policyChecker).c
	swap := func(generation int64) {
		h := Handler{Checker: checker, Rules: rules.Rules{Mode: rules.Monitor, AuthservID: "mx.example.net"}, Generation: generation}
		if generation%2 == 0 {
			h.Rules.Mode = rules.Enforce
		}
		r.SetHandler(h)
	}
	swap(1)
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for g := int64(2); ; g++ {
			select {
			case <-stop:
				return
			default:
				swap(g)
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	seen := map[int64]bool{}
	for range 50 {
		o := m.Deliver(from("plain.test", "good.test"))
		d := <-r.decisions
		seen[d.Generation] = true
		if enforced := d.Generation%2 == 0; enforced != (o.Code == 'y') || enforced != (d.Verdict.Action == result.Reject) {
			t.Errorf("generation %d: %q %q, action %s", d.Generation, o.Code, o.Text, d.Verdict.Action)
		}
	}
	close(stop)
	group.Wait()
	if len(seen) < 2 {
		t.Errorf("all messages have the same generation: %v", seen)
	}
	// A message that began under old rules keeps them.
	swap(101)
	letter := from("plain.test", "good.test")
	m.Envelope(letter)
	swap(102)
	m.Content(letter)
	m.Send('E')
	if o := m.Verdict(); o.Code != 'c' {
		t.Errorf("a message that began before: %q %q", o.Code, o.Text)
	}
	if d := <-r.decisions; d.Generation != 101 {
		t.Errorf("generation %d of a message that began under 101", d.Generation)
	}
}
