package policy_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/rules"
)

const earlyZone = `
strict.example. TXT "v=spf1 ip4:192.0.2.9 -all exp=why.strict.example"
why.strict.example. TXT "ask %{i}"
soft.example. TXT "v=spf1 ~all"
broken.example. TXT "v=spf1 nonsense"
mx.fwd.example. A 192.0.2.66
66.2.0.192.in-addr.arpa. PTR mx.fwd.example.
77.2.0.192.in-addr.arpa. PTR mx.fwd.example.
$FAULT trouble.example TXT SERVFAIL
$FAULT 88.2.0.192.in-addr.arpa PTR SERVFAIL
`

func TestEarly(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, earlyZone)
	strict := rules.Local{SPFFail: rules.DemandReject, SPFSoftfail: rules.DemandReject, SPFPermError: rules.DemandReject, SPFEarly: true}
	for _, tt := range []struct {
		name   string
		rules  rules.Rules
		exempt policy.Exempt
		down   bool
		ip     string
		helo   string
		from   string
		user   string
		code   string // "" if the message may come
		text   string
	}{
		{name: "fail", from: "a@strict.example", code: "550 5.7.23", text: `SPF: strict.example does not let 192.0.2.66 send its mail; strict.example explains: "ask 192.0.2.66". If you may send for strict.example, its administrators must list your server in SPF`},
		{name: "softfail", from: "a@soft.example", code: "550 5.7.23", text: "SPF: soft.example does not know 192.0.2.66 as a sender of its mail. If you may send for soft.example, its administrators must list your server in SPF"},
		{name: "permerror", from: "a@broken.example", code: "550 5.7.24", text: "SPF of broken.example ends in an error: the SPF record of broken.example is wrong: term 1 (nonsense): there is no such mechanism. The administrators of broken.example must repair the SPF record"},
		{name: "bounce, by HELO", helo: "strict.example", code: "550 5.7.23", text: `SPF: strict.example does not let 192.0.2.66 send its mail; strict.example explains: "ask 192.0.2.66". If you may send for strict.example, its administrators must list your server in SPF`},
		{name: "HELO alone refuses no message", helo: "strict.example", from: "a@none.example"},
		{name: "pass", from: "a@strict.example", ip: "192.0.2.9"},
		{name: "no record", from: "a@none.example"},
		{name: "temperror", from: "a@trouble.example"},
		{
			name: "temperror, deferred", rules: rules.Rules{OnTempError: rules.TempErrorDefer}, from: "a@trouble.example",
			code: "451 4.7.24", text: "SPF of trouble.example could not be evaluated because of a DNS failure; please try again later",
		},
		{name: "not early", rules: rules.Rules{Local: rules.Local{SPFFail: rules.DemandReject}}, from: "a@strict.example"},
		{name: "only marked", rules: rules.Rules{Local: rules.Local{SPFEarly: true}}, from: "a@strict.example"},
		{name: "held at the end", rules: rules.Rules{Local: rules.Local{SPFFail: rules.DemandQuarantine, SPFEarly: true}}, from: "a@strict.example"},
		{name: "monitor", rules: rules.Rules{Mode: rules.Monitor}, from: "a@strict.example"},
		{name: "authenticated", exempt: policy.Exempt{Authenticated: true}, user: "ann", from: "a@strict.example"},
		{name: "exempt address", exempt: policy.Exempt{Addresses: members(t, "192.0.2.66")}, from: "a@strict.example"},
		{name: "exempt name", exempt: policy.Exempt{Names: members(t, ".fwd.example")}, from: "a@strict.example"},
		{name: "exempt name, only claimed", exempt: policy.Exempt{Names: members(t, ".fwd.example")}, ip: "192.0.2.77", from: "a@soft.example", code: "550 5.7.23", text: "SPF: soft.example does not know 192.0.2.77 as a sender of its mail. If you may send for soft.example, its administrators must list your server in SPF"},
		{name: "exempt name, hidden", exempt: policy.Exempt{Names: members(t, ".fwd.example")}, ip: "192.0.2.88", from: "a@strict.example"},
		{name: "forwarder", rules: rules.Rules{Trust: rules.Trust{Forwarders: members(t, "192.0.2.66")}}, from: "a@strict.example"},
		{name: "forwarder, in a prefix", rules: rules.Rules{Trust: rules.Trust{Forwarders: members(t, "192.0.2.64/26")}}, from: "a@strict.example"},
		{name: "forwarder, of a bounce", rules: rules.Rules{Trust: rules.Trust{Forwarders: members(t, "192.0.2.66")}}, helo: "strict.example"},
		{name: "forwarder, as a mapped address", rules: rules.Rules{Trust: rules.Trust{Forwarders: members(t, "192.0.2.66")}}, ip: "::ffff:192.0.2.66", from: "a@strict.example"},
		{name: "forwarder, SPF hidden", rules: rules.Rules{OnTempError: rules.TempErrorDefer, Trust: rules.Trust{Forwarders: members(t, "192.0.2.66")}}, from: "a@trouble.example"},
		{name: "forwarder by name", rules: rules.Rules{Trust: rules.Trust{Forwarders: members(t, ".fwd.example")}}, from: "a@strict.example"},
		{name: "exception among forwarders", rules: rules.Rules{Trust: rules.Trust{Forwarders: members(t, "192.0.2.64/26 !192.0.2.66")}}, from: "a@soft.example", code: "550 5.7.23", text: "SPF: soft.example does not know 192.0.2.66 as a sender of its mail. If you may send for soft.example, its administrators must list your server in SPF"},
		{name: "forwarder by name, hidden", rules: rules.Rules{Trust: rules.Trust{Forwarders: members(t, "mx.fwd.example")}}, ip: "192.0.2.88", from: "a@strict.example"},
		{name: "DNS is down", down: true, ip: "192.0.2.88", from: "a@strict.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.ip == "" {
				tt.ip = "192.0.2.66"
			}
			if tt.helo == "" {
				tt.helo = "client.example"
			}
			if tt.rules.Local == (rules.Local{}) {
				tt.rules.Local = strict
			}
			conn := policy.NewChecker(policy.Options{Resolver: health{resolver, tt.down}, AuthservID: "mx.test.example", Exempt: tt.exempt}).
				Connect(t.Context(), message.Client{IP: netip.MustParseAddr(tt.ip)})
			defer conn.Close()
			conn.Helo(tt.helo)
			msg := conn.Message(message.Sender{Path: tt.from, User: tt.user})
			v, refused := tt.rules.Early(msg.Early(t.Context()))
			if refused != (tt.code != "") || v.Code != tt.code || v.Text != tt.text {
				t.Errorf("refused %v, %q %q", refused, v.Code, v.Text)
			}
			if refused {
				checkReply(t, v)
			}
		})
	}
}

// silent is a DNS that never answers.
type silent struct{}

func (silent) Lookup(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	<-ctx.Done()
	return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
}

// A client waits at its first recipient for seconds only; what is late is
// judged at the end.
func TestEarlyIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := policy.NewChecker(policy.Options{Resolver: silent{}, AuthservID: "mx.test.example"}).
			Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.66")})
		defer conn.Close()
		conn.Helo("client.example")
		msg := conn.Message(message.Sender{Path: "a@strict.example"})
		start := time.Now()
		if res := msg.Early(t.Context()); res != nil {
			t.Errorf("%+v", res)
		}
		if took := time.Since(start); took < time.Second || took > 8*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
