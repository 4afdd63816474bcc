package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
)

// reportInput is where reports of others are read from: files, or the store.
type reportInput interface {
	// read reads all reports into a sink, and shows on notes how far it is.
	read(sink received.Sink, notes io.Writer) error
}

// storedReports reads reports of others from the store.
type storedReports struct {
	flags  *reportStoreFlags
	filter reports.ReceivedFilter
	// unproven is true to read reports too whose mail did not pass DMARC.
	unproven bool

	// left is how many reports were left out for that, leftMessages how many messages they
	// are about, and copies how often a report came again.
	left         int
	leftMessages int64
	copies       int
}

// read implements [reportInput].
func (x *storedReports) read(sink received.Sink, _ io.Writer) error {
	x.filter.Documents = true
	return x.flags.use(func(ctx context.Context, s *reportstore.Store, _ *config.Config) error {
		var failure error
		err := s.Received(ctx, x.filter, func(r *reports.Received) error {
			x.copies += r.Copies - 1
			if !r.Trusted() && !x.unproven {
				x.left++
				x.leftMessages += r.Messages
				return nil
			}
			failure = received.Replay(r, sink)
			return failure
		})
		if failure != nil {
			return output(failure)
		}
		return storeError(err)
	})
}

type reportReceivedFlags struct {
	reportStoreFlags
	json, csv bool
	kind      string
	since     string
	limit     int
	color     string
}

func newReportReceived() *cobra.Command {
	f := &reportReceivedFlags{}
	cmd := &cobra.Command{
		Use:   "received [DOMAIN]",
		Short: "list the reports of others that came",
		Long: `Received lists the reports that came by mail to report.inbox, and those that
"postvet report read --store" has kept: about DOMAIN and the names below and
above it, or about all. The newest come first. Those whose mail did not pass
DMARC stand apart at the end: anybody may have written them.

"postvet report sources" says what aggregate reports mean, and "postvet report
failures" shows failure reports.

With --json, each line is one object: kind, reporter, email, domain, report_id,
begin, end, messages, passed, records, arrived, last (when it came last), copies
(how often it came), place (the queue id or the file), findings; of the mail
that it came in from, message_id, author and dmarc; trusted (it counts), and
conflicts (another report with the same id says something else).

Exit codes: 0 done, 2 wrong usage, 3 the store could not be read.`,
		Example: `  postvet report received
  postvet report received example.org --kind tls --since 7d
  postvet report received --json | jq 'select(.trusted | not)'`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.kind, "kind", "", "only `KIND`: aggregate, failure or tls")
	f.addList(cmd)
	return cmd
}

// addList adds the flags of a list of reports.
func (f *reportReceivedFlags) addList(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.json, "json", false, "print JSON, one report a line")
	fl.BoolVar(&f.csv, "csv", false, "print CSV, one report a line")
	fl.StringVar(&f.since, "since", "", "only since `TIME`: a duration before now such as 7d, or 2026-11-29[T10:00]")
	fl.IntVar(&f.limit, "limit", 100, "list at most `N` reports, all with 0")
	addColor(cmd, &f.color)
}

// filter returns what the flags ask for.
func (f *reportReceivedFlags) filter(names []string) (reports.ReceivedFilter, error) {
	filter := reports.ReceivedFilter{Kind: reports.ReceivedKind(f.kind), Limit: f.limit}
	if f.limit == 0 {
		filter.Limit = maxListed
	}
	var err error
	switch filter.Kind {
	case "", reports.ReceivedAggregate, reports.ReceivedFailure, reports.ReceivedTLS:
	default:
		return filter, usage("--kind: %q is no kind of report; write aggregate, failure or tls", f.kind)
	}
	switch {
	case f.json && f.csv:
		return filter, usage("--json beside --csv; write one of them")
	case f.limit < 0:
		return filter, usage("--limit: %d is out of bounds; write 0 or more", f.limit)
	}
	if filter.Since, err = parseTime(f.since, time.Now()); err != nil {
		return filter, usage("--since %v", err)
	}
	if len(names) > 0 {
		filter.Domain, err = policyDomain(names[0])
	}
	return filter, err
}

// maxListed bounds a list.
const maxListed = 1_000_000

func (f *reportReceivedFlags) run(cmd *cobra.Command, names []string) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	filter, err := f.filter(names)
	if err != nil {
		return err
	}
	l := &receivedList{w: cmd.OutOrStdout(), screen: screen}
	switch {
	case f.json:
		l.json = newEncoder(l.w)
	case f.csv:
		l.beginCSV()
	}
	var failure error
	err = f.use(func(ctx context.Context, s *reportstore.Store, _ *config.Config) error {
		err := s.Received(ctx, filter, func(r *reports.Received) error {
			failure = l.add(r)
			return failure
		})
		if failure != nil {
			return output(failure)
		}
		return storeError(err)
	})
	if err != nil {
		return err
	}
	return output(l.end())
}

// receivedLine is a report of others in JSON.
type receivedLine struct {
	Kind      reports.ReceivedKind `json:"kind"`
	Reporter  string               `json:"reporter"`
	Email     string               `json:"email"`
	Domain    string               `json:"domain"`
	ReportID  string               `json:"report_id"`
	Begin     *time.Time           `json:"begin,omitempty"`
	End       *time.Time           `json:"end,omitempty"`
	Messages  int64                `json:"messages"`
	Passed    int64                `json:"passed"`
	Records   int                  `json:"records"`
	Arrived   *time.Time           `json:"arrived"`
	Last      *time.Time           `json:"last"`
	Copies    int                  `json:"copies"`
	Place     string               `json:"place"`
	From      string               `json:"from"`
	MessageID string               `json:"message_id"`
	Author    string               `json:"author"`
	DMARC     string               `json:"dmarc"`
	Trusted   bool                 `json:"trusted"`
	Conflicts bool                 `json:"conflicts"`
	Findings  any                  `json:"findings"`
}

func newReceivedLine(r *reports.Received) receivedLine {
	l := receivedLine{
		Kind: r.Kind, Reporter: r.Reporter, Email: r.Email, Domain: r.Domain, ReportID: r.ReportID, Begin: seconds(r.Begin), End: seconds(r.End),
		Messages: r.Messages, Passed: r.Passed, Records: r.Records, Arrived: seconds(r.Arrived), Last: seconds(r.Last), Copies: r.Copies, Place: r.Place,
		From: r.From, MessageID: r.MessageID, Author: r.Author, DMARC: r.Result, Trusted: r.Trusted(), Conflicts: r.Conflicts, Findings: r.Findings,
	}
	if r.Findings == nil {
		l.Findings = []any{}
	}
	return l
}

// provenText says who vouches for a report.
func provenText(r *reports.Received) string {
	switch r.Result {
	case "pass":
		return r.Author
	case "":
		return "a file, " + r.Place
	case reports.ResultExempt:
		return "not checked"
	}
	return cmp.Or(r.Author, "nobody") + ", dmarc=" + r.Result
}

// notesText names what is special about a report.
func notesText(r *reports.Received) string {
	text := ""
	add := func(s string) {
		if text != "" {
			text += ", "
		}
		text += s
	}
	if r.Copies > 1 {
		add(fmt.Sprintf("came %d times", r.Copies))
	}
	if r.Conflicts {
		add("another one has its id")
	}
	if n := len(r.Findings); n > 0 {
		add(layout.Count(n, "finding"))
	}
	return text
}
