package sign

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/message"
)

// mail is a message as a test describes it: who hands it in, the From field, and the
// Received fields from the top.
type mail struct {
	ip, user, from, socket, daemon string
	local                          bool
	author                         string
	received                       []string
	unproven                       string
}

func (m mail) message(t testing.TB) Message {
	t.Helper()
	msg := Message{
		Client: message.Client{Local: m.local, Socket: m.socket, Listener: m.daemon},
		Sender: message.Sender{Path: m.from, User: m.user},
		Author: message.ParseAuthor(message.Header{message.NewField("From", " "+m.author)}),

		Unproven: m.unproven,
	}
	if m.ip != "" {
		msg.Client.IP = netip.MustParseAddr(m.ip)
	}
	for _, r := range m.received {
		msg.Received = append(msg.Received, message.ParseReceived(message.NewField("Received", " "+r)))
	}
	return msg
}

func networks(t testing.TB, entries ...string) *addrlist.List {
	t.Helper()
	l, err := addrlist.New(addrlist.Addresses, entries...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// keys are the domains that have a key in the tests.
func keys(address message.Mailbox) string {
	if slices.Contains([]string{"example.org", "news.example.org", "example.net", "co.uk"}, address.Domain) {
		return address.Domain
	}
	return ""
}

// Received fields as the own mail server at 198.51.100.1 writes them, and below it.
const (
	fromLoopback = "from localhost (localhost [127.0.0.1]) by mx.example.org (Postfix) with ESMTP id 1; Sat, 28 Nov 2026 12:00:00 +0000"
	fromOutside  = "from evil.example (evil.example [203.0.113.66]) by mx.example.org (Postfix) with ESMTP id 2; Sat, 28 Nov 2026 12:00:00 +0000"
	fromLAN      = "from printer (printer.lan [10.0.0.9]) by mx.example.org (Postfix) with ESMTP id 3; Sat, 28 Nov 2026 12:00:00 +0000"
	fromLogin    = "from pc (pc.isp.example [203.0.113.7]) (Authenticated sender: ann@example.org) by mx.example.org (Postfix) with ESMTPSA id 4; Sat, 28 Nov 2026 12:00:00 +0000"
	fromRelay    = "from out (relay.example.org [192.0.2.25]) by mx.example.org (Postfix) with ESMTP id 5; Sat, 28 Nov 2026 12:00:00 +0000"
	fromProgram  = "by mx.example.org (Postfix, from userid 1000) id 6; Sat, 28 Nov 2026 12:00:00 +0000"
	unreadable   = "from a by mx.example.org (Postfix) with ESMTP id 7; Sat, 28 Nov 2026 12:00:00 +0000"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	inside := Options{Networks: networks(t, "127.0.0.0/8", "10.0.0.0/8"), Relays: networks(t, "192.0.2.25")}
	with := func(o Options, change func(*Options)) Options { change(&o); return o }
	logins := with(inside, func(o *Options) {
		o.Logins = Logins{"info@example.org": {"ann", "Bob@example.net"}, "@example.net": {"carol"}}
	})
	lists := with(inside, func(o *Options) { o.Daemons = []string{"LISTS"} })
	ann := "ann@example.org"
	tests := []struct {
		name string
		mail mail
		opt  Options
		want string // the domain, or the reason and its detail
	}{
		// 1. Is it mail of our users?
		{"login", mail{ip: "203.0.113.7", user: ann, from: ann, author: ann}, Options{}, "login example.org"},
		{"no login, from outside", mail{ip: "203.0.113.7", from: ann, author: ann}, inside, "not-originating: the client neither logged in nor came by a socket, daemon or network of our users"},
		{"loopback is not ours by itself", mail{ip: "127.0.0.1", from: ann, author: ann}, Options{}, "not-originating: the client neither logged in nor came by a socket, daemon or network of our users"},
		{"socket", mail{ip: "203.0.113.7", from: ann, author: ann, socket: "unix:/run/sign"}, Options{Sockets: []string{"unix:/run/sign"}}, "socket example.org"},
		{"another socket", mail{ip: "203.0.113.7", from: ann, author: ann, socket: "unix:/run/verify"}, Options{Sockets: []string{"unix:/run/sign"}}, "not-originating: the client neither logged in nor came by a socket, daemon or network of our users"},
		{"no name of a daemon", mail{ip: "203.0.113.7", from: ann, author: ann}, Options{Daemons: []string{""}}, "not-originating: the client neither logged in nor came by a socket, daemon or network of our users"},
		{"daemon", mail{ip: "203.0.113.7", from: ann, author: ann, daemon: "ORIGINATING"}, Options{Daemons: []string{"ORIGINATING"}}, "daemon example.org"},
		{"a local program, not wanted", mail{local: true, from: ann, author: ann}, inside, "not-originating: the client neither logged in nor came by a socket, daemon or network of our users"},
		{"a local program", mail{local: true, from: ann, author: ann}, Options{Local: true}, "local example.org"},
		{"network", mail{ip: "10.0.0.9", from: ann, author: ann}, inside, "network example.org"},

		// 2. Did we only relay it?
		{"a content filter, of a login", mail{ip: "127.0.0.1", from: ann, author: ann, received: []string{fromLoopback, fromLogin}}, inside, "network example.org"},
		{"a content filter, of the network", mail{ip: "127.0.0.1", from: ann, author: ann, received: []string{fromLAN}}, inside, "network example.org"},
		{"a content filter, of outside mail", mail{ip: "127.0.0.1", from: ann, author: ann, received: []string{fromLoopback, fromOutside}}, inside, "relayed-through-us: it came from 203.0.113.66 before"},
		{"the same, when asked for", mail{ip: "127.0.0.1", from: ann, author: ann, received: []string{fromOutside}}, with(inside, func(o *Options) { o.SignRelayed = true }), "network example.org"},
		{"a forged login below", mail{ip: "127.0.0.1", from: ann, author: ann, received: []string{fromOutside, fromLogin}}, inside, "relayed-through-us: it came from 203.0.113.66 before"},
		{"below a login is what the user wrote", mail{ip: "127.0.0.1", from: ann, author: ann, received: []string{fromLogin, fromOutside}}, inside, "network example.org"},
		{"a trusted relay", mail{ip: "10.0.0.9", from: ann, author: ann, received: []string{fromRelay, fromLAN}}, inside, "network example.org"},
		{"a program that hands in outside mail", mail{local: true, from: ann, author: ann, received: []string{fromProgram, fromOutside}}, with(inside, func(o *Options) { o.Local = true }), "relayed-through-us: it came from 203.0.113.66 before"},
		{"a program that writes mail", mail{local: true, from: ann, author: ann, received: []string{fromProgram}}, with(inside, func(o *Options) { o.Local = true }), "local example.org"},
		{"a hop that cannot be read", mail{ip: "10.0.0.9", from: ann, author: ann, received: []string{unreadable}}, inside, "relayed-through-us: it may have come from outside: no address of a client in the Received field"},
		{"a loop", mail{ip: "10.0.0.9", from: ann, author: ann, received: slices.Repeat([]string{fromLAN}, 51)}, inside, "relayed-through-us: it has more than 50 Received fields"},
		{"a login may forward", mail{ip: "203.0.113.7", user: ann, from: ann, author: ann, received: []string{fromOutside}}, inside, "login example.org"},

		// 3. Has it one author?
		{"two authors of one domain", mail{user: ann, from: ann, author: "a@example.org, b@example.org"}, Options{}, "login example.org"},
		{"two domains", mail{user: ann, from: ann, author: "a@example.org, b@example.net"}, Options{}, "author-ambiguous: addresses of several domains"},

		// 4. Have we a key?
		{"the exact domain first", mail{user: "x@news.example.org", author: "x@news.example.org"}, Options{}, "login news.example.org"},
		{"then its parents", mail{user: ann, author: "x@a.b.example.org"}, Options{}, "login example.org"},
		{"parents are not wanted", mail{user: ann, author: "x@a.b.example.org"}, Options{ExactOnly: true}, "no-key: there is no key for a.b.example.org"},
		{"forwarded mail", mail{user: ann, from: ann, author: "eve@elsewhere.example"}, Options{}, "no-key: there is no key for elsewhere.example"},
		{"no key of a public suffix", mail{user: ann, author: "x@shop.co.uk"}, Options{}, "no-key: there is no key for shop.co.uk"},

		{"a list, of a stranger who writes as ours", mail{ip: "127.0.0.1", daemon: "LISTS", from: "l-bounces@example.org", author: ann, received: []string{fromLoopback, fromOutside}, unproven: "b.example.org"}, lists, "relayed-through-us: it came from 203.0.113.66 before, and nothing proved its author in b.example.org"},
		{"a list that logs in, of such a stranger", mail{user: "lists", from: "l-bounces@example.org", author: ann, received: []string{fromOutside}, unproven: "example.org"}, lists, "relayed-through-us: it came from 203.0.113.66 before, and nothing proved its author in example.org"},
		{"a list, of another stranger", mail{ip: "127.0.0.1", daemon: "LISTS", from: "l-bounces@example.org", author: "l@example.org", received: []string{fromOutside}, unproven: "elsewhere.example"}, lists, "daemon example.org"},
		{"a list, of a stranger who is proven", mail{ip: "127.0.0.1", daemon: "LISTS", from: "l-bounces@example.org", author: ann, received: []string{fromOutside}}, lists, "daemon example.org"},
		{"a list, of a login", mail{ip: "127.0.0.1", daemon: "LISTS", from: "l-bounces@example.org", author: ann, received: []string{fromLoopback, fromLogin}, unproven: "example.org"}, lists, "daemon example.org"},
		{"a list, when asked for", mail{ip: "127.0.0.1", daemon: "LISTS", from: "l-bounces@example.org", author: ann, received: []string{fromOutside}, unproven: "example.org"}, with(lists, func(o *Options) { o.SignRelayed = true }), "daemon example.org"},

		// 5. May this user write as this author?
		{"another domain", mail{user: "eve@example.net", from: "eve@example.net", author: ann}, Options{}, "login-mismatch: the login eve@example.net does not belong to example.org, which signs for the author"},
		{"another user of the domain", mail{user: "bob@example.org", author: ann}, Options{}, "login example.org"},
		{"another user, by address", mail{user: "bob@example.org", author: ann}, Options{Match: MatchAddress}, "login-mismatch: the login bob@example.org is not the author ann@example.org"},
		{"the author, by address", mail{user: "ann@EXAMPLE.org", author: ann}, Options{Match: MatchAddress}, "login example.org"},
		{"anybody", mail{user: "eve@example.net", author: ann}, Options{Match: MatchOff}, "login example.org"},
		{"a plain login, by MAIL FROM", mail{user: "ann", from: "bounces@bounces.example.org", author: ann}, Options{}, "login example.org"},
		{"a plain login, another MAIL FROM", mail{user: "ann", from: "ann@example.net", author: ann}, Options{}, "login-mismatch: the sender ann@example.net does not belong to example.org, which signs for the author"},
		{"a plain login with the null sender", mail{user: "eve", author: ann}, Options{}, "login-mismatch: the login eve is no address and the sender is null, so that nothing ties it to example.org"},
		{"a notice of our server", mail{local: true, author: "MAILER-DAEMON@mx1.example.org"}, Options{Local: true}, "local example.org"},
		{"a network, another sender", mail{ip: "10.0.0.9", from: "x@elsewhere.example", author: ann}, inside, "login-mismatch: the sender x@elsewhere.example does not belong to example.org, which signs for the author"},
		{"a login without a domain behind @", mail{user: "ann@", author: ann}, Options{}, "login-mismatch: the login ann@ has no valid domain"},
		{"the table", mail{user: "ann", from: "info@example.org", author: "Info@example.org"}, logins, "login example.org"},
		{"the table, another case", mail{user: "bob@EXAMPLE.net", author: "info@example.org"}, logins, "login example.org"},
		{"the table, another login", mail{user: "eve@example.org", author: "info@example.org"}, logins, "login-mismatch: the login eve@example.org may not write as info@example.org by the table of logins"},
		{"the table, a domain", mail{user: "carol", author: "x@example.net"}, logins, "login example.net"},
		{"the table, no login", mail{ip: "10.0.0.9", from: "x@example.net", author: "x@example.net"}, logins, "network example.net"},
		{"the table, no login and another sender", mail{ip: "10.0.0.9", from: "x@elsewhere.example", author: "x@example.net"}, logins, "login-mismatch: the sender x@elsewhere.example does not belong to example.net, which signs for the author"},
		{"each author is asked", mail{user: "ann", from: "info@example.org", author: "info@example.org, ann@example.org"}, logins, "login example.org"},
		{"one author is not allowed", mail{user: "eve@example.org", author: "eve@example.org, info@example.org"}, logins, "login-mismatch: the login eve@example.org may not write as info@example.org by the table of logins"},
		{"a login with a line end", mail{user: "eve\r\nX: y@example.net", author: ann}, Options{}, "login-mismatch: the login \"eve\\r\\nX:\\x20y@example.net\" does not belong to example.org, which signs for the author"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := Decide(tt.mail.message(t), tt.opt, keys)
			got := d.Origin + " " + d.Domain
			if d.Reason != "" {
				got = string(d.Reason) + ": " + d.Detail
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (d.Reason == "") != (d.Domain != "") || (d.Origin == "") != (d.Reason == NotOriginating) {
				t.Errorf("contradiction: %+v", d)
			}
		})
	}
}

// TestNobodySignsForAnother tries each login against each author: without a table, no
// one signs as a domain that does not sign for his own.
func TestNobodySignsForAnother(t *testing.T) {
	t.Parallel()
	domains := []string{"example.org", "news.example.org", "a.news.example.org", "b.example.org", "example.net", "elsewhere.example", "shop.co.uk"}
	signed := 0
	for _, user := range domains {
		for _, author := range domains {
			for _, from := range append(domains, "") {
				m := mail{ip: "203.0.113.7", user: "u@" + user, author: "x@" + author}
				if from != "" {
					m.from = "m@" + from
				}
				d := Decide(m.message(t), Options{}, keys)
				if d.Domain == "" {
					continue
				}
				signed++
				if signingDomain(message.Mailbox{Local: "u", Domain: user}, Options{}, keys) != d.Domain || !strings.HasSuffix("."+author, "."+d.Domain) {
					t.Errorf("%s signs as %s for %s", user, d.Domain, author)
				}
			}
		}
	}
	if signed < 50 {
		t.Errorf("only %d are signed", signed)
	}
}

// TestParentsAreBounded: an author in a domain of very many labels costs few questions.
func TestParentsAreBounded(t *testing.T) {
	t.Parallel()
	for labels, most := range map[int]int{3: 2, 9: 8, 100: 10} {
		name := strings.Repeat("a.", labels-2) + "example.org"
		asked := map[string]int{}
		d := Decide(mail{user: "u@" + name, author: "x@" + name}.message(t), Options{}, func(a message.Mailbox) string {
			asked[a.Domain]++
			return keys(a)
		})
		if d.Domain != "example.org" || len(asked) > most || asked[name] == 0 {
			t.Errorf("%d labels: %q after %d questions", labels, d.Domain, len(asked))
		}
	}
}
