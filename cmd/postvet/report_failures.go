package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
)

func newReportFailures() *cobra.Command {
	f := &reportReceivedFlags{kind: string(reports.ReceivedFailure)}
	unproven := false
	cmd := &cobra.Command{
		Use:   "failures [DOMAIN]",
		Short: "list the failure reports that came",
		Long: `Failures lists the failure reports (RFC 9991) that came by mail to report.inbox,
and those that "postvet report read --store" has kept: single messages in the
name of DOMAIN, or of any domain, that failed at another receiver. The newest
come first. Those whose mail did not pass DMARC are left out, and counted;
--unproven lists them too.

With --json, each line is one object: kind, file, findings, and failure, whose
keys are the fields of the report (RFC 6591) in lower case, such as auth_failure
and source_ip, and from, subject, date and message_id of the message.

Exit codes: 0 done, 2 wrong usage, 3 the store could not be read.`,
		Example: `  postvet report failures example.org --since 7d
  postvet report failures --csv > failures.csv`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.failures(cmd, args, unproven) },
	}
	f.add(cmd)
	f.addList(cmd)
	cmd.Flags().BoolVar(&unproven, "unproven", false, "list those too whose mail did not pass DMARC")
	return cmd
}

func (f *reportReceivedFlags) failures(cmd *cobra.Command, names []string, unproven bool) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	filter, err := f.filter(names)
	if err != nil {
		return err
	}
	in := &storedReports{flags: &f.reportStoreFlags, filter: filter, unproven: unproven}
	out := &failureList{w: cmd.OutOrStdout(), screen: screen, problems: cmd.ErrOrStderr()}
	switch {
	case f.json:
		out.json = newEncoder(out.w)
	case f.csv:
		out.csv = csv.NewWriter(out.w)
		_ = out.csv.Write(failureColumns) // buffered; Flush has the error
	}
	if err := in.read(out, nil); err != nil {
		return err
	}
	return output(out.end(in))
}

// failureList is a sink that writes failure reports.
type failureList struct {
	w        io.Writer
	problems io.Writer
	screen   layout.Screen
	json     *json.Encoder // nil for other forms
	csv      *csv.Writer   // nil for other forms
	n        int
}

// Record implements [received.Sink]. Failure reports have no records.
func (l *failureList) Record(received.Place, *report.Head, *report.Record) error { return nil }

// failureColumns are the columns of CSV.
var failureColumns = []string{
	"arrival", "domain", "source_ip", "messages", "not_aligned", "delivery", "from", "mail_from", "rcpt_to", "subject", "message_id", "dkim_domain", "dkim_selector", "reporter", "place",
}

const (
	failureForm  = "%-16s  %8s  %-24s  %s\n"
	failureFixed = 54 // columns before the last
)

// End implements [received.Sink].
func (l *failureList) End(r *received.Report) error {
	if r.Err != nil {
		unreadReport(l.problems, r)
		return nil
	}
	l.n++
	f := r.Failure
	source := cmp.Or(f.SourceText, "unknown")
	if f.Source.IsValid() {
		source = f.Source.String()
	}
	domain := f.Author
	if len(f.ReportedDomain) > 0 {
		domain = f.ReportedDomain[0]
	}
	reporter := cmp.Or(f.ReportingMTA, f.UserAgent)
	switch {
	case l.json != nil:
		return l.json.Encode(reportLine{Kind: r.Kind, Place: r.Place, Failure: f, Findings: r.Deviations})
	case l.csv != nil:
		return writeCells(l.csv, []string{
			reportTime(f.Arrival), domain, source, strconv.FormatInt(f.Incidents, 10), f.Methods(), f.DeliveryResult, f.From, f.OriginalMailFrom,
			strings.Join(f.OriginalRcptTo, " "), f.Subject, f.MessageID, f.DKIMDomain, f.DKIMSelector, reporter, r.Place.File,
		})
	}
	if l.n == 1 {
		if _, err := fmt.Fprintf(l.w, failureForm, "arrival (UTC)", "messages", "source", "domain"); err != nil {
			return err
		}
	}
	when := "unknown"
	if !f.Arrival.IsZero() {
		when = f.Arrival.UTC().Format("2006-01-02 15:04")
	}
	width := max(l.screen.Width, reportWidth)
	line := fmt.Sprintf(failureForm, when, strconv.FormatInt(f.Incidents, 10), fit(source, 24), fit(cmp.Or(domain, "unknown"), width-failureFixed))
	if _, err := fmt.Fprintln(l.w, strings.TrimRight(line, " \n")); err != nil {
		return err
	}
	text := ""
	for _, part := range []string{
		f.Methods(), f.DeliveryResult, given("from %s", f.From), given("mail from %s", f.OriginalMailFrom), given("signed as %s", f.DKIMDomain), given("subject %s", f.Subject), given("reported by %s", reporter),
	} {
		if part != "" {
			text += "; " + part
		}
	}
	_, err := fmt.Fprintf(l.w, "%18s%s\n", "", strings.Join(layout.Lines(foreign.Terminal(strings.TrimPrefix(text, "; "), 1000), width-20, 0), "\n"+strings.Repeat(" ", 20)))
	return err
}

// end writes how many there are for a person.
func (l *failureList) end(in *storedReports) error {
	switch {
	case l.json != nil:
		return nil
	case l.csv != nil:
		l.csv.Flush()
		return l.csv.Error()
	}
	text := layout.Count(l.n, "failure report")
	if in.left > 0 {
		text += fmt.Sprintf("; --unproven shows %d more, whose mail did not pass DMARC", in.left)
	}
	_, err := fmt.Fprintln(l.w, text)
	return err
}
