package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// mute returns the results of a message that breaks no rule but that the domain
// of its sender accepts no mail.
func mute() *result.Results {
	return &result.Results{
		Author:   message.Author{Domain: "shop.example"},
		DMARC:    dmarc.Result{Status: dmarc.None, AuthorDomain: "shop.example"},
		MailFrom: "x@null.example",
		Client:   result.ClientResult{IP: "192.0.2.66"},
		SenderDomains: []result.SenderDomain{
			{Identity: result.SenderMailFrom, Result: mx.Result{Domain: "null.example", Status: mx.NullMX, Reason: "null MX record"}},
		},
	}
}

// TestSenderDomainAndTrust: senders that the administrator trusts are exempt from
// sender_domain, as from DMARC and SPF, and a DNS failure defers the message.
func TestSenderDomainAndTrust(t *testing.T) {
	t.Parallel()
	with := func(change func(*result.Results)) *result.Results {
		r := mute()
		change(r)
		return r
	}
	trusting := func(entries string) rules.Trust { return rules.Trust{Forwarders: members(t, entries)} }
	author := func(domain string, p dmarc.Policy) rules.Trust {
		return rules.Trust{Authors: map[string]rules.AuthorOverride{domain: {Policy: p}}}
	}
	fails := func(p dmarc.Policy) func(*result.Results) {
		return func(r *result.Results) { r.DMARC.Status, r.DMARC.Policy, r.DMARC.Disposition = dmarc.Fail, p, p }
	}
	signed := func(s dkim.Status) func(*result.Results) {
		return func(r *result.Results) {
			r.DKIM = []dkim.Result{{Domain: "fwd.example", Status: s, Reason: "a reason"}}
		}
	}
	listed := func(p dmarc.Policy) *result.Results {
		return with(func(r *result.Results) {
			fails(p)(r)
			r.List.Post = true
			r.DKIM = []dkim.Result{{Domain: "shop.example", Status: dkim.Fail, KeyBits: 2048}}
		})
	}
	const (
		refused  = "reject 550 5.7.27 sender-domain"
		byAuthor = `author_overrides.shop.example (none instead of policy.sender_domain = "reject")`
	)
	for _, tt := range []struct {
		name  string
		rules rules.Rules
		res   *result.Results
		want  string // action, code, rule; then the overrides, and those that were refused
	}{
		{"nobody is trusted", rules.Rules{}, mute(), refused},
		{"only marked", rules.Rules{SenderDomain: rules.SenderDomainMark}, mute(), "accept no-policy"},
		{"exempt", rules.Rules{}, with(func(r *result.Results) { r.Exempt = result.ExemptAddress }), "accept exempt"},

		{
			"a forwarder's address",
			rules.Rules{Trust: trusting("192.0.2.64/26")},
			mute(),
			`accept trusted-forwarder; trust.forwarders (client 192.0.2.66 instead of policy.sender_domain = "reject")`,
		},
		{
			"a forwarder's name",
			rules.Rules{Trust: trusting(".fwd.example")},
			with(func(r *result.Results) { r.Client.PTR = "mx.fwd.example" }),
			`accept trusted-forwarder; trust.forwarders (client mx.fwd.example instead of policy.sender_domain = "reject")`,
		},
		{
			"a forwarder's signature",
			rules.Rules{Trust: trusting("dkim:fwd.example")},
			with(signed(dkim.Pass)),
			`accept trusted-forwarder; trust.forwarders (signature of fwd.example instead of policy.sender_domain = "reject")`,
		},
		{
			"a forwarder's signature that is broken",
			rules.Rules{Trust: trusting("dkim:fwd.example")},
			with(signed(dkim.Fail)),
			refused + "; not trust.forwarders (signature of fwd.example: fail, a reason)",
		},
		{
			"the same where DMARC fails",
			rules.Rules{Trust: trusting("dkim:fwd.example")},
			with(func(r *result.Results) { fails(dmarc.PolicyReject)(r); signed(dkim.Fail)(r) }),
			refused + "; not trust.forwarders (signature of fwd.example: fail, a reason)",
		},
		{
			"a forwarder's signature that is hidden",
			rules.Rules{Trust: trusting("dkim:fwd.example")},
			with(signed(dkim.TempError)),
			"tempfail 451 4.4.3 temperror; not trust.forwarders (signature of fwd.example: temperror, a reason)",
		},
		{
			"a forwarder's name that is hidden",
			rules.Rules{Trust: trusting(".fwd.example")},
			with(func(r *result.Results) { r.IPRev.Status = iprev.TempError }),
			"tempfail 451 4.4.3 temperror",
		},
		{
			"a forwarder where DMARC fails",
			rules.Rules{Trust: trusting("192.0.2.66")},
			with(fails(dmarc.PolicyReject)),
			"accept trusted-forwarder; trust.forwarders (client 192.0.2.66)",
		},
		{
			"a forwarder while DMARC only marks",
			rules.Rules{DMARC: rules.DMARCMark, Trust: trusting("192.0.2.66")},
			with(fails(dmarc.PolicyReject)),
			`accept trusted-forwarder; policy.dmarc (mark); trust.forwarders (client 192.0.2.66 instead of policy.sender_domain = "reject")`,
		},

		{"an author that is never refused", rules.Rules{Trust: author("shop.example", dmarc.PolicyNone)}, mute(), "accept author-override; " + byAuthor},
		{
			"an author that proves itself and is never refused",
			rules.Rules{Trust: author("shop.example", dmarc.PolicyNone)},
			with(func(r *result.Results) { r.DMARC.Status = dmarc.Pass }), "accept author-override; " + byAuthor,
		},
		{
			"an author below one that is never refused",
			rules.Rules{Trust: author("shop.example", dmarc.PolicyNone)},
			with(func(r *result.Results) { r.Author.Domain = "mail.shop.example" }), "accept author-override; " + byAuthor,
		},
		{
			"an author that is never refused, where DMARC fails",
			rules.Rules{Trust: author("shop.example", dmarc.PolicyNone)},
			with(fails(dmarc.PolicyReject)), "accept author-override; author_overrides.shop.example (none instead of reject)",
		},
		{"another author", rules.Rules{Trust: author("other.example", dmarc.PolicyNone)}, mute(), refused},
		{"an author that is to be held", rules.Rules{Trust: author("shop.example", dmarc.PolicyQuarantine)}, mute(), refused},

		{"DMARC holds it", rules.Rules{}, with(fails(dmarc.PolicyQuarantine)), refused},
		{"DMARC refuses it", rules.Rules{}, with(fails(dmarc.PolicyReject)), refused},
		{"DMARC only marks", rules.Rules{DMARC: rules.DMARCMark}, with(fails(dmarc.PolicyReject)), refused},
		{
			"a DNS failure hides what DMARC says",
			rules.Rules{},
			with(func(r *result.Results) { r.DMARC.Status, r.DMARC.Suspected = dmarc.TempError, dmarc.PolicyReject }),
			"tempfail 451 4.4.3 temperror",
		},
		{
			"a list is let through",
			rules.Rules{Trust: rules.Trust{MailingLists: rules.MailingListsAccept}},
			listed(dmarc.PolicyReject),
			"accept mailing-list; policy.mailing_lists (List-Post; changed behind the signature of shop.example ())",
		},
		{"a list is held", rules.Rules{Trust: rules.Trust{MailingLists: rules.MailingListsQuarantine}}, listed(dmarc.PolicyReject), refused},

		{
			"DNS is down, and all may pass",
			rules.Rules{OnDegraded: rules.DegradedAccept},
			with(degraded),
			"accept dns-degraded; policy.on_degraded (DNS is down; lookups without an answer: 2)",
		},
		{
			"DNS is down",
			rules.Rules{},
			with(degraded),
			"tempfail 451 4.4.3 dns-degraded; policy.on_degraded (DNS is down; lookups without an answer: 2)",
		},
		{
			"DNS is down, and all was known",
			rules.Rules{OnDegraded: rules.DegradedAccept},
			with(func(r *result.Results) { r.DNS.Degraded = true }), refused,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.rules.SenderDomain == "" {
				tt.rules.SenderDomain = rules.SenderDomainReject
			}
			v := tt.rules.Decide(tt.res)
			checkOverrides(t, v)
			if diff := cmp.Diff(tt.want, outcome(v)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func degraded(r *result.Results) { r.DNS = result.DNSCost{Lookups: 9, Failed: 2, Degraded: true} }

// outcome is a verdict on one line, with what it rests on.
func outcome(v result.Verdict) string {
	s := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", v.Action, v.Code, v.Rule)), " ")
	for _, o := range v.Overrides {
		s += "; " + o.String()
	}
	for _, o := range v.Refused {
		s += "; not " + o.String()
	}
	return s
}

// members makes a list of the entries in a line.
func members(t *testing.T, line string) *addrlist.List {
	t.Helper()
	l, err := addrlist.New(addrlist.Addresses|addrlist.Names|addrlist.Signers, strings.Fields(line)...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// checkOverrides checks that the text of an override is one bounded line of
// printable ASCII, though strangers wrote it, and that the override names what
// decided it.
func checkOverrides(t *testing.T, v result.Verdict) {
	t.Helper()
	for _, o := range append(append([]result.Override{}, v.Overrides...), v.Refused...) {
		if o.Reason == "" || o.By == "" || len(o.Text) > 700 || strings.ContainsFunc(o.Text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("override %+q", o)
		}
	}
}
