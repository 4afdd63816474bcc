package service

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
)

// decision returns a decision about a message whose domain asks for reports.
func decision(t *testing.T, to ...string) *filter.Decision {
	t.Helper()
	r, err := dmarc.ParseRecord("v=DMARC1; p=none; rua=mailto:a@example.com")
	if err != nil {
		t.Fatal(err)
	}
	return &filter.Decision{
		Ended: time.Now(), Verdict: result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: result.RuleDMARCPass},
		Results: &result.Results{
			Client: result.ClientResult{IP: "192.0.2.1"}, MailFrom: "ann@example.com", Recipients: to, Author: message.Author{Domain: "example.com"},
			DMARC: dmarc.Result{Status: dmarc.Pass, AuthorDomain: "example.com", RecordDomain: "example.com", Policy: "none", SPFAligned: true, Published: r},
		},
	}
}

// TestCountForReports: which messages are counted, and as what, over reloads that turn
// counting off and on.
func TestCountForReports(t *testing.T) {
	t.Parallel()
	d := &daemon{log: &logger{Logger: zap.NewNop()}, metrics: metrics.New(metrics.Options{})}
	off := config.Default()
	d.started = off
	d.state.Store(&state{config: off})
	d.openReports(off)
	d.countForReports(decision(t, "bob@example.org"))
	on := *off
	on.Report.Collect, on.Report.EnvelopeTo, on.Report.Inbox = true, true, []string{"dmarc@example.org"}
	on.Report.From = "noreply@reports.example.org"
	on.Report.Directory = filepath.Join(t.TempDir(), "reports")
	d.changeReports(&on)
	d.changeReports(&on) // changes nothing
	d.countForReports(decision(t, "bob@Example.org", "<ann@example.org>"))
	d.countForReports(decision(t, "bob@example.org", "bob@example.net"))
	d.countForReports(decision(t, "dmarc@example.org"))
	d.countForReports(decision(t, "<NoReply@reports.example.org>")) // an answer to a report
	early, undelivered, exempt := decision(t), decision(t), decision(t)
	early.Early, undelivered.Err, exempt.Results.Exempt = true, errors.New("the MTA is gone"), result.ExemptAuthenticated
	for _, x := range []*filter.Decision{early, undelivered, exempt} {
		d.countForReports(x)
	}
	d.changeReports(off)
	d.reports.ending.Wait()
	d.countForReports(decision(t, "bob@example.org"))
	d.changeReports(&on)
	d.countForReports(decision(t, "bob@example.net"))
	d.closeReports()

	st := d.reportStats()
	if st.Rows != 5 || st.Skipped[reporting.SkipDeferred] != 1 || st.Skipped[reporting.SkipExempt] != 1 || st.Trouble != "" {
		t.Errorf("%+v", st)
	}
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: on.ReportFile()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Subjects(t.Context(), reportstore.SubjectQuery{})
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	got, kinds := map[string]int64{}, map[reporting.Kind]int64{}
	for _, x := range all { // two if it is midnight
		rs := s.Records(t.Context(), x)
		for r := range rs.All() {
			got[r.EnvelopeTo] += r.Count
		}
		if rs.Err() != nil {
			t.Fatal(rs.Err())
		}
		for k, n := range x.Messages {
			kinds[k] += n
		}
	}
	if d := cmp.Diff(map[string]int64{"example.org": 2, "": 1, "example.net": 1, "reports.example.org": 1}, got); d != "" {
		t.Errorf("recipients (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[reporting.Kind]int64{reporting.Ordinary: 3, reporting.OfReport: 2}, kinds); d != "" {
		t.Errorf("kinds (-want +got):\n%s", d)
	}
	// The node has left, so that nobody waits for it.
	if _, waiting, err := s.CloseDays(t.Context()); waiting != nil || err != nil {
		t.Errorf("waiting for %q, %v", waiting, err)
	}
}
