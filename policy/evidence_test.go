package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// A forgery is held, and never accepted, if one of its recipients is listed as one whose mail
// is forwarded here. An entry that ended does not count, and the evidence names no address.
func TestForwardedRecipient(t *testing.T) {
	t.Parallel()
	c := readFlows(t)
	var b addrlist.Builder
	add := func(entries ...string) {
		for _, e := range entries {
			if err := b.Add(e, addrlist.MailAddresses|addrlist.Names); err != nil {
				t.Fatal(err)
			}
		}
	}
	add("bob@fwd.example", ".all.example", "!boss@staff.all.example")
	b.Until(time.Now().Add(-time.Hour))
	add("late@fwd.example")
	list := b.List()
	judge := rules.Rules{AuthservID: "mx.test.example", OnReject: rules.RejectJudge}
	v := variant{author: "strict.example", list: "none", client: "bot", mailFrom: "x17@stranger.example", to: "none", received: "none", change: "strip", seal: "none", sign: "none"}
	_, resolver := dnstest.Start(t, c.zone(v))
	for _, tt := range []struct {
		name  string
		rcpts []string
		list  *addrlist.List
		state result.Presence
	}{
		{"no list", []string{"bob@fwd.example"}, nil, result.Unknown},
		{"listed", []string{"bob@fwd.example"}, list, result.Present},
		{"written otherwise", []string{`<"bo\b"@FWD.example.>`}, list, result.Present},
		{"one of several", []string{"ann@here.example", "BOB@fwd.example"}, list, result.Present},
		{"another of the domain", []string{"ann@fwd.example"}, list, result.Absent},
		{"a domain", []string{"ann@staff.all.example"}, list, result.Present},
		{"an exception", []string{"boss@staff.all.example"}, list, result.Absent},
		{"ended", []string{"late@fwd.example"}, list, result.Absent},
		{"hostile", []string{"\x00@", "@", "bob@fwd.example@", strings.Repeat("b", 5000) + "@fwd.example", "\"bob@fwd.example"}, list, result.Absent},
		{"more than are known", []string{"a@here.example", "b@here.example", "c@here.example", "bob@fwd.example"}, list, result.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := policy.Options{Resolver: resolver, AuthservID: "mx.test.example", Judgement: true, ForwardedTo: tt.list}
			if tt.state == result.Unknown && tt.list != nil {
				o.MaxRecipients = 3
			}
			g := c.message(t, v)
			g.rcpts = tt.rcpts
			res := converse(t, policy.NewChecker(o), g)
			var found result.Evidence
			for _, e := range res.Evidence {
				if e.Name == "forwarded-recipient" {
					found = e
				}
			}
			want := result.Reject
			if tt.state == result.Present {
				want = result.Quarantine
			}
			if verdict := judge.Decide(res); found.State != tt.state || verdict.Action != want {
				t.Errorf("%+v: %s: %s", found, verdict.Action, judgement.Summary(res.Evidence))
			}
			if strings.Contains(strings.ToLower(found.Text), "bob") {
				t.Errorf("%q has the address", found.Text)
			}
		})
	}
}
