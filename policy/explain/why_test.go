package explain_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// spoof returns the results of a message that fails DMARC.
func spoof(disposition dmarc.Policy) *result.Results {
	return &result.Results{
		Author: message.Author{Domain: "bank.example"},
		SPF:    []spf.Result{{Identity: spf.MailFrom, Domain: "evil.example", Status: spf.Pass}},
		DMARC: dmarc.Result{
			Status: dmarc.Fail, AuthorDomain: "bank.example", Policy: disposition,
			Disposition: disposition,
		},
		MailFrom: "x@evil.example",
		Client:   result.ClientResult{IP: "192.0.2.66"},
	}
}

// inOrder returns the results of a message that is in order.
func inOrder() *result.Results {
	return &result.Results{
		Author:   message.Author{Domain: "bank.example"},
		SPF:      []spf.Result{{Identity: spf.MailFrom, Domain: "bank.example", Status: spf.Pass}},
		DKIM:     []dkim.Result{{Domain: "bank.example", Selector: "s", Status: dkim.Pass, BodyLength: -1}},
		DMARC:    dmarc.Result{Status: dmarc.Pass, AuthorDomain: "bank.example", SPFAligned: true, DKIMAligned: true},
		MailFrom: "a@bank.example",
		Client:   result.ClientResult{IP: "192.0.2.1"},
	}
}

// Of a message that is simply accepted there is nothing to say.
func TestWhyOfTheSimplyAccepted(t *testing.T) {
	t.Parallel()
	exempt := spoof(dmarc.PolicyReject)
	exempt.Exempt = result.ExemptAuthenticated
	for name, r := range map[string]*result.Results{
		"pass": inOrder(), "exempt": exempt,
		"no policy": {Author: message.Author{Domain: "a.example"}, DMARC: dmarc.Result{Status: dmarc.None}},
	} {
		v := rules.Rules{}.Decide(r)
		if len(v.Why) != 0 || len(v.Hints) != 0 || v.Why == nil || v.Hints == nil {
			t.Errorf("%s: why %q, hints %v", name, v.Why, v.Hints)
		}
	}
}

