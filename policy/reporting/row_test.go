package reporting_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// evaluated is a message of example.com under a record, which passed or failed DMARC.
func evaluated(t testing.TB, txt string, status dmarc.Status) *result.Results {
	t.Helper()
	record, err := dmarc.ParseRecord(txt)
	if err != nil {
		t.Fatal(err)
	}
	r := &result.Results{
		Client: result.ClientResult{IP: "192.0.2.1"}, MailFrom: "a@bounce.example.org", Author: message.Author{Domain: "example.com"},
		SPF:  []spf.Result{{Identity: spf.HELO, Domain: "mx.example.org", Status: spf.Pass}, {Identity: spf.MailFrom, Domain: "bounce.example.org", Status: spf.SoftFail}},
		DKIM: []dkim.Result{{Domain: "example.com", Selector: "s1", Status: dkim.Fail}},
		DMARC: dmarc.Result{
			Status: status, AuthorDomain: "example.com", OrganizationalDomain: "example.com", RecordDomain: "example.com",
			Policy: record.InForce(record.P), Testing: record.Testing && record.P.Enforces(), Disposition: dmarc.PolicyNone, Record: txt, Published: record, Discovery: dmarc.TreeWalk,
		},
	}
	switch status {
	case dmarc.Pass:
		r.DKIM[0].Status, r.DMARC.DKIMAligned = dkim.Pass, true
	case dmarc.Fail:
		r.DMARC.Disposition = r.DMARC.Policy
	}
	return r
}

const (
	pNone       = "v=DMARC1; p=none; rua=mailto:a@example.com"
	pQuarantine = "v=DMARC1; p=quarantine; rua=mailto:a@example.com"
	pReject     = "v=DMARC1; p=reject; rua=mailto:a@example.com"
	pTesting    = "v=DMARC1; p=reject; t=y; rua=mailto:a@example.com"
	pTestingQ   = "v=DMARC1; p=quarantine; t=y; rua=mailto:a@example.com"
)

// verdict is a verdict of a rule.
func verdict(a result.Action, rule string, overrides ...result.Override) *result.Verdict {
	return &result.Verdict{Action: a, Intended: a, Rule: rule, Overrides: overrides}
}

func override(reason result.OverrideReason, by, text string) result.Override {
	return result.Override{Reason: reason, By: by, Text: text}
}

func monitored(v *result.Verdict, by string) *result.Verdict {
	v.Action, v.Monitored = result.Accept, true
	v.Overrides = append(v.Overrides, override(result.ReasonLocalPolicy, by, "monitor"))
	return v
}

func tagged(v *result.Verdict, by string) *result.Verdict {
	v.Action = result.Accept
	v.Overrides = append(v.Overrides, override(result.ReasonLocalPolicy, by, "tag"))
	return v
}

