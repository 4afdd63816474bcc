package policy_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

const relayZone = `
good.example. TXT "v=spf1 ip4:203.0.113.9 -all"
_dmarc.good.example. TXT "v=DMARC1; p=reject"
mail.good.example. A 203.0.113.9
mail.good.example. TXT "v=spf1 a -all"
9.113.0.203.in-addr.arpa. PTR mail.good.example.
25.2.0.192.in-addr.arpa. PTR relay.test.example.
relay.test.example. A 192.0.2.25
`

func relayChecker(t *testing.T) (*dnstest.Server, *policy.Checker) {
	t.Helper()
	server, resolver := dnstest.Start(t, relayZone)
	return server, policy.NewChecker(policy.Options{
		Resolver: resolver, AuthservID: "mx.test.example", Trace: true,
		Relays: members(t, "192.0.2.25"),
	})
}

func through(ip string) message.Field {
	return message.NewField("Received", " from mail.good.example (unknown ["+ip+"]) by relay.test.example (Postfix) with ESMTP id 1; date")
}

// Nothing about a relay itself is ever looked up, nor anything about a client
// before the header has said who that is.
func TestRelayIsNotLookedUp(t *testing.T) {
	t.Parallel()
	server, checker := relayChecker(t)
	conn := checker.Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.25")})
	defer conn.Close()
	conn.Helo("relay.test.example")
	m := conn.Message(message.Sender{Path: "ann@good.example"})
	m.Field(through("203.0.113.9"))
	m.Field(message.NewField("From", " ann@good.example"))
	for _, q := range server.Queries() {
		if !strings.HasPrefix(q.Name, "_dmarc.") {
			t.Errorf("%v was asked for before the end of the header", q)
		}
	}
	res := m.Finish(t.Context())
	if res.DMARC.Status != dmarc.Pass || res.DMARC.SPFAligned == false {
		t.Errorf("dmarc=%s: %s", res.DMARC.Status, res.DMARC.Reason)
	}
	for _, q := range server.Queries() {
		if strings.Contains(q.Name, "relay") || strings.HasPrefix(q.Name, "25.") {
			t.Errorf("%v was asked for", q)
		}
	}
	want := result.ClientResult{
		IP: "203.0.113.9", Helo: "mail.good.example", PTR: "mail.good.example",
		Relay: "192.0.2.25", RelayHelo: "relay.test.example", Hops: 1,
	}
	if d := cmp.Diff(want, res.Client); d != "" {
		t.Errorf("client (-want +got):\n%s", d)
	}
	if !slices.ContainsFunc(res.Trace, func(e result.Event) bool {
		return e.What == "message" && strings.Contains(e.Text, "the trusted relay 192.0.2.25, which calls itself relay.test.example, brings the message")
	}) {
		t.Errorf("the trace does not speak of the relay: %v", res.Trace)
	}
}

// One connection of a relay brings the mail of many clients.
func TestRelayWithManyClients(t *testing.T) {
	t.Parallel()
	_, checker := relayChecker(t)
	conn := checker.Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.25")})
	defer conn.Close()
	conn.Helo("relay.test.example")
	for i, tt := range []struct {
		ip   string
		want dmarc.Status
	}{{"203.0.113.9", dmarc.Pass}, {"198.51.100.66", dmarc.Fail}, {"203.0.113.9", dmarc.Pass}, {"", dmarc.TempError}, {"198.51.100.66", dmarc.Fail}} {
		m := conn.Message(message.Sender{Path: "ann@good.example"})
		if tt.ip != "" {
			m.Field(through(tt.ip))
		}
		m.Field(message.NewField("From", " ann@good.example"))
		res := m.Finish(t.Context())
		if res.DMARC.Status != tt.want || res.Client.IP != tt.ip {
			t.Errorf("message %d: client %q, dmarc=%s (%s), want %q and %s", i, res.Client.IP, res.DMARC.Status, res.DMARC.Reason, tt.ip, tt.want)
		}
	}
}

