package reporting_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

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

const pFailure = "v=DMARC1; p=reject; ruf=mailto:f@example.com; fo="

func noDomain(string) bool { return false }

// TestFailingAsked: what fo= asks for (RFC 9989 section 4.7).
func TestFailingAsked(t *testing.T) {
	t.Parallel()
	reject, accept := verdict(result.Reject, result.RuleDMARCReject), verdict(result.Accept, result.RuleDMARCPass)
	signature := func(s dkim.Status, f dkim.Failure) func(*result.Results) {
		return func(r *result.Results) { r.DKIM[0].Status, r.DKIM[0].Failure = s, f }
	}
	for _, tc := range []struct {
		name   string
		fo     string
		status dmarc.Status
		change func(*result.Results)
		want   string // type and alignment, or the reason
	}{
		{"0, both fail", "0", dmarc.Fail, nil, "dmarc dkim,spf"},
		{"0, one passes", "0", dmarc.Pass, nil, "not-asked"},
		{"1, one passes", "1", dmarc.Pass, nil, "dmarc spf"},
		{"1, both fail", "1:d:s", dmarc.Fail, nil, "dmarc dkim,spf"},
		{"1, both pass", "1", dmarc.Pass, func(r *result.Results) { r.DMARC.SPFAligned = true }, "not-asked"},
		{"1, no signature", "1", dmarc.Pass, func(r *result.Results) { r.DKIM, r.DMARC.DKIMAligned, r.DMARC.SPFAligned = nil, false, true }, "dmarc dkim"},
		{"1, a DNS failure of the other", "1", dmarc.Pass, func(r *result.Results) { r.SPF[1].Status = spf.TempError }, "not-asked"},
		{"1, a DNS failure of a key", "1", dmarc.Pass, func(r *result.Results) {
			r.DMARC.DKIMAligned, r.DMARC.SPFAligned = false, true
			signature(dkim.TempError, dkim.FailureDNS)(r)
		}, "not-asked"},
		{"d, both fail", "d", dmarc.Fail, nil, "signature dkim,spf"},
		{"d, the body changed", "d", dmarc.Fail, signature(dkim.Fail, dkim.FailureBody), "bodyhash dkim,spf"},
		{"d, the key is revoked", "d", dmarc.Fail, signature(dkim.PermError, dkim.FailureKeyRevoked), "revoked dkim,spf"},
		{"d, another signature fails", "d", dmarc.Pass, func(r *result.Results) {
			r.DKIM = append(r.DKIM, dkim.Result{Domain: "esp.example", Selector: "x", Status: dkim.Fail})
		}, "signature spf"},
		{"d, none fails", "d", dmarc.Pass, nil, "not-asked"},
		{"s, fails", "s", dmarc.Pass, nil, "spf spf"},
		{"s, neutral", "s", dmarc.Pass, func(r *result.Results) { r.SPF[1].Status = spf.Neutral }, "not-asked"},
		{"s, passes", "s", dmarc.Fail, func(r *result.Results) { r.SPF[1].Status = spf.Pass }, "not-asked"},
	} {
		res := evaluated(t, pFailure+tc.fo, tc.status)
		if tc.change != nil {
			tc.change(res)
		}
		v := accept
		if tc.status == dmarc.Fail {
			v = reject
		}
		f := reporting.FailingOf(res, v, noDomain)
		got := string(f.Skip)
		if got == "" {
			got = f.Type + " " + strings.Join(f.Alignment, ",")
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// TestFailingSkip: RFC 9991 section 2, and what makes loops or tells of our own users.
func TestFailingSkip(t *testing.T) {
	t.Parallel()
	field := func(name, value string) func(*result.Results) {
		return func(r *result.Results) { r.Header = message.Header{message.NewField(name, value)} }
	}
	ours := func(domain string) bool { return domain == "ours.example" }
	seen := map[reporting.Skip]bool{}
	for _, tc := range []struct {
		name   string
		txt    string
		change func(*result.Results)
		v      *result.Verdict
		want   reporting.Skip
	}{
		{"there is one", pFailure + "0", nil, nil, ""},
		{"2 no ruf", pReject, nil, nil, reporting.SkipNoAddress},
		{"2 psd=y", pFailure + "0; psd=y", nil, nil, reporting.SkipSuffix},
		{"a record that was stored", pFailure + "0; psd=y", func(r *result.Results) { r.DMARC.Published = nil }, nil, reporting.SkipSuffix},
		{"deferred", pFailure + "0", nil, verdict(result.TempFail, result.RuleTempError), reporting.SkipDeferred},
		{"exempt", pFailure + "0", func(r *result.Results) { r.Exempt = result.ExemptAuthenticated }, nil, reporting.SkipExempt},
		{"fault", pFailure + "0", func(r *result.Results) { r.Faults = []string{"dkim"} }, nil, reporting.SkipFault},
		{"no client", pFailure + "0", func(r *result.Results) { r.Client.IP = "" }, nil, reporting.SkipNoClient},
		{"no author", pFailure + "0", func(r *result.Results) { r.Author.Domain = "" }, nil, reporting.SkipNoAuthor},
		{"no record", pFailure + "0", func(r *result.Results) { r.DMARC.RecordDomain = "" }, nil, reporting.SkipNoRecord},
		{"undecided", pFailure + "0", func(r *result.Results) { r.DMARC.Status = dmarc.TempError }, nil, reporting.SkipUndecided},
		{"not asked", pFailure + "d", func(r *result.Results) { r.DKIM = nil }, nil, reporting.SkipNotAsked},
		{"a bounce of our report", pFailure + "0", nil, verdict(result.Discard, result.RuleReportBounce), reporting.SkipBounce},
		{"bounce", pFailure + "0", func(r *result.Results) { r.MailFrom = "" }, nil, reporting.SkipNullSender},
		{"5.1 a failure report", pFailure + "0", field("Content-type", " multipart/report; report-type=feedback-report"), nil, reporting.SkipReport},
		{"an aggregate report", pFailure + "0", field("Subject", " Report Domain: x Submitter: y"), nil, reporting.SkipReport},
		{"an answer", pFailure + "0", field("Auto-Submitted", " auto-replied"), nil, reporting.SkipReport},
		{"no answer", pFailure + "0", field("Auto-Submitted", " no"), nil, ""},
		{"a list", pFailure + "0", func(r *result.Results) { r.List.Post = true }, nil, reporting.SkipList},
		{"our author", pFailure + "0", func(r *result.Results) { r.DMARC.AuthorDomain = "ours.example" }, nil, reporting.SkipOwn},
		{"our sender", pFailure + "0", func(r *result.Results) { r.MailFrom = "bounce@Ours.example" }, nil, reporting.SkipOwn},
	} {
		seen[tc.want] = true
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res := evaluated(t, tc.txt, dmarc.Fail)
			if tc.change != nil {
				tc.change(res)
			}
			v := tc.v
			if v == nil {
				v = verdict(result.Reject, result.RuleDMARCReject)
			}
			if got := reporting.FailingOf(res, v, ours).Skip; got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	for _, s := range reporting.FailureSkips() {
		if !seen[s] {
			t.Errorf("no case for %s", s)
		}
	}
}

// TestFailingReport holds a whole report, and that it can be written.
func TestFailingReport(t *testing.T) {
	t.Parallel()
	res := evaluated(t, pFailure+"0", dmarc.Fail)
	res.Arrived = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	res.DKIM = []dkim.Result{
		{Domain: "esp.example", Selector: "x", Status: dkim.Fail},
		{Domain: "mail.example.com", Selector: "s1", Status: dkim.Fail, Identity: "ann@mail.example.com", KeyRecord: "v=DKIM1; p=x"},
	}
	res.SPF[1] = spf.Result{Identity: spf.MailFrom, Domain: "bounce.example.com", Status: spf.SoftFail, Record: `v=spf1 ~all`}
	v := verdict(result.Quarantine, result.RuleDMARCQuarantine)
	f := reporting.FailingOf(res, v, noDomain)
	redact := func(path string) string { return "hash" + path[strings.LastIndexByte(path, '@'):] }
	got := f.Report(res, v, redact, "mx.example.net; dmarc=fail")
	want := report.Failure{
		AuthFailure: "dmarc", IdentityAlignment: []string{"dkim", "spf"}, AuthenticationResults: []string{"mx.example.net; dmarc=fail"},
		DeliveryResult: "policy", OriginalMailFrom: "<hash@bounce.example.org>", Arrival: res.Arrived, Source: netip.MustParseAddr("192.0.2.1"),
		ReportedDomain: []string{"example.com"}, DKIMDomain: "mail.example.com", DKIMIdentity: "hash@mail.example.com", DKIMSelector: "s1",
		DKIMSelectorDNS: `"v=DKIM1; p=x"`, SPFDNS: []string{`txt : bounce.example.com : "v=spf1 ~all"`}, Incidents: 1,
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got.UserAgent = "Postvet/1"
	if err := report.WriteFailure(&bytes.Buffer{}, &got, nil, report.FailureText{Boundary: "0123456789"}); err != nil {
		t.Error(err)
	}
	// Nothing of others' is named if it is not aligned and nobody asks for it.
	res.DKIM, res.SPF[1].Domain = res.DKIM[:1], "bounce.example.org"
	f = reporting.FailingOf(res, v, noDomain)
	if got := f.Report(res, v, redact, "x"); got.DKIMDomain != "" || len(got.SPFDNS) > 0 {
		t.Errorf("%+v", got)
	}
	for a, want := range map[result.Action]string{result.Accept: "delivered", result.Reject: "reject", result.Discard: "policy", result.Redirect: "policy"} {
		if got := f.Report(res, verdict(a, "x"), redact, "x").DeliveryResult; got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
}

// TestFailingResult: a report has the result of a single method (RFC 6591 section 3.1).
func TestFailingResult(t *testing.T) {
	t.Parallel()
	const results = "mx.example.net; dmarc=fail header.from=example.com; dkim=pass header.d=esp.example header.s=x; dkim=fail header.d=example.com header.s=s9; " +
		"dkim=fail header.d=example.com header.s=s1; spf=none smtp.helo=mx.example.org; spf=fail smtp.mailfrom=bounce.example.org"
	for fo, want := range map[string]string{
		"0": "mx.example.net; dmarc=fail header.from=example.com",
		"d": "mx.example.net; dkim=fail header.d=example.com header.s=s1",
		"s": "mx.example.net; spf=fail smtp.mailfrom=bounce.example.org",
	} {
		res := evaluated(t, pFailure+fo, dmarc.Fail)
		res.DKIM = []dkim.Result{{Domain: "example.com", Selector: "s1", Status: dkim.Fail, Failure: dkim.FailureBody}}
		v := verdict(result.Reject, result.RuleDMARCReject)
		f := reporting.FailingOf(res, v, noDomain)
		redact := func(path string) string { return path }
		for results, want := range map[string]string{results: want, "mx.example.net; arc=none": "mx.example.net; none"} {
			if got := f.Report(res, v, redact, results).AuthenticationResults; len(got) != 1 || got[0] != want {
				t.Errorf("fo=%s: %q, want %q", fo, got, want)
			}
		}
	}
}

// TestFailingLike: failures of one network, domain and kind are alike.
func TestFailingLike(t *testing.T) {
	t.Parallel()
	like := func(change func(*result.Results)) string {
		res := evaluated(t, pFailure+"0", dmarc.Fail)
		if change != nil {
			change(res)
		}
		f := reporting.FailingOf(res, verdict(result.Reject, result.RuleDMARCReject), noDomain)
		return f.Like()
	}
	first := like(nil)
	if same := like(func(r *result.Results) { r.Client.IP, r.MailFrom = "192.0.2.200", "b@other.example" }); same != first {
		t.Errorf("%q and %q", first, same)
	}
	all := []string{first}
	for _, change := range []func(*result.Results){
		func(r *result.Results) { r.Client.IP = "192.0.3.1" },
		func(r *result.Results) { r.Client.IP = "2001:db8::1" },
		func(r *result.Results) { r.DMARC.AuthorDomain = "sub.example.com" },
		func(r *result.Results) { r.DKIM[0].Selector = "s2" },
	} {
		if other := like(change); slices.Contains(all, other) {
			t.Errorf("%q is twice", other)
		} else {
			all = append(all, other)
		}
	}
}
