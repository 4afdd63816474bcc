package main

import (
	"fmt"
	"os"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// reports returns what the reports say that came by mail about a domain: how many there
// are, and whether the domain is ready for a stricter policy. It is "" without reports. Keys
// and hosts of the last weeks are noted in o, which may be nil.
func (f *domainFlags) reports(name string, o *inspect.Options, now time.Time) (string, error) {
	domain, ok := message.NormalizeDomain(name)
	if !ok || !f.cmd.Flags().Changed("config") {
		return "", nil
	}
	c, err := f.load()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(c.ReportFile()); err != nil && c.Journal.Postgres == "" || !c.Report.Stores() {
		return "", nil
	}
	s := sources.NewSink(domain, func(*received.Report) {})
	in := &storedReports{
		flags:  &reportStoreFlags{cmd: f.cmd, file: f.file},
		filter: reports.ReceivedFilter{Kind: reports.ReceivedAggregate, Domain: domain},
	}
	seen := &observedReports{Sink: s, domain: domain, now: now, rows: report.NewTally(sources.MaxStaged), out: o.Observed}
	if seen.out == nil {
		seen.out = &inspect.Observed{}
	}
	if err := in.read(seen, nil); err != nil {
		return "cannot be read: " + foreign.Line(err.Error(), 200), nil
	}
	if s.Reports == 0 {
		return "", nil
	}
	o.Observed = seen.out
	o.Observed.Sources = append(o.Observed.Sources, inspect.ObservedSource{
		Source: inspect.Reports, Since: now.Add(-domainhistory.ObservedTime).UTC().Truncate(time.Second), Complete: s.Unread == 0 && s.Left == 0,
	})
	sum := s.Analysis.Summary(nil)
	text := fmt.Sprintf("%s of %s on %s, %d of %s passed; ", layout.Count(sum.Reports, "report"), layout.Count(sum.Reporters, "reporter"), layout.Count(sum.Days, "day"), sum.Passed, layout.Count(sum.Messages, "message"))
	switch next := sum.Next(); {
	case next == nil:
		text += "p=reject is published"
	case next.Ready:
		text += "ready for p=" + next.Policy
	default:
		text += "not ready for p=" + next.Policy
	}
	return text + ` ("postvet report sources ` + domain + `" says why)`, nil
}