// TestDisposition has what reports say was done, and why, for each thing that may happen.
func TestDisposition(t *testing.T) {
	t.Parallel()
	const sealed = "arc=pass as[2].d=list.example as[2].s=k as[1].d=relay.example as[1].s=k remote-ip[1]=192.0.2.9"
	for _, tc := range []struct {
		name   string
		record string
		status dmarc.Status
		v      *result.Verdict
		want   string // disposition, then each reason with its comment
	}{
		{"pass, p=none", pNone, dmarc.Pass, verdict(result.Accept, result.RuleDMARCPass), "none"},
		{"pass, p=quarantine", pQuarantine, dmarc.Pass, verdict(result.Accept, result.RuleDMARCPass), "pass"},
		{"pass, p=reject", pReject, dmarc.Pass, verdict(result.Accept, result.RuleDMARCPass), "pass"},
		{"pass, p=reject and t=y", pTesting, dmarc.Pass, verdict(result.Accept, result.RuleDMARCPass), "pass"},
		{"pass, p=quarantine and t=y", pTestingQ, dmarc.Pass, verdict(result.Accept, result.RuleDMARCPass), "pass"},
		{"pass, p=none, refused by an own rule", pNone, dmarc.Pass, verdict(result.Reject, "mine", override(result.ReasonLocalPolicy, "rule mine", "a comment")), "none; local_policy refused by another filter"},
		{"pass, p=reject, refused by SPF", pReject, dmarc.Pass, verdict(result.Reject, result.RuleSPFFail), "pass; local_policy refused by another filter"},
		{"pass, dropped", pReject, dmarc.Pass, verdict(result.Discard, "mine"), "pass; local_policy refused by another filter"},
		{"pass, redirected", pNone, dmarc.Pass, verdict(result.Redirect, "mine"), "none; local_policy refused by another filter"},
		{"pass, monitored", pReject, dmarc.Pass, monitored(verdict(result.Reject, "mine"), "mode"), "pass"},

		{"fail, p=none", pNone, dmarc.Fail, verdict(result.Accept, result.RuleDMARCNone), "none"},
		{"fail, p=quarantine, held", pQuarantine, dmarc.Fail, verdict(result.Quarantine, result.RuleDMARCQuarantine), "quarantine"},
		{"fail, p=quarantine, tagged", pQuarantine, dmarc.Fail, tagged(verdict(result.Quarantine, result.RuleDMARCQuarantine), "policy.quarantine"), "quarantine"},
		{"fail, p=quarantine, the MTA cannot hold", pQuarantine, dmarc.Fail, tagged(verdict(result.Quarantine, result.RuleDMARCQuarantine), "MTA"), "quarantine"},
		{"fail, p=reject", pReject, dmarc.Fail, verdict(result.Reject, result.RuleDMARCReject), "reject"},
		{"fail, p=reject and t=y", pTesting, dmarc.Fail, verdict(result.Quarantine, result.RuleDMARCQuarantine), "quarantine; policy_test_mode "},
		{"fail, p=quarantine and t=y", pTestingQ, dmarc.Fail, verdict(result.Accept, result.RuleDMARCNone), "none; policy_test_mode "},
		{"fail, reject softened", pReject, dmarc.Fail, verdict(result.Quarantine, result.RuleDMARCReject), "quarantine; local_policy reject taken as quarantine"},
		{"fail, reject softened and tagged", pReject, dmarc.Fail, tagged(verdict(result.Quarantine, result.RuleDMARCReject), "policy.quarantine"), "quarantine; local_policy reject taken as quarantine"},
		{"fail, held by judgement", pReject, dmarc.Fail, verdict(result.Quarantine, result.RuleJudgement, override(result.ReasonLocalPolicy, "policy.on_reject", "hold; indirect: list")), "quarantine; local_policy reject taken as quarantine"},
		{"fail, tagged by judgement", pReject, dmarc.Fail, tagged(verdict(result.Quarantine, result.RuleJudgement, override(result.ReasonLocalPolicy, "policy.on_reject", "hold")), "MTA"), "quarantine; local_policy reject taken as quarantine"},
		{"fail, refused by judgement", pReject, dmarc.Fail, verdict(result.Reject, result.RuleDMARCReject), "reject"},
		{"fail, judgement monitored", pReject, dmarc.Fail, monitored(verdict(result.Quarantine, result.RuleJudgement, override(result.ReasonLocalPolicy, "policy.on_reject", "hold")), "mode"), "none; local_policy monitor mode"},
		{"fail, quarantine hardened", pQuarantine, dmarc.Fail, verdict(result.Reject, result.RuleDMARCQuarantine), "reject; local_policy quarantine taken as reject"},
		{"fail, softened with t=y", pTesting, dmarc.Fail, verdict(result.Accept, result.RuleDMARCQuarantine), "none; policy_test_mode ; local_policy a rule of this receiver"},

		{"trusted forwarder", pReject, dmarc.Fail, verdict(result.Accept, result.RuleTrustedForwarder, override(result.ReasonTrustedForwarder, "trust.forwarders", "client 192.0.2.1")), "none; trusted_forwarder listed forwarder"},
		{"mailing list accepted", pReject, dmarc.Fail, verdict(result.Accept, result.RuleMailingList, override(result.ReasonMailingList, "policy.mailing_lists", "List-Id x")), "none; mailing_list seems changed by a mailing list"},
		{"mailing list held", pReject, dmarc.Fail, verdict(result.Quarantine, result.RuleMailingList, override(result.ReasonMailingList, "policy.mailing_lists", "List-Id x")), "quarantine; mailing_list seems changed by a mailing list"},
		{"author accepted", pReject, dmarc.Fail, verdict(result.Accept, result.RuleAuthorOverride, override(result.ReasonLocalPolicy, "author_overrides.example.com", "none instead of reject")), "none; local_policy this receiver's policy for the author"},
		{"author refused", pNone, dmarc.Fail, verdict(result.Reject, result.RuleAuthorOverride, override(result.ReasonLocalPolicy, "author_overrides.example.com", "reject instead of none")), "reject; local_policy this receiver's policy for the author"},
		{"trusted sealer", pReject, dmarc.Fail, verdict(result.Accept, result.RuleTrustedSealer, override(result.ReasonLocalPolicy, "trust.sealers", sealed)), "none; local_policy arc=pass as[2].d=list.example as[2].s=k as[1].d=relay.example as[1].s=k"},
		{"own rule accepts", pReject, dmarc.Fail, verdict(result.Accept, "mine", override(result.ReasonForwarded, "rule mine", "Ann's comment")), "none; other a rule of this receiver"},
		{"own rule, without an override", pReject, dmarc.Fail, verdict(result.Accept, "mine"), "none; local_policy a rule of this receiver"},
		{"several", pReject, dmarc.Fail, verdict(result.Accept, result.RuleTrustedForwarder, override(result.ReasonLocalPolicy, "policy.dmarc", "mark"), override(result.ReasonTrustedForwarder, "trust.forwarders", "x"), override(result.ReasonLocalPolicy, "rule x", "y")), "none; local_policy policies are only noted; trusted_forwarder listed forwarder"},

		{"refused by SPF, p=none", pNone, dmarc.Fail, verdict(result.Reject, result.RuleSPFFail), "none; local_policy refused by another filter"},
		{"refused by an own rule, p=quarantine", pQuarantine, dmarc.Fail, verdict(result.Reject, "mine", override(result.ReasonLocalPolicy, "rule mine", "")), "quarantine; local_policy refused by another filter"},
		{"refused by an own rule, p=reject", pReject, dmarc.Fail, verdict(result.Reject, "mine"), "reject"},
		{"dropped by an own rule, p=reject", pReject, dmarc.Fail, verdict(result.Discard, "mine"), "reject"},
		{"held by SPF, p=none and t=y", pTestingQ, dmarc.Fail, verdict(result.Quarantine, result.RuleSPFFail), "none; policy_test_mode ; local_policy refused by another filter"},

		{"monitor mode", pReject, dmarc.Fail, monitored(verdict(result.Reject, result.RuleDMARCReject), "mode"), "none; local_policy monitor mode"},
		{"monitored domain", pQuarantine, dmarc.Fail, monitored(verdict(result.Quarantine, result.RuleDMARCQuarantine), "policy.monitor_domains"), "none; local_policy monitor mode"},
		{"monitor mode, p=none", pNone, dmarc.Fail, monitored(verdict(result.Accept, result.RuleDMARCNone), "mode"), "none"},
		{"policy.dmarc is mark", pReject, dmarc.Fail, verdict(result.Accept, result.RuleDMARCReject, override(result.ReasonLocalPolicy, "policy.dmarc", "mark")), "none; local_policy policies are only noted"},

		{"DNS failure, delivered", pReject, dmarc.TempError, verdict(result.Accept, result.RuleTempError), "none; other temporary DNS error"},
		{"DNS failure, refused by an own rule", pReject, dmarc.TempError, verdict(result.Reject, "mine"), "none; other temporary DNS error; local_policy refused by another filter"},
		{"DNS down, accepted", pReject, dmarc.Fail, verdict(result.Accept, result.RuleDegraded, override(result.ReasonOther, "policy.on_degraded", "DNS is down; lookups without an answer: 7")), "none; other DNS of this receiver was down"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			row := reporting.Of(evaluated(t, tc.record, tc.status), tc.v)
			got := string(row.Record.Disposition)
			for _, r := range row.Record.Reasons {
				got += "; " + string(r.Type) + " " + r.Comment
				if !slices.Contains(reporting.Comments(), r.Comment) && r.Comment != "" && !strings.HasPrefix(r.Comment, "arc=pass as[") {
					t.Errorf("the comment %q is not of the set", r.Comment)
				}
			}
			if row.Skip != "" || got != tc.want {
				t.Errorf("%s %q, want %q", row.Skip, got, tc.want)
			}
		})
	}
}