// A fault of Postvet and one of the machine's own network are told apart.
func TestWhyOfFaults(t *testing.T) {
	t.Parallel()
	unasked, failed := spoof(dmarc.PolicyReject), spoof(dmarc.PolicyReject)
	unasked.DNS.HostFailed = 2
	failed.Faults = []string{"the header cannot be kept"}
	for want, r := range map[string]*result.Results{
		"This machine failed on lookups, so nothing can be said about the message.":                         unasked,
		"Postvet itself failed on the message, so nothing can be said about it: the header cannot be kept.": failed,
	} {
		if v := (rules.Rules{}).Decide(r); v.Rule != result.RuleFault || v.Why[0] != want {
			t.Errorf("%s: %q, want %q", v.Rule, v.Why, want)
		}
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	signed := func(domain string, f dkim.Failure) dkim.Result {
		r := dkim.Result{Domain: domain, Selector: "s", Status: dkim.Fail, Failure: f, BodyLength: -1}
		if f == "" {
			r.Status = dkim.Pass
		}
		return r
	}
	for _, tt := range []struct {
		name   string
		change func(*result.Results)
		want   []result.HintWord
	}{
		{"spoof", func(*result.Results) {}, []result.HintWord{result.HintUnauthenticated}},
		{"body changed", func(r *result.Results) { r.DKIM = []dkim.Result{signed("bank.example", dkim.FailureBody)} }, []result.HintWord{result.HintAltered}},
		{"body changed by a list", func(r *result.Results) {
			r.DKIM = []dkim.Result{signed("bank.example", dkim.FailureBody)}
			r.List.ID = "staff.lists.example"
		}, []result.HintWord{result.HintList}},
		{"a list that signs as itself", func(r *result.Results) {
			r.DKIM = []dkim.Result{signed("lists.example", ""), signed("bank.example", dkim.FailureHeader)}
			r.List.Post = true
		}, []result.HintWord{result.HintList}},
		{"a list without a signature of the author", func(r *result.Results) { r.List.ID = "staff.lists.example" }, []result.HintWord{result.HintMaybeForwarded}},
		{"body changed and ARC", func(r *result.Results) {
			r.DKIM = []dkim.Result{signed("bank.example", dkim.FailureBody)}
			r.ARC = arc.Result{Status: arc.Pass, Instances: 1, Sealers: []arc.Sealer{{Instance: 1, Domain: "fwd.example"}}}
		}, []result.HintWord{result.HintAltered, result.HintMaybeForwarded}},
		{"another's broken signature", func(r *result.Results) { r.DKIM = []dkim.Result{signed("esp.example", dkim.FailureBody)} }, []result.HintWord{result.HintUnauthenticated}},
		{"a service", func(r *result.Results) { r.DKIM = []dkim.Result{signed("esp.example", "")} }, []result.HintWord{result.HintOtherSigner}},
		{"the organization, strictly", func(r *result.Results) { r.DKIM = []dkim.Result{signed("mail.bank.example", "")} }, []result.HintWord{result.HintStrict}},
		{"rotated key", func(r *result.Results) { r.DKIM = []dkim.Result{signed("bank.example", dkim.FailureKeyMissing)} }, []result.HintWord{result.HintKeyMissing}},
		{"sha1", func(r *result.Results) { r.DKIM = []dkim.Result{signed("bank.example", dkim.FailureAlgorithm)} }, []result.HintWord{result.HintWeak}},
		{"malformed", func(r *result.Results) { r.DKIM = []dkim.Result{signed("bank.example", dkim.FailureMalformed)} }, []result.HintWord{}},
		{"broken SPF", func(r *result.Results) { r.SPF[0].Status = spf.PermError }, []result.HintWord{result.HintSPFBroken}},
		{"partial", func(r *result.Results) {
			s := signed("bank.example", "")
			s.Partial, r.PartialBody = true, dkim.Policy
			r.DKIM = []dkim.Result{s}
		}, []result.HintWord{result.HintPartial}},
		{"partial that counts", func(r *result.Results) {
			s := signed("sub.bank.example", "")
			s.Partial, r.PartialBody = true, dkim.Pass
			r.DKIM = []dkim.Result{s}
		}, []result.HintWord{result.HintStrict}},
		{"DNS failure", func(r *result.Results) { r.DMARC.Status = dmarc.TempError }, []result.HintWord{result.HintNotChecked}},
		{"forwarded", func(r *result.Results) {
			*r = *inOrder()
			r.SPF[0].Status, r.DMARC.SPFAligned = spf.Fail, false
		}, []result.HintWord{result.HintForwarded}},
		{"forwarded, without a policy", func(r *result.Results) {
			*r = *inOrder()
			r.SPF[0].Status, r.DMARC = spf.SoftFail, dmarc.Result{Status: dmarc.None, AuthorDomain: "bank.example"}
		}, []result.HintWord{result.HintForwarded}},
		{"not forwarded: signed by another, without a policy", func(r *result.Results) {
			r.DKIM = []dkim.Result{signed("esp.example", "")}
			r.SPF[0].Status, r.DMARC = spf.Fail, dmarc.Result{Status: dmarc.None, AuthorDomain: "bank.example"}
		}, []result.HintWord{}},
		{"ambiguous author", func(r *result.Results) { r.Author = message.Author{Problem: "2 From fields"} }, []result.HintWord{}},
		{"no more than four", func(r *result.Results) {
			for _, f := range []dkim.Failure{dkim.FailureBody, dkim.FailureKeyMissing, dkim.FailureAlgorithm, dkim.FailureExpired, dkim.FailureBody} {
				r.DKIM = append(r.DKIM, signed("bank.example", f))
			}
			r.SPF[0].Status = spf.PermError
		}, []result.HintWord{result.HintAltered, result.HintKeyMissing, result.HintWeak, result.HintExpired}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := spoof(dmarc.PolicyReject)
			tt.change(r)
			got := []result.HintWord{}
			for _, h := range explain.Hints(r) {
				got = append(got, h.Word)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Why and hints are for logs and terminals: whatever comes from outside, they
// are printable and short, and the reply of each is.
func TestWhyIsBounded(t *testing.T) {
	t.Parallel()
	hostile := strings.Repeat("é\r\n550 5.0.0 x%\x00\"\x1b[31m", 100)
	for _, failure := range []dkim.Failure{
		"", dkim.FailureBody, dkim.FailureHeader, dkim.FailureKeyMissing, dkim.FailureKeyShort, dkim.FailureExpired, dkim.FailureDNS,
	} {
		for _, status := range []spf.Status{spf.Pass, spf.Fail, spf.None, spf.PermError, spf.TempError, spf.Neutral} {
			r := spoof(dmarc.PolicyReject)
			r.Author.Domain, r.DMARC.AuthorDomain, r.DMARC.RecordDomain = hostile, hostile, hostile
			r.DMARC.ADKIM, r.DMARC.ASPF, r.DMARC.PolicyTag = dmarc.Strict, dmarc.Strict, "sp"
			r.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: hostile, Status: status, Reason: hostile, Mechanism: hostile}}
			sig := dkim.Result{Domain: hostile, Selector: hostile, Status: dkim.Fail, Reason: hostile, Failure: failure, Changed: []string{hostile}}
			if failure == "" {
				sig.Status = dkim.Pass
			}
			for range 12 {
				r.DKIM = append(r.DKIM, sig)
			}
			r.Marks, r.List = result.Marks{SubjectTag: hostile, Forward: hostile}, message.List{ID: hostile}
			r.ARC = arc.Result{Status: arc.Pass, Instances: 1, Sealers: []arc.Sealer{{Domain: hostile}}}
			r.Client.IP = hostile
			v := rules.Rules{HelpURL: "https://h.example/{author}"}.Decide(r)
			if len(v.Why) == 0 || len(v.Why) > 12 || len(v.Hints) > 4 || len(v.Text)+strings.Count(v.Text, "%") > 450 {
				t.Errorf("%d sentences, %d hints, text of %d", len(v.Why), len(v.Hints), len(v.Text))
			}
			texts := append([]string{v.Text}, v.Why...)
			for _, h := range v.Hints {
				texts = append(texts, h.Text)
			}
			for _, e := range explain.TraceVerdict(r, &v) {
				texts = append(texts, e.Text)
			}
			for _, s := range texts {
				if len(s) > 800 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
					t.Fatalf("%d octets: %q", len(s), s)
				}
			}
		}
	}
}

// An accepted message without anything remarkable costs nothing.
func TestWhyCostsNothingIfAccepted(t *testing.T) {
	r := inOrder()
	set := rules.Rules{AuthservID: "mx.test.example"}
	with := testing.AllocsPerRun(100, func() { set.Decide(r) })
	r.Exempt = result.ExemptAddress // no field is written either
	if without := testing.AllocsPerRun(100, func() { set.Decide(r) }); without > 0 {
		t.Errorf("%v allocations for an exempt message, %v for one that passes", without, with)
	}
}
