package setup_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/reports/setup"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone has a sound set-up at reports.example.org.
const zone = `
$TTL 3600
reports.example.org. MX 10 mx.example.org.
mx.example.org. A 192.0.2.25
reports.example.org. TXT "v=spf1 ip4:192.0.2.25 -all"
_dmarc.reports.example.org. TXT "v=DMARC1; p=reject"
_dmarc.example.org. TXT "v=DMARC1; p=quarantine; rua=mailto:d@example.org"
example.org. MX 10 mx.example.org.
nomail.example.org. MX 0 .
nomail.example.org. TXT "v=spf1 -all"
other.example. MX 10 mx.example.org.
other.example. TXT "v=spf1 ip4:192.0.2.25 -all"
broken.example. MX 10 mx.example.org.
broken.example. TXT "v=spf1 ip4:nonsense -all"
$FAULT slow.example MX SERVFAIL
$FAULT slow.example TXT SERVFAIL
$FAULT _dmarc.slow.example TXT SERVFAIL
`

// sound returns options of a set-up in which nothing is wrong.
func sound() (*config.Report, setup.Options) {
	r := &config.Report{
		Send: config.ReportSendKnown, Submitter: "example.org", Email: "postmaster@example.org", From: "noreply@reports.example.org", SMTP: "127.0.0.1:25",
	}
	return r, setup.Options{
		Report: r, Stored: true, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.25")},
		Probe: func(context.Context, string, string) submission.Answer {
			return submission.Answer{Result: submission.Accepted, Stage: submission.Recipient, Code: 250}
		},
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	refuse := func(from string, a submission.Answer) func(context.Context, string, string) submission.Answer {
		return func(_ context.Context, f, _ string) submission.Answer {
			if f == from {
				return a
			}
			return submission.Answer{Result: submission.Accepted, Stage: submission.Recipient, Code: 250}
		}
	}
	key, err := keys.Create(t.TempDir(), "example.org", "s1", "rsa2048")
	if err != nil {
		t.Fatal(err)
	}
	const envelope = "bounce+check@reports.example.org"
	for _, tc := range []struct {
		name    string
		change  func(*config.Report, *setup.Options)
		verdict finding.Verdict
		want    []string // "section severity: text"
	}{
		{name: "sound", verdict: finding.Sound, want: []string{
			"settings ok: reports are sent: report.send is known",
			"sender ok: reports.example.org takes mail",
			"spf ok: SPF passes for this machine's 192.0.2.25",
			"dmarc ok: the record at _dmarc.reports.example.org asks for no reports about reports",
			"dmarc ok: SPF of the envelope sender is aligned",
			"dkim note: reports leave Postvet unsigned",
			"bounces ok: the server takes bounces to " + envelope,
			"server ok: the server answers",
		}},
		{
			name: "nothing is set", verdict: finding.Faulty,
			change: func(r *config.Report, o *setup.Options) {
				*r = config.Report{Send: config.ReportSendOff, SMTP: r.SMTP}
				o.Stored = false
			},
			want: []string{
				"settings note: neither is anything counted", "settings error: report.submitter is missing", "settings error: report.email is missing",
				"settings error: report.from is missing", "settings error: counts and reports have no place",
			},
		},
		{
			name: "others report about reports", verdict: finding.Sound,
			change: func(r *config.Report, _ *setup.Options) {
				r.From, r.BounceDomain = "d@example.org", "reports.example.org"
			},
			want: []string{
				"dmarc warning: the record at _dmarc.example.org asks for reports, so that others will report about your reports; remove rua from the record at _dmarc.example.org, or send reports from a domain of their own",
				"dmarc ok: SPF of the envelope sender is aligned",
			},
		},
		{
			name: "it takes no mail", verdict: finding.Faulty,
			change: func(r *config.Report, _ *setup.Options) { r.From = "d@nomail.example.org" },
			want: []string{
				"sender error: nomail.example.org takes no mail", "bounces error: nomail.example.org takes no mail",
				"spf warning: SPF does not pass for this machine's 192.0.2.25 (fail)",
				`dmarc warning: the record at _dmarc.example.org asks for reports, so that others will report about your reports; publish: _dmarc.nomail.example.org. TXT "v=DMARC1; p=reject"`,
			},
		},
		{
			name: "no records", verdict: finding.Faulty,
			change: func(r *config.Report, _ *setup.Options) { r.From = "d@absent.example" },
			want: []string{
				"sender error: absent.example takes no mail", `spf error: absent.example has no SPF record; publish: absent.example. TXT "v=spf1 mx -all"`,
				"dmarc error: no DMARC record governs absent.example, and reports must pass DMARC (RFC 9990 section 3.5)",
			},
		},
		{
			name: "a broken record", verdict: finding.Faulty,
			change: func(r *config.Report, _ *setup.Options) { r.BounceDomain = "broken.example" },
			want:   []string{"spf error: the SPF record of broken.example is broken"},
		},
		{
			name: "not aligned", verdict: finding.Sound,
			change: func(r *config.Report, _ *setup.Options) { r.BounceDomain = "other.example" },
			want:   []string{"dmarc warning: SPF of other.example is not aligned with reports.example.org"},
		},
		{
			name: "the DNS is silent", verdict: finding.Undetermined,
			change: func(r *config.Report, _ *setup.Options) { r.From = "d@slow.example" },
			want:   []string{"sender warning: it is not known whether slow.example takes mail", "spf warning: SPF of slow.example could not be checked", "dmarc warning: the DMARC record of slow.example could not be looked up"},
		},
		{
			name: "no public address", verdict: finding.Sound,
			change: func(_ *config.Report, o *setup.Options) { o.Addresses = nil },
			want:   []string{"spf note: this machine has no public address"},
		},
		{
			name: "the key is not published", verdict: finding.Faulty,
			change: func(r *config.Report, o *setup.Options) {
				r.DKIMDomain, o.Keys = "example.org", []keys.Entry{{Domain: "example.org", Selector: "s1", Key: key}}
			},
			want: []string{"dkim error: s1: the DNS has no record at s1._domainkey.example.org"},
		},
		{
			name: "no key", verdict: finding.Faulty,
			change: func(r *config.Report, o *setup.Options) {
				r.DKIMDomain, r.DKIMSelector, o.Keys = "example.org", "s2", []keys.Entry{{Domain: "example.org", Selector: "s1", Key: key}}
			},
			want: []string{"dkim error: there is no key that signs as example.org; postvet key new example.org"},
		},
		{
			name: "a foreign key", verdict: finding.Faulty,
			change: func(r *config.Report, o *setup.Options) {
				r.DKIMDomain, o.KeysError = "other.example", errors.New("no such folder")
			},
			want: []string{"dkim error: a signature of other.example is not aligned with reports.example.org", "dkim error: the keys of other.example cannot be read: no such folder"},
		},
		{
			name: "bounces are refused", verdict: finding.Faulty,
			change: func(_ *config.Report, o *setup.Options) {
				o.Probe = refuse("", submission.Answer{Result: submission.Permanent, Stage: submission.Recipient, Code: 550, Status: "5.1.1", Text: "no such user"})
			},
			want: []string{"bounces error: the server refuses bounces to " + envelope + ": 550 5.1.1 no such user", "server ok: "},
		},
		{
			name: "reports are refused", verdict: finding.Faulty,
			change: func(_ *config.Report, o *setup.Options) {
				o.Probe = refuse(envelope, submission.Answer{Result: submission.Permanent, Stage: submission.Recipient, Code: 554, Text: "relay access denied"})
			},
			want: []string{"server error: the server would not take a report for postmaster@example.org: 554 relay access denied"},
		},
		{
			name: "reports are deferred", verdict: finding.Sound,
			change: func(_ *config.Report, o *setup.Options) {
				o.Probe = refuse(envelope, submission.Answer{Result: submission.Temporary, Stage: submission.Recipient, Code: 450, Text: "later"})
			},
			want: []string{"server warning: the server would not take a report for postmaster@example.org now: 450 later"},
		},
		{
			name: "the server is away", verdict: finding.Faulty,
			change: func(_ *config.Report, o *setup.Options) {
				o.Probe = func(context.Context, string, string) submission.Answer {
					return submission.Answer{Result: submission.Temporary, Stage: submission.Connect, Text: "connection refused"}
				}
			},
			want: []string{"server error: the server does not answer: connection refused", "bounces warning: the server could not be asked"},
		},
		{
			name: "no login", verdict: finding.Faulty,
			change: func(_ *config.Report, o *setup.Options) {
				o.Probe = func(context.Context, string, string) submission.Answer {
					return submission.Answer{Result: submission.Permanent, Stage: submission.Login, Code: 535, Status: "5.7.8", Text: "no"}
				}
			},
			want: []string{"server error: the server lets nobody in: 535 5.7.8 no"},
		},
		{
			name: "no server", verdict: finding.Faulty,
			change: func(_ *config.Report, o *setup.Options) { o.Probe, o.ProbeError = nil, errors.New("no address") },
			want:   []string{"server error: the server cannot be asked: no address"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, o := sound()
			if tc.change != nil {
				tc.change(r, &o)
			}
			_, o.Resolver = dnstest.Start(t, zone)
			report := setup.Check(t.Context(), o)
			var b strings.Builder
			for _, s := range report.Sections {
				for _, f := range s.Findings {
					b.WriteString(s.Name + " " + string(f.Severity) + ": " + f.Text + "; " + f.Fix + "\n")
				}
			}
			for _, want := range tc.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("no %q in\n%s", want, b.String())
				}
			}
			if report.State != tc.verdict || report.State != report.Verdict() {
				t.Errorf("the verdict is %s, want %s:\n%s", report.State, tc.verdict, b.String())
			}
		})
	}
}
