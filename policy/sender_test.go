package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
)

// mute returns the results of a message that breaks no rule but that the domain
// of its sender accepts no mail.
func mute() *policy.Results {
	return &policy.Results{
		Author:   message.Author{Domain: "shop.example"},
		DMARC:    dmarc.Result{Status: dmarc.None, AuthorDomain: "shop.example"},
		MailFrom: "x@null.example",
		Client:   policy.ClientResult{IP: "192.0.2.66"},
		SenderDomains: []policy.SenderDomain{
			{Identity: policy.SenderMailFrom, Result: mx.Result{Domain: "null.example", Status: mx.NullMX, Reason: "null MX record"}},
		},
	}
}

// sender_domain is a check of everybody's mail: whom the administrator trusts
// comes first, as with DMARC and SPF, and what DNS trouble hides waits.
func TestSenderDomainAndTrust(t *testing.T) {
	t.Parallel()
	with := func(change func(*policy.Results)) *policy.Results {
		r := mute()
		change(r)
		return r
	}
	trusting := func(entries string) policy.Trust { return policy.Trust{Forwarders: members(t, entries)} }
	author := func(domain string, p dmarc.Policy) policy.Trust {
		return policy.Trust{Authors: map[string]dmarc.Policy{domain: p}}
	}
	fails := func(p dmarc.Policy) func(*policy.Results) {
		return func(r *policy.Results) { r.DMARC.Status, r.DMARC.Policy, r.DMARC.Disposition = dmarc.Fail, p, p }
	}
	signed := func(s dkim.Status) func(*policy.Results) {
		return func(r *policy.Results) {
			r.DKIM = []dkim.Result{{Domain: "fwd.example", Status: s, Reason: "a reason"}}
		}
	}
	listed := func(p dmarc.Policy) *policy.Results {
		return with(func(r *policy.Results) {
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
		rules policy.Rules
		res   *policy.Results
		want  string // action, code, rule; then the overrides, and those that were refused
	}{
		{"nobody is trusted", policy.Rules{}, mute(), refused},
		{"only marked", policy.Rules{SenderDomain: policy.SenderDomainMark}, mute(), "accept no-policy"},
		{"exempt", policy.Rules{}, with(func(r *policy.Results) { r.Exempt = policy.ExemptAddress }), "accept exempt"},

		{
			"a forwarder's address",
			policy.Rules{Trust: trusting("192.0.2.64/26")},
			mute(),
			`accept trusted-forwarder; trust.forwarders (client 192.0.2.66 instead of policy.sender_domain = "reject")`,
		},
		{
			"a forwarder's name",
			policy.Rules{Trust: trusting(".fwd.example")},
			with(func(r *policy.Results) { r.Client.PTR = "mx.fwd.example" }),
			`accept trusted-forwarder; trust.forwarders (client mx.fwd.example instead of policy.sender_domain = "reject")`,
		},
		{
			"a forwarder's signature",
			policy.Rules{Trust: trusting("dkim:fwd.example")},
			with(signed(dkim.Pass)),
			`accept trusted-forwarder; trust.forwarders (signature of fwd.example instead of policy.sender_domain = "reject")`,
		},
		{
			"a forwarder's signature that is broken",
			policy.Rules{Trust: trusting("dkim:fwd.example")},
			with(signed(dkim.Fail)),
			refused + "; not trust.forwarders (signature of fwd.example: fail, a reason)",
		},
		{
			"the same where DMARC fails",
			policy.Rules{Trust: trusting("dkim:fwd.example")},
			with(func(r *policy.Results) { fails(dmarc.PolicyReject)(r); signed(dkim.Fail)(r) }),
			refused + "; not trust.forwarders (signature of fwd.example: fail, a reason)",
		},
		{
			"a forwarder's signature that is hidden",
			policy.Rules{Trust: trusting("dkim:fwd.example")},
			with(signed(dkim.TempError)),
			"tempfail 451 4.4.3 temperror; not trust.forwarders (signature of fwd.example: temperror, a reason)",
		},
		{
			"a forwarder's name that is hidden",
			policy.Rules{Trust: trusting(".fwd.example")},
			with(func(r *policy.Results) { r.IPRev.Status = iprev.TempError }),
			"tempfail 451 4.4.3 temperror",
		},
		{
			"a forwarder where DMARC fails",
			policy.Rules{Trust: trusting("192.0.2.66")},
			with(fails(dmarc.PolicyReject)),
			"accept trusted-forwarder; trust.forwarders (client 192.0.2.66)",
		},
		{
			"a forwarder while DMARC only marks",
			policy.Rules{DMARC: policy.DMARCMark, Trust: trusting("192.0.2.66")},
			with(fails(dmarc.PolicyReject)),
			`accept trusted-forwarder; policy.dmarc (mark); trust.forwarders (client 192.0.2.66 instead of policy.sender_domain = "reject")`,
		},

		{"an author that is never refused", policy.Rules{Trust: author("shop.example", dmarc.PolicyNone)}, mute(), "accept author-override; " + byAuthor},
		{
			"an author that proves itself and is never refused",
			policy.Rules{Trust: author("shop.example", dmarc.PolicyNone)},
			with(func(r *policy.Results) { r.DMARC.Status = dmarc.Pass }), "accept author-override; " + byAuthor,
		},
		{
			"an author below one that is never refused",
			policy.Rules{Trust: author("shop.example", dmarc.PolicyNone)},
			with(func(r *policy.Results) { r.Author.Domain = "mail.shop.example" }), "accept author-override; " + byAuthor,
		},
		{
			"an author that is never refused, where DMARC fails",
			policy.Rules{Trust: author("shop.example", dmarc.PolicyNone)},
			with(fails(dmarc.PolicyReject)), "accept author-override; author_overrides.shop.example (none instead of reject)",
		},
		{"another author", policy.Rules{Trust: author("other.example", dmarc.PolicyNone)}, mute(), refused},
		{"an author that is to be held", policy.Rules{Trust: author("shop.example", dmarc.PolicyQuarantine)}, mute(), refused},

		{"DMARC holds it", policy.Rules{}, with(fails(dmarc.PolicyQuarantine)), refused},
		{"DMARC refuses it", policy.Rules{}, with(fails(dmarc.PolicyReject)), refused},
		{"DMARC only marks", policy.Rules{DMARC: policy.DMARCMark}, with(fails(dmarc.PolicyReject)), refused},
		{
			"DNS trouble hides what DMARC says",
			policy.Rules{},
			with(func(r *policy.Results) { r.DMARC.Status, r.DMARC.Suspected = dmarc.TempError, dmarc.PolicyReject }),
			"tempfail 451 4.4.3 temperror",
		},
		{
			"a list is let through",
			policy.Rules{Trust: policy.Trust{MailingLists: policy.ListsAccept}},
			listed(dmarc.PolicyReject),
			"accept mailing-list; policy.mailing_lists (List-Post; changed behind the signature of shop.example ())",
		},
		{"a list is held", policy.Rules{Trust: policy.Trust{MailingLists: policy.ListsQuarantine}}, listed(dmarc.PolicyReject), refused},

		{
			"DNS is down, and all may pass",
			policy.Rules{OnDegraded: policy.DegradedAccept},
			with(degraded),
			"accept dns-degraded; policy.on_degraded (DNS is down; look-ups without an answer: 2)",
		},
		{
			"DNS is down",
			policy.Rules{},
			with(degraded),
			"tempfail 451 4.4.3 dns-degraded; policy.on_degraded (DNS is down; look-ups without an answer: 2)",
		},
		{
			"DNS is down, and all was known",
			policy.Rules{OnDegraded: policy.DegradedAccept},
			with(func(r *policy.Results) { r.DNS.Degraded = true }), refused,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.rules.SenderDomain == "" {
				tt.rules.SenderDomain = policy.SenderDomainReject
			}
			v := tt.rules.Decide(tt.res)
			checkOverrides(t, v)
			if diff := cmp.Diff(tt.want, outcome(v)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func degraded(r *policy.Results) { r.DNS = policy.DNSCost{Lookups: 9, Failed: 2, Degraded: true} }

// outcome is a verdict on one line, with what it rests on.
func outcome(v policy.Verdict) string {
	s := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", v.Action, v.Code, v.Rule)), " ")
	for _, o := range v.Overrides {
		s += "; " + o.String()
	}
	for _, o := range v.Refused {
		s += "; not " + o.String()
	}
	return s
}