func TestSkip(t *testing.T) {
	t.Parallel()
	accept := verdict(result.Accept, result.RuleDMARCNone)
	seen := map[reporting.Skip]bool{}
	for _, tc := range []struct {
		name   string
		change func(*result.Results)
		v      *result.Verdict
		want   reporting.Skip
	}{
		{"deferred", nil, verdict(result.TempFail, result.RuleTempError), reporting.SkipDeferred},
		{"exempt", func(r *result.Results) { r.Exempt = result.ExemptAuthenticated }, accept, reporting.SkipExempt},
		{"bounce of our report", func(r *result.Results) { r.MailFrom = "" }, verdict(result.Discard, result.RuleReportBounce), reporting.SkipBounce},
		{"fault", func(r *result.Results) { r.Faults = []string{"dkim"} }, accept, reporting.SkipFault},
		{"no client", func(r *result.Results) { r.Client.IP = "" }, accept, reporting.SkipNoClient},
		{"hidden client", func(r *result.Results) { r.Client.Hidden = "no Received field" }, accept, reporting.SkipNoClient},
		{"made on a relay", func(r *result.Results) { r.Client.Inside = true }, accept, reporting.SkipNoClient},
		{"no single author domain", func(r *result.Results) { r.Author = message.Author{Problem: "two From fields"} }, accept, reporting.SkipNoAuthor},
		{"undecided", func(r *result.Results) { r.DMARC.Status, r.DMARC.RecordDomain = dmarc.TempError, "" }, accept, reporting.SkipUndecided},
		{"no record", func(r *result.Results) { r.DMARC.Status, r.DMARC.RecordDomain = dmarc.None, "" }, accept, reporting.SkipNoRecord},
		{"no address", func(r *result.Results) { r.DMARC.Published, r.DMARC.Record = nil, "v=DMARC1; p=reject" }, accept, reporting.SkipNoAddress},
		{"no record text", func(r *result.Results) { r.DMARC.Published, r.DMARC.Record = nil, "" }, accept, reporting.SkipNoAddress},
		{"monitored deferral counts", nil, monitored(verdict(result.TempFail, result.RuleTempError), "mode"), ""},
	} {
		res := evaluated(t, pReject, dmarc.Fail)
		if tc.change != nil {
			tc.change(res)
		}
		row := reporting.Of(res, tc.v)
		if row.Skip != tc.want || tc.want != "" && row.Record.Count != 0 {
			t.Errorf("%s: %q, want %q", tc.name, row.Skip, tc.want)
		}
		seen[row.Skip] = true
	}
	for _, s := range reporting.Skips() {
		if !seen[s] {
			t.Errorf("no case for %s", s)
		}
	}
}

