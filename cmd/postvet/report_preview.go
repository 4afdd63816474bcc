package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc/report"
)

type reportPreviewFlags struct {
	reportStoreFlags
	documentFlags
	day string
}

// previewID stands where the ID of the report will.
const previewID = "00000000000000000000000000000000"

func newReportPreview() *cobra.Command {
	f := &reportPreviewFlags{}
	cmd := &cobra.Command{
		Use:   "preview DOMAIN",
		Short: "show today's report to a domain as it would be now",
		Long: `Preview shows what was counted today for the report to a domain, as the report
would be if the day were over. Nothing is sent, and nothing changes. DOMAIN is
the policy domain, where the DMARC record stands: mail of news.example.org is in
the report of example.org unless it has a record of its own.

Counting needs report.send or report.collect. What the service counted within
the last second may be missing. A day on which the record changed has a report
for each version.

With --xml, the documents are printed; the ID of the report is not known yet,
and 32 zeros stand in its place. With --json, each document is one object on one
line: aggregate and records, as "postvet report read --json" has them.

Exit codes: 0 shown, 1 nothing was counted, 2 wrong usage, 3 it could not be
read.`,
		Example: `  postvet report preview example.org
  postvet report preview example.org --xml | postvet report check -
  postvet report preview example.org --day yesterday`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.reportStoreFlags.add(cmd)
	cmd.Flags().StringVar(&f.day, "day", "today", "the `DAY` of UTC, if its report was not made yet")
	f.documentFlags.add(cmd)
	return cmd
}

func (f *reportPreviewFlags) run(cmd *cobra.Command, name string) error {
	screen, err := f.screen(cmd)
	if err != nil {
		return err
	}
	domain, err := policyDomain(name)
	if err != nil {
		return err
	}
	day, err := parseDay(f.day, time.Now())
	if err != nil {
		return err
	}
	return f.use(func(ctx context.Context, s *reportstore.Store, c *config.Config) error {
		subjects, err := countedSubjects(ctx, s, domain, day)
		if err != nil {
			return storeError(err)
		}
		if len(subjects) == 0 {
			return answerNo("nothing was counted on %s for %s; \"postvet report list\" has the policy domains", day, domain)
		}
		for i := range subjects {
			if err := f.one(ctx, cmd.OutOrStdout(), screen, s, &c.Report, &subjects[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// countedSubjects returns what is counted of a domain and was made no report yet.
func countedSubjects(ctx context.Context, s *reportstore.Store, domain string, day reports.Day) ([]reports.Subject, error) {
	var all []reports.Subject
	for _, p := range []reportstore.Progress{reportstore.SubjectOpen, reportstore.SubjectClosed} {
		some, err := s.Subjects(ctx, reportstore.SubjectQuery{Progress: p, Day: day, Domain: domain})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// one shows the report of a subject.
func (f *reportPreviewFlags) one(ctx context.Context, w io.Writer, screen layout.Screen, s *reportstore.Store, c *config.Report, x *reports.Subject) error {
	var b bytes.Buffer
	records := s.Records(ctx, *x)
	err := report.Write(&b, previewHead(c, x), records.All())
	switch {
	case records.Err() != nil:
		return storeError(records.Err())
	case err != nil:
		return failed("the report cannot be written: %v", err)
	}
	switch {
	case f.xml:
		_, err = b.WriteTo(w)
	case f.json:
		var r *documentJSON
		if r, err = readDocument(&b); err == nil {
			err = newEncoder(w).Encode(r)
		}
	default:
		if _, err = fmt.Fprintf(w, "as of now; reports go to %s\n\n", fit(strings.Join(x.Policy.RUA, ", "), max(screen.Width, reportWidth)-27)); err == nil {
			err = writeDocument(&reportTable{w: w, screen: screen, all: f.all}, &b, "")
		}
	}
	return output(err)
}

// previewHead returns the head of the report of a subject. What is not configured yet has
// words in its place.
func previewHead(c *config.Report, x *reports.Subject) *report.Head {
	h := &report.Head{
		OrgName: cmp.Or(c.OrgName, c.Submitter, "report.submitter"), Email: cmp.Or(c.Email, "report.email"), ExtraContact: c.Contact, ReportID: previewID,
		Begin: x.Day.Begin(), End: x.Day.End(), Generator: thisBuild(), Policy: x.Policy.Policy,
	}
	if x.LeftOut > 0 {
		h.Errors = []string{fmt.Sprintf("%d messages in rows beyond the limit left out", x.LeftOut)}
	}
	return h
}
