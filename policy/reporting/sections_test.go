package reporting_test

import (
	"slices"
	"testing"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// TestSections has a case for each section of RFC 9990 and 9991 that says what a receiver
// must report of a message.
func TestSections(t *testing.T) {
	t.Parallel()
	reject := verdict(result.Reject, result.RuleDMARCReject)
	for _, tc := range []struct {
		name   string
		txt    string
		status dmarc.Status
		v      *result.Verdict
		change func(*result.Results)
		check  func(*reporting.Row) bool
	}{
		{"3.1 blocked by another filter", pNone, dmarc.Pass, verdict(result.Reject, "mine"), nil, func(r *reporting.Row) bool {
			return r.Skip == "" && r.Record.Count == 1 && r.Record.Disposition == report.DispositionNone
		}},
		{"3.1 it comes again", pNone, dmarc.Pass, verdict(result.TempFail, result.RuleTempError), nil, func(r *reporting.Row) bool { return r.Skip == reporting.SkipDeferred }},
		{"3.1.1.5 defaults", pQuarantine, dmarc.Fail, reject, nil, func(r *reporting.Row) bool {
			return r.Policy.Policy == report.Policy{Domain: "example.com", Discovery: "treewalk", P: "quarantine", SP: "quarantine", NP: "quarantine", ADKIM: "r", ASPF: "r", FO: "0", Testing: "n"}
		}},
		{"3.1.1.8 IPv4 within IPv6", pReject, dmarc.Fail, reject, func(r *result.Results) { r.Client.IP = "::ffff:192.0.2.7" }, func(r *reporting.Row) bool {
			return r.Record.Source.String() == "192.0.2.7"
		}},
		{
			"3.1.1.9 alignment is not the override's", pReject, dmarc.Fail,
			verdict(result.Accept, result.RuleTrustedForwarder, override(result.ReasonTrustedForwarder, "trust.forwarders", "x")), nil,
			func(r *reporting.Row) bool {
				return !r.Record.DKIMAligned && !r.Record.SPFAligned && r.Record.Disposition == report.DispositionNone && len(r.Record.Reasons) == 1
			},
		},
		{"3.1.1.10 the null reverse-path", pReject, dmarc.Fail, reject, func(r *result.Results) { r.MailFrom = "" }, func(r *reporting.Row) bool {
			return r.Record.EnvelopeFrom == "" && r.Record.HasEnvelopeFrom
		}},
		{"3.1.1.13 HELO is not told beside MAIL FROM", pReject, dmarc.Fail, reject, nil, func(r *reporting.Row) bool {
			return slices.Equal(r.Record.SPF, []report.SPF{{Domain: "bounce.example.org", Scope: "mfrom", Result: string(spf.SoftFail)}})
		}},
		{"3.1.2 a subdomain under the record above", pReject, dmarc.Fail, reject, func(r *result.Results) {
			r.DMARC.AuthorDomain = "foo.example.com"
		}, func(r *reporting.Row) bool {
			return r.Policy.Domain == "example.com" && r.Record.HeaderFrom == "foo.example.com"
		}},
		{"3.1.3 at most a hundred, the best first", pReject, dmarc.Pass, verdict(result.Accept, result.RuleDMARCPass), func(r *result.Results) {
			r.DKIM = append(slices.Repeat([]dkim.Result{{Domain: "x.example", Selector: "x", Status: dkim.Fail}}, 150), r.DKIM...)
		}, func(r *reporting.Row) bool {
			return len(r.Record.DKIM) == 100 && r.Record.DKIM[0].Domain == "example.com"
		}},
		{"3.1.6 test mode", pTesting, dmarc.Fail, verdict(result.Quarantine, result.RuleDMARCQuarantine), nil, func(r *reporting.Row) bool {
			return slices.Equal(r.Record.Reasons, []report.Reason{{Type: report.PolicyTestMode}})
		}},
		{"3.4 no rua", "v=DMARC1; p=reject", dmarc.Fail, reject, nil, func(r *reporting.Row) bool { return r.Skip == reporting.SkipNoAddress }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res := evaluated(t, tc.txt, tc.status)
			if tc.change != nil {
				tc.change(res)
			}
			if row := reporting.Of(res, tc.v); !tc.check(&row) {
				t.Errorf("%+v", row)
			}
		})
	}
	t.Run("8.1 failures of one network are alike", func(t *testing.T) {
		t.Parallel()
		var like []string
		for _, ip := range []string{"192.0.2.1", "192.0.2.2", "198.51.100.1"} {
			res := evaluated(t, pFailure+"0", dmarc.Fail)
			res.Client.IP = ip
			f := reporting.FailingOf(res, reject, noDomain)
			like = append(like, f.Like())
		}
		if like[0] != like[1] || like[0] == like[2] {
			t.Errorf("%q", like)
		}
	})
}