// TestRow holds a whole row.
func TestRow(t *testing.T) {
	t.Parallel()
	res := evaluated(t, "v=DMARC1; p=quarantine; sp=reject; fo=1; aspf=s; rua=mailto:a@example.com!10m,mailto:b@example.net", dmarc.Pass)
	res.Client.IP = "::ffff:192.0.2.1"
	res.DKIM = []dkim.Result{
		{Domain: "other.example", Selector: "x", Status: dkim.Fail},
		{Domain: "esp.example", Selector: "y", Status: dkim.Pass},
		{Domain: "mail.example.com", Selector: "z", Status: dkim.Pass},
		{Domain: "example.com", Selector: "t", Status: dkim.Pass, Testing: true},
		{Domain: "example.com", Selector: "s", Status: dkim.Pass},
	}
	got := reporting.Of(res, verdict(result.Accept, result.RuleDMARCPass))
	want := reporting.Row{
		Kind: reporting.Ordinary,
		Policy: reporting.Policy{
			Policy: report.Policy{Domain: "example.com", Discovery: "treewalk", P: "quarantine", SP: "reject", NP: "reject", ADKIM: "r", ASPF: "s", FO: "1", Testing: "n"},
			RUA:    []string{"mailto:a@example.com", "mailto:b@example.net"},
		},
		Record: report.Record{
			Source: netip.MustParseAddr("192.0.2.1"), Count: 1, Disposition: report.DispositionPass, DKIMAligned: true,
			HeaderFrom: "example.com", EnvelopeFrom: "bounce.example.org", HasEnvelopeFrom: true,
			DKIM: []report.DKIM{
				{Domain: "example.com", Selector: "s", Result: "pass"},
				{Domain: "mail.example.com", Selector: "z", Result: "pass"},
				{Domain: "esp.example", Selector: "y", Result: "pass"},
				{Domain: "other.example", Selector: "x", Result: "fail"},
				{Domain: "example.com", Selector: "t", Result: "neutral"},
			},
			SPF: []report.SPF{{Domain: "bounce.example.org", Scope: "mfrom", Result: "softfail"}},
		},
	}
	equal := cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	if d := cmp.Diff(want, got, equal); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// What the journal kept has the text of the record alone.
	res.DMARC.Published = nil
	if d := cmp.Diff(want, reporting.Of(res, verdict(result.Accept, result.RuleDMARCPass)), equal); d != "" {
		t.Errorf("from a stored text (-want +got):\n%s", d)
	}
}

