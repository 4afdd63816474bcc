package report_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// hostileNames are domains and selectors as signatures have them.
var hostileNames = []string{
	"example.com", "mail.example.com", "other.example", "", "a b", "x\x00y", "<d>", "\u202e", "m\u00fcller.example", strings.Repeat("a", 300), "=1+1", "EXAMPLE.com",
}

// anyMessage is what was found about a message and decided. A result that passes is
// aligned as package dmarc aligns it.
var anyMessage = rapid.Custom(func(t *rapid.T) *evaluatedMessage {
	pick := func(name string, words ...string) string { return rapid.SampledFrom(words).Draw(t, name) }
	record, err := dmarc.ParseRecord("v=DMARC1; p=" + pick("p", "none", "quarantine", "reject") + pick("sp", "", "; sp=none", "; sp=reject") +
		pick("np", "", "; np=quarantine") + pick("t", "", "; t=y") + pick("fo", "", "; fo=1:d") + pick("rua", "", "; rua=mailto:a@example.com", "; rua=mailto:a@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	author := pick("author", "example.com", "news.example.com")
	published, tag := record.P, "p"
	if author != "example.com" {
		published, tag = record.SP, "sp"
		if rapid.Bool().Draw(t, "does not exist") {
			published, tag = record.NP, "np"
		}
	}
	res := &result.Results{
		Client:   result.ClientResult{IP: pick("ip", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.9", "fe80::1%eth0", "")},
		MailFrom: pick("mail from", "", "a@example.com", "a@Bounce.example.org", "a@[192.0.2.1]", "a@<x>", "nobody"), MailFromUnknown: rapid.Bool().Draw(t, "unknown"),
		Author: message.Author{Domain: author},
		DMARC: dmarc.Result{
			AuthorDomain: author, OrganizationalDomain: "example.com", RecordDomain: "example.com", Published: record, Discovery: dmarc.Discovery(pick("discovery", "treewalk", "psl")),
			Policy: record.InForce(published), PolicyTag: tag, Testing: record.InForce(published) != published, Disposition: dmarc.PolicyNone,
		},
	}
	for range rapid.IntRange(0, 4).Draw(t, "signatures") {
		d := dkim.Result{Domain: pick("d", hostileNames...), Selector: pick("s", hostileNames...), Status: dkim.Status(pick("dkim", "pass", "fail", "none", "policy", "neutral", "temperror", "permerror")), Testing: rapid.Bool().Draw(t, "testing")}
		res.DKIM = append(res.DKIM, d)
		status, _ := res.Counts(d)
		res.DMARC.DKIMAligned = res.DMARC.DKIMAligned || status == dkim.Pass && message.Below(d.Domain, "example.com")
	}
	for _, i := range []spf.Identity{spf.HELO, spf.MailFrom} {
		res.SPF = append(res.SPF, spf.Result{Identity: i, Domain: pick("spf domain", hostileNames...), Status: spf.Status(pick("spf", "pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"))})
	}
	if s, ok := res.EnvelopeSPF(); ok && s.Status == spf.Pass {
		res.DMARC.SPFAligned = message.Below(s.Domain, "example.com")
	}
	switch res.DMARC.Status = dmarc.Status(pick("status", "fail", "fail", "temperror")); {
	case res.DMARC.SPFAligned || res.DMARC.DKIMAligned:
		res.DMARC.Status = dmarc.Pass
	case res.DMARC.Status == dmarc.Fail:
		res.DMARC.Disposition = res.DMARC.Policy
	}
	v := &result.Verdict{
		Action: result.Action(pick("action", "accept", "quarantine", "reject", "tempfail", "redirect", "discard")),
		Rule:   pick("rule", "mine", result.RuleDMARCReject, result.RuleDMARCQuarantine, result.RuleDMARCNone, result.RuleDMARCPass, result.RuleSPFFail, result.RuleAuthorOverride, result.RuleTrustedForwarder, result.RuleTrustedSealer, result.RuleMailingList),
	}
	v.Intended = v.Action
	for range rapid.IntRange(0, 3).Draw(t, "overrides") {
		v.Overrides = append(v.Overrides, result.Override{
			Reason: result.OverrideReason(pick("reason", "forwarded", "trusted_forwarder", "mailing_list", "local_policy", "sampled_out", "policy_test_mode", "other", "new")),
			By:     pick("by", "mode", "trust.sealers", "trust.forwarders", "rule \x1b[2J", "author_overrides.x", "policy.dmarc", "MTA"),
			Text:   pick("text", "", "<ann@example.com>", "arc=pass as[1].d=\x00<& remote-ip[1]=x", "tag"),
		})
	}
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 0:
		v.Action, v.Monitored = result.Accept, true
	case 1:
		if v.Action == result.Quarantine {
			v.Action = result.Accept
		}
	}
	return &evaluatedMessage{res, v}
})

// evaluatedMessage is one message.
type evaluatedMessage struct {
	res *result.Results
	v   *result.Verdict
}

// TestVerdicts: whatever happens to messages, the reports about them are valid, by our own
// check and by the schema, and their counts are the messages.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	var documents []string
	rapid.Check(t, func(t *rapid.T) {
		type key struct {
			policy report.Policy
			rua    string
		}
		tallies, fed := map[key]*report.Tally{}, int64(0)
		for _, m := range rapid.SliceOfN(anyMessage, 1, 30).Draw(t, "messages") {
			row := reporting.Of(m.res, m.v)
			if row.Skip != "" {
				continue
			}
			k := key{row.Policy.Policy, strings.Join(row.Policy.RUA, ",")}
			if tallies[k] == nil {
				tallies[k] = report.NewTally(1000)
			}
			tallies[k].Add(&row.Record)
			fed++
		}
		sum := int64(0)
		for k, tally := range tallies {
			h := wholeHead
			h.Policy = k.policy
			var b bytes.Buffer
			if err := report.Write(&b, &h, tally.Records()); err != nil {
				t.Fatal(err)
			}
			v, err := report.Check(bytes.NewReader(b.Bytes()))
			if err != nil || len(v.Problems) > 0 {
				t.Fatalf("%v %+v\n%s", err, v.Problems, b.String())
			}
			sum += v.Messages
			if len(documents) < 500 {
				documents = append(documents, b.String())
			}
		}
		if sum != fed {
			t.Fatalf("%d messages in the reports, %d were fed", sum, fed)
		}
	})
	if len(documents) < 100 && !testing.Short() {
		t.Fatalf("only %d reports", len(documents))
	}
	for i, valid := range lint(t, documents) {
		if !valid {
			t.Errorf("not valid by the schema:\n%s", documents[i])
		}
	}
}

// BenchmarkRow is the cost of a row in the way of a message.
func BenchmarkRow(b *testing.B) {
	record, err := dmarc.ParseRecord("v=DMARC1; p=reject; rua=mailto:a@example.com")
	if err != nil {
		b.Fatal(err)
	}
	res := &result.Results{
		Client: result.ClientResult{IP: netip.MustParseAddr("192.0.2.1").String()}, MailFrom: "a@example.com", Author: message.Author{Domain: "example.com"},
		SPF:   []spf.Result{{Identity: spf.MailFrom, Domain: "example.com", Status: spf.Pass}},
		DKIM:  slices.Repeat([]dkim.Result{{Domain: "example.com", Selector: "s", Status: dkim.Pass}}, 2),
		DMARC: dmarc.Result{Status: dmarc.Pass, AuthorDomain: "example.com", OrganizationalDomain: "example.com", RecordDomain: "example.com", Policy: "reject", Published: record, SPFAligned: true, DKIMAligned: true},
	}
	v := &result.Verdict{Action: result.Accept, Rule: result.RuleDMARCPass}
	tally := report.NewTally(1000)
	b.ReportAllocs()
	for b.Loop() {
		row := reporting.Of(res, v)
		tally.Add(&row.Record)
	}
}