// A header that is too large to be kept names no client, and a body that comes
// without one neither.
func TestRelayAndOversizeHeader(t *testing.T) {
	t.Parallel()
	_, checker := relayChecker(t)
	conn := checker.Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.25")})
	defer conn.Close()
	m := conn.Message(message.Sender{Path: "ann@good.example"})
	m.Field(through("203.0.113.9"))
	m.Field(message.NewField("Subject", strings.Repeat("x", 2<<20)))
	res := m.Finish(t.Context())
	if res.Client.IP != "" || res.Client.Hidden == "" || res.Oversize == "" {
		t.Errorf("client %+v", res.Client)
	}
	for _, s := range res.SPF {
		if s.Status != "none" {
			t.Errorf("SPF %+v", s)
		}
	}
	if v := (rules.Rules{}).Decide(res); v.Rule != result.RuleOversize {
		t.Errorf("rule %s", v.Rule)
	}
}

// sendmail(1) on this machine is no relay, even if the address is listed.
func TestLocalSubmissionIsNoRelay(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, relayZone)
	checker := policy.NewChecker(policy.Options{
		Resolver: resolver, AuthservID: "mx.test.example",
		Relays: members(t, "127.0.0.1"), Exempt: policy.Exempt{Local: true},
	})
	conn := checker.Connect(t.Context(), message.Client{IP: netip.MustParseAddr("127.0.0.1"), Local: true})
	defer conn.Close()
	res := conn.Message(message.Sender{Path: "root@test.example"}).Finish(t.Context())
	if res.Exempt != result.ExemptLocal || res.Client.Relay != "" {
		t.Errorf("exempt %q, client %+v", res.Exempt, res.Client)
	}
}

// Before the message is sent nobody knows who is behind a relay, nor whether a
// message will only be monitored: neither is refused early.
func TestEarlyRefusalKnowsItsLimits(t *testing.T) {
	t.Parallel()
	_, checker := relayChecker(t)
	early := func(ip string) *result.Results {
		conn := checker.Connect(t.Context(), message.Client{IP: netip.MustParseAddr(ip), Listener: "smtpd"})
		defer conn.Close()
		conn.Helo("x.example")
		m := conn.Message(message.Sender{Path: "ann@good.example"})
		m.Recipient("user@test.example")
		return m.Early(t.Context())
	}
	if res := early("192.0.2.25"); res != nil {
		t.Errorf("a relay is judged early: %+v", res.Client)
	}
	stranger := early("198.51.100.66")
	for name, tt := range map[string]struct {
		modes   rules.Modes
		refused bool
	}{
		"no exception":                  {rules.Modes{}, true},
		"its listener is monitored":     {rules.Modes{MonitorListeners: []string{"smtpd"}}, false},
		"another listener is monitored": {rules.Modes{MonitorListeners: []string{"other"}}, true},
		"its recipient is monitored":    {rules.Modes{MonitorRecipients: members(t, "test.example")}, false},
		"another recipient is":          {rules.Modes{MonitorRecipients: members(t, "other.example")}, true},
		"some author is monitored":      {rules.Modes{MonitorDomains: members(t, "some.example")}, false},
	} {
		set := rules.Rules{Modes: tt.modes, Local: rules.Local{SPFEarly: true, SPFFail: rules.DemandReject}}
		if v, refused := set.Early(stranger); refused != tt.refused {
			t.Errorf("%s: refused %v by %s", name, refused, v.Rule)
		}
	}
}

// Our own domain behind a relay: mail that the relay made itself is no stranger's,
// and of a client that is not known nothing is proven either way.
func TestOwnDomainBehindRelay(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, relayZone)
	checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example", Relays: members(t, "192.0.2.25")})
	set := rules.Rules{Local: rules.Local{OwnDomains: members(t, "test.example"), OnOwnDomain: rules.DemandReject}}
	for _, tt := range []struct {
		name, received string
		want           result.Action
	}{
		{"stranger", " from x (x [198.51.100.66]) by relay (Postfix) with ESMTP id 1; date", result.Reject},
		{"made on the relay", " by relay (Postfix, from userid 0) id 1; date", result.Accept},
		{"not known", " by relay with ESMTP id 1; date", result.TempFail},
	} {
		conn := checker.Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.25")})
		m := conn.Message(message.Sender{Path: "root@test.example"})
		m.Field(message.NewField("Received", tt.received))
		m.Field(message.NewField("From", " root@test.example"))
		if v := set.Decide(m.Finish(t.Context())); v.Action != tt.want {
			t.Errorf("%s: %s by %s: %s", tt.name, v.Action, v.Rule, v.Text)
		}
		conn.Close()
	}
}