// TestEnvelope: the null sender is told from one that is not known, and its SPF is that of
// HELO with the scope mfrom.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, from string
		unknown    bool
		want       string
		has        bool
		spf        string
	}{
		{"sender", "a@Bounce.Example.org", false, "bounce.example.org", true, "bounce.example.org"},
		{"null sender", "", false, "", true, "mx.example.org"},
		{"unknown", "", true, "", false, "mx.example.org"},
		{"no domain", "a", false, "", false, "bounce.example.org"},
	} {
		res := evaluated(t, pReject, dmarc.Fail)
		res.MailFrom, res.MailFromUnknown = tc.from, tc.unknown
		r := reporting.Of(res, verdict(result.Reject, result.RuleDMARCReject)).Record
		if r.EnvelopeFrom != tc.want || r.HasEnvelopeFrom != tc.has || len(r.SPF) != 1 || r.SPF[0].Domain != tc.spf || r.SPF[0].Scope != "mfrom" {
			t.Errorf("%s: %q %v %+v", tc.name, r.EnvelopeFrom, r.HasEnvelopeFrom, r.SPF)
		}
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	reject := verdict(result.Reject, result.RuleDMARCReject)
	for _, tc := range []struct {
		name   string
		status dmarc.Status
		change func(*result.Results)
		v      *result.Verdict
		want   reporting.Kind
	}{
		{"passes", dmarc.Pass, nil, verdict(result.Accept, result.RuleDMARCPass), reporting.Ordinary},
		{"passes and is refused otherwise", dmarc.Pass, nil, verdict(result.Reject, "mine"), reporting.Ordinary},
		{"refused", dmarc.Fail, nil, reject, reporting.Refused},
		{"monitored", dmarc.Fail, nil, monitored(verdict(result.Reject, result.RuleDMARCReject), "mode"), reporting.Ordinary},
		{"bounce", dmarc.Fail, func(r *result.Results) { r.MailFrom = "" }, reject, reporting.NullSender},
		{"failure report", dmarc.Fail, func(r *result.Results) {
			r.Header = message.Header{message.NewField("Content-Type", " Multipart/Report; report-type=feedback-report")}
		}, reject, reporting.OfReport},
		{"report", dmarc.Pass, func(r *result.Results) {
			r.Header = message.Header{message.NewField("Subject", " Report\n Domain: example.com Submitter: x Report-ID: <y>")}
		}, verdict(result.Accept, result.RuleDMARCPass), reporting.OfReport},
	} {
		res := evaluated(t, pReject, tc.status)
		if tc.change != nil {
			tc.change(res)
		}
		if got := reporting.Of(res, tc.v).Kind; got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
