package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/reporting"
)

// reportListFlags are the flags of "report list".
type reportListFlags struct {
	reportStoreFlags
	day, domain, address, state string
	limit                       int
	json, csv                   bool
	color                       string
}

// reportStates are the states that a report can be in, the earliest first.
var reportStates = []string{
	string(reportstore.SubjectOpen), string(reportstore.SubjectClosed), string(reportstore.SubjectSkipped),
	string(reports.New), string(reports.Sending), string(reports.Deferred), string(reports.Queued), string(reports.Done),
	string(reports.Bounced), string(reports.Expired), string(reports.Suppressed), string(reports.Refused), string(reports.Withdrawn),
}

func newReportList() *cobra.Command {
	f := &reportListFlags{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "show the reports that we send, and what became of each",
		Long: `List shows the DMARC reports that this receiver sends, the newest first: the
day, the domain, how many messages they are about, and what became of the
delivery to each address.

  open        messages are still counted
  closed      the day is over, and the report will be made
  skipped     no report is sent; shown with --day or --state
  new         ready, waits for its place in the window
  sending     being handed to the server
  deferred    tried, and will be tried again
  queued      the server has taken it; a bounce may come
  done        no bounce came
  bounced     refused for good, or a bounce came
  expired     tried for too long
  suppressed  the address gets no reports, see "postvet report suppress"
  refused     the address is of another domain, which does not consent
  withdrawn   the domain no longer asks for it

The file is read beside the running service, which writes to it once a second.

With --json, each line is one object: day, domain, kind, state, messages,
records, id, address, attempts, next, changed, code, status, text. With --csv,
values that a spreadsheet would take for a formula begin with an apostrophe.

Exit codes: 0 there are reports, 1 there are none, 2 wrong usage, 3 they could
not be read.`,
		Example: `  postvet report list
  postvet report list --day yesterday --state bounced
  postvet report list --domain example.org
  postvet report list --address @example.net --csv > sent.csv
  postvet report list --state deferred --json | jq -r .text | sort | uniq -c`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.day, "day", "", "only of this `DAY` of UTC, such as 2026-11-29, today or yesterday")
	fl.StringVar(&f.domain, "domain", "", "only about this policy `DOMAIN`")
	fl.StringVar(&f.address, "address", "", "only to this `ADDRESS`, or @DOMAIN")
	fl.StringVar(&f.state, "state", "", "only in this `STATE`, or several with commas between")
	fl.IntVar(&f.limit, "limit", 100, "show at most `N`; 0 shows all")
	fl.BoolVar(&f.json, "json", false, "print JSON, one object a line")
	fl.BoolVar(&f.csv, "csv", false, "print CSV")
	addColor(cmd, &f.color)
	// It fails only if the flag does not exist. Another command has a flag of this name.
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(completions(reportStates), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// reportRow is a line of the list.
type reportRow struct {
	Day      string       `json:"day"`
	Domain   string       `json:"domain"`
	Kind     reports.Kind `json:"kind"`
	State    string       `json:"state"`
	Messages int64        `json:"messages"`
	Records  int          `json:"records,omitempty"`
	ID       string       `json:"id,omitempty"`
	Address  string       `json:"address,omitempty"`
	Attempts int          `json:"attempts"`
	Next     *time.Time   `json:"next,omitempty"`
	Changed  *time.Time   `json:"changed,omitempty"`
	Code     int          `json:"code,omitempty"`
	Status   string       `json:"status,omitempty"`
	Text     string       `json:"text,omitempty"`
}

// query returns the query of the flags, and the progress of subjects that are wanted.
func (f *reportListFlags) query(now time.Time) (q reportstore.Query, subjects []reportstore.Progress, err error) {
	q.Limit = f.limit
	if q.Day, err = parseDay(f.day, now); err != nil {
		return q, nil, err
	}
	if f.domain != "" {
		if q.Domain, err = policyDomain(f.domain); err != nil {
			return q, nil, err
		}
	}
	if f.address != "" {
		if q.Address, err = reportAddress(f.address); err != nil {
			return q, nil, err
		}
	}
	if f.limit < 0 {
		return q, nil, usage("--limit %d; write 0 or more", f.limit)
	}
	subjects = []reportstore.Progress{reportstore.SubjectOpen, reportstore.SubjectClosed}
	if q.Day != 0 {
		subjects = append(subjects, reportstore.SubjectSkipped)
	}
	if f.state != "" {
		subjects = nil
		for word := range strings.SplitSeq(f.state, ",") {
			switch p := reportstore.Progress(word); {
			case !slices.Contains(reportStates, word):
				return q, nil, usage("--state: %q is no state; write one of %s", word, strings.Join(reportStates, ", "))
			case p == reportstore.SubjectOpen || p == reportstore.SubjectClosed || p == reportstore.SubjectSkipped:
				subjects = append(subjects, p)
			default:
				q.States = append(q.States, reports.State(word))
			}
		}
	}
	if q.Address != "" {
		subjects = nil
	}
	return q, subjects, nil
}

func (f *reportListFlags) run(cmd *cobra.Command) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	if f.json && f.csv {
		return usage("--json beside --csv; write one of them")
	}
	q, subjects, err := f.query(time.Now())
	if err != nil {
		return err
	}
	var rows []reportRow
	more := false
	err = f.use(func(ctx context.Context, s *reportstore.Store, _ *config.Config) (err error) {
		rows, more, err = reportRows(ctx, s, q, subjects, f.state == "" || len(q.States) > 0)
		return storeError(err)
	})
	if err != nil {
		return err
	}
	out := &reportListOutput{w: cmd.OutOrStdout(), screen: screen}
	switch {
	case f.json:
		err = out.json(rows)
	case f.csv:
		err = out.csv(rows)
	default:
		err = out.table(rows, more)
	}
	if err != nil {
		return output(err)
	}
	if len(rows) == 0 {
		return answerNo("there are no such reports")
	}
	return nil
}

// reportRows returns the rows that are asked for, the newest day first, and whether there
// are more.
func reportRows(ctx context.Context, s *reportstore.Store, q reportstore.Query, subjects []reportstore.Progress, sent bool) (rows []reportRow, more bool, err error) {
	for _, p := range subjects {
		all, err := s.Subjects(ctx, reportstore.SubjectQuery{Progress: p, Day: q.Day, Domain: q.Domain})
		if err != nil {
			return nil, false, err
		}
		for i := range all {
			rows = append(rows, subjectRow(&all[i], p))
		}
	}
	most := q.Limit
	if sent {
		if q.Limit > 0 {
			q.Limit++
		}
		all, err := s.Deliveries(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for i := range all {
			rows = append(rows, sentRow(&all[i]))
		}
	}
	slices.SortStableFunc(rows, func(a, b reportRow) int {
		return cmp.Or(strings.Compare(b.Day, a.Day), strings.Compare(a.Domain, b.Domain), strings.Compare(a.Address, b.Address))
	})
	if most > 0 && len(rows) > most {
		rows, more = rows[:most], true
	}
	return rows, more, nil
}

// subjectRow is a row of what is no report yet.
func subjectRow(x *reports.Subject, p reportstore.Progress) reportRow {
	r := reportRow{Day: x.Day.String(), Domain: x.Policy.Domain, Kind: reports.Aggregate, State: string(p)}
	for _, n := range x.Messages {
		r.Messages += n
	}
	if r.Text = skipText(x.Why); p != reportstore.SubjectSkipped && r.Messages > 0 && x.Messages[reporting.Ordinary] == 0 {
		r.Text = "no ordinary mail" // the rest causes no report
	}
	return r
}

// sentRow is a row of a delivery.
func sentRow(x *reportstore.Sent) reportRow {
	d := &x.Delivery
	r := reportRow{
		Day: reports.DayOf(x.Begin).String(), Domain: x.Domain, Kind: x.Kind, State: string(d.State), Messages: x.Messages, Records: x.Records,
		ID: x.ID, Address: d.Address, Attempts: d.Attempts, Changed: seconds(d.Changed), Code: d.Code, Status: d.Status, Text: d.Text,
	}
	if d.State == reports.New || d.State == reports.Deferred {
		r.Next = seconds(d.Next)
	}
	return r
}
