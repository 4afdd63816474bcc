package service

import (
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
)

// failed is a message of a domain that asks for failure reports, to a recipient.
func failed(t *testing.T, domain, to string) filter.Decision {
	t.Helper()
	record, err := dmarc.ParseRecord("v=DMARC1; p=reject; ruf=mailto:f@" + domain)
	if err != nil {
		t.Fatal(err)
	}
	return filter.Decision{
		Results: &result.Results{
			Client: result.ClientResult{IP: "192.0.2.1"}, MailFrom: "x@forger.example", Author: message.Author{Domain: domain}, Recipients: []string{to},
			DMARC: dmarc.Result{
				Status: dmarc.Fail, AuthorDomain: domain, OrganizationalDomain: domain, RecordDomain: domain, Policy: dmarc.PolicyReject,
				Disposition: dmarc.PolicyReject, Published: record,
			},
		},
		Verdict: result.Verdict{Action: result.Reject, Intended: result.Reject, Rule: result.RuleDMARCReject, AuthenticationResults: "mx.example.org; dmarc=fail header.from=" + domain},
	}
}

// TestGatherFailure: failures are gathered only if the configuration asks for it, and
// never about our own mail.
func TestGatherFailure(t *testing.T) {
	d := &daemon{log: &logger{Logger: zap.NewNop()}, metrics: metrics.New(metrics.Options{})}
	c, err := config.Parse("postvet.toml", []byte(`[policy]
own_domains = ["ours.example"]
[report]
send = "all"
directory = "`+filepath.Join(t.TempDir(), "reports")+`"
submitter = "example.org"
email = "postmaster@example.org"
from = "noreply@reports.example.org"
inbox = ["dmarc@example.org"]
`))
	if err != nil {
		t.Fatal(err)
	}
	d.started = c
	d.openReports(c)
	defer d.closeReports()
	x := failed(t, "example.com", "bob@example.org")
	d.gatherFailure(&x)
	if st := d.failureStats(); st.Incidents != 0 || d.reports.failures.Load() != nil {
		t.Errorf("off by default, and %+v", st)
	}

	on := *c
	on.Report.Failure.Send = config.ReportSendAll
	d.changeReports(&on)
	d.gatherFailure(&x)
	early, undelivered, toInbox := x, x, failed(t, "example.com", "DMARC@Example.org")
	early.Early, undelivered.Err = true, filepath.ErrBadPattern
	for _, x := range []filter.Decision{early, undelivered, toInbox, failed(t, "ours.example", "b@example.org"), failed(t, "mail.reports.example.org", "b@example.org"), failed(t, "example.org", "b@example.net")} {
		d.gatherFailure(&x)
	}
	if st := d.failureStats(); st.Incidents != 1 || st.Open != 1 || st.Skipped[reporting.SkipOwn] != 3 {
		t.Errorf("%+v", st)
	}

	// A reload that turns them off; the counters do not fall.
	d.changeReports(c)
	d.gatherFailure(&x)
	if st := d.failureStats(); st.Incidents != 1 {
		t.Errorf("%+v", st)
	}
	off := on
	off.Report.Send = config.ReportSendOff
	d.changeReports(&off)
	d.gatherFailure(&x)
	if st := d.failureStats(); st.Incidents != 1 {
		t.Errorf("without aggregate reports nothing sends them: %+v", st)
	}
}
