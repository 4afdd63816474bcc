package livetrace

import (
	"net/netip"
	"testing"

	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	usual := filter.Decision{
		Client: message.Client{IP: netip.MustParseAddr("192.0.2.1")},
		Results: &result.Results{
			Client: result.ClientResult{IP: "192.0.2.1"}, MailFrom: "Bounce@Lists.Example.ORG",
			Author:     message.Author{Mailboxes: []message.Mailbox{{Local: "Ann", Domain: "bank.example"}}},
			Recipients: []string{"bob@example.net", `"eve"@xn--bcher-kva.test`},
		},
	}
	bounce := filter.Decision{Results: &result.Results{}}
	relayed := usual
	relayed.Results = &result.Results{Client: result.ClientResult{IP: "203.0.113.9", Relay: "192.0.2.1"}}
	for _, tt := range []struct {
		client, from, rcpt     string
		usual, bounce, byRelay bool
	}{
		{usual: true, bounce: true, byRelay: true},
		{client: "192.0.2.1", usual: true, byRelay: true},
		{client: "::ffff:192.0.2.1", usual: true, byRelay: true},
		{client: "192.0.2.77/24", usual: true, byRelay: true},
		{client: "203.0.113.0/24", byRelay: true},
		{client: "2001:db8::/32"},
		{from: "lists.example.org", usual: true},
		{from: "EXAMPLE.org", usual: true},
		{from: "ample.org"},
		{from: "bounce@lists.example.org", usual: true},
		{from: "bounce@example.org"},
		{from: "bank.example", usual: true},
		{from: "ann@bank.example", usual: true},
		{from: "bob@bank.example"},
		{from: "<>", bounce: true, byRelay: true},
		{rcpt: "example.net", usual: true},
		{rcpt: "BOB@example.net", usual: true},
		{rcpt: "bücher.test", usual: true},
		{rcpt: "test", usual: true},
		{rcpt: "ann@example.net"},
		{client: "192.0.2.1", from: "bank.example", rcpt: "example.net", usual: true},
		{client: "192.0.2.1", from: "bank.example", rcpt: "other.example"},
		{client: "192.0.2.2", from: "bank.example", rcpt: "example.net"},
	} {
		f, err := ParseFilter(tt.client, tt.from, tt.rcpt)
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		for what, c := range map[string]struct {
			d    *filter.Decision
			want bool
		}{"usual": {&usual, tt.usual}, "bounce": {&bounce, tt.bounce}, "by a relay": {&relayed, tt.byRelay}} {
			if got := f.selects(c.d); got != c.want {
				t.Errorf("client %q, from %q, rcpt %q: %s %v, want %v", tt.client, tt.from, tt.rcpt, what, got, c.want)
			}
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ client, from, rcpt, want string }{
		{"x", "", "", `--client: "x" is no address; write one such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32`},
		{"192.0.2.0/33", "", "", `--client: "192.0.2.0/33" is no address; write one such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32`},
		{"", "a b", "", `--from: "a b" is neither a domain nor an address; write one such as example.org or ann@example.org`},
		{"", "@example.org", "", `--from: "@example.org" is neither a domain nor an address; write one such as example.org or ann@example.org`},
		{"", "ann@", "", `--from: "ann@" is neither a domain nor an address; write one such as example.org or ann@example.org`},
		{"", "", "<>", `--rcpt: "<>" is neither a domain nor an address; write one such as example.org or ann@example.org`},
	} {
		if _, err := ParseFilter(tt.client, tt.from, tt.rcpt); err == nil || err.Error() != tt.want {
			t.Errorf("got %v\nwant %s", err, tt.want)
		}
	}
}
