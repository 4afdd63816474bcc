package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/foreign"
)

type reportSendFlags struct {
	reportStoreFlags
	due, dryRun, json bool
	day, wait         string
}

func newReportSend() *cobra.Command {
	f := &reportSendFlags{}
	cmd := &cobra.Command{
		Use:   "send ID | --due",
		Short: "have a report sent now, or see what would be sent",
		Long: `Send has the running service send a DMARC report now: the one with this ID, or
with --due all that are ready and wait for their place in the window, or for the
next try. The service goes on to keep the pace of the configuration, and asks
the DNS and the list of suppressed addresses first, as ever.

A delivery that bounced, was suppressed, refused or withdrawn, or has expired is
tried again if it is named by its ID; one that the server has taken is not sent
twice. Then the command waits a while and shows what became of each.

With --dry-run nothing is sent and nothing changes. --due --dry-run shows for
each domain of a day whether it gets a report, when and at which addresses, or
why not: off, own (the domain of our reports), excluded, no-address, ride-along
(only bounces, reports or forged mail came), unknown (seen on one day alone),
not-listed, too-late. Each address is asked about in the DNS. The day is
yesterday until its reports are made, then today.

With --json, each line is one object with the keys of "report list"; a dry run
of --due has day, domain, messages, why, at, problem (such as a DNS failure),
and addresses, each with address, state and reason.

Exit codes: 0 done, 1 there is no such report, or nothing to send, 2 wrong
usage, or the configuration sends nothing, 3 the service could not be asked, or
the store.`,
		Example: `  postvet report send --due --dry-run
  postvet report send --due --dry-run --json | jq 'select(.why != "")'
  postvet report send 5f2c09aa`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && f.due:
				return usage("an ID beside --due; write one of them")
			case len(args) == 0 && !f.due:
				return usage("nothing to send; write the ID of a report, or --due")
			case f.day != "" && !(f.due && f.dryRun):
				return usage("--day without --due and --dry-run; a report of a day is sent by its ID")
			}
			if f.due && f.dryRun {
				return f.plan(cmd)
			}
			id := ""
			if len(args) == 1 {
				id = args[0]
			}
			return f.run(cmd, id)
		},
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.due, "due", false, "all that wait")
	fl.BoolVar(&f.dryRun, "dry-run", false, "show what would be sent, and send nothing")
	fl.StringVar(&f.day, "day", "", "the `DAY` of --due --dry-run")
	fl.StringVar(&f.wait, "wait", "30s", "how much `TIME` to wait for the results; 0 does not wait")
	fl.BoolVar(&f.json, "json", false, "print JSON, one object a line")
	return cmd
}

// untried are the states of deliveries that the service will try, and final those that it
// tries again only if asked.
var (
	untried = []reports.State{reports.New, reports.Deferred}
	final   = []reports.State{reports.Bounced, reports.Expired, reports.Suppressed, reports.Refused, reports.Withdrawn}
)

func (f *reportSendFlags) run(cmd *cobra.Command, id string) error {
	patience, err := time.ParseDuration(f.wait)
	if err != nil || patience < 0 || patience > storeTime/2 {
		return usage("--wait: %q is no time of at most %s; write one such as 30s", f.wait, storeTime/2)
	}
	return f.use(func(ctx context.Context, s *reportstore.Store, c *config.Config) error {
		q := reportstore.Query{States: untried}
		if id != "" {
			r, err := findReport(ctx, s, id)
			if err != nil {
				return err
			}
			q = reportstore.Query{ID: r.ID, States: slices.Concat(untried, final)}
		}
		all, err := s.Deliveries(ctx, q)
		if err != nil {
			return storeError(err)
		}
		switch {
		case len(all) == 0 && id != "":
			return answerNo("the server has taken this report at all its addresses, or is taking it now; \"postvet report show %s\" has more", foreign.Word(id, 32))
		case len(all) == 0:
			return answerNo("no report waits; \"postvet report list\" has them all")
		case f.dryRun:
			return f.show(cmd.OutOrStdout(), all)
		case c.Report.Send == config.ReportSendOff:
			return usage("report.send is off, so that the service sends nothing; set send = \"known\" and reload it")
		}
		if err := f.serviceRuns(cmd, c); err != nil {
			return err
		}
		now := time.Now()
		for i := range all {
			if err := advance(ctx, s, all[i].Delivery, now); err != nil {
				return storeError(err)
			}
		}
		return f.follow(ctx, cmd, s, all, now, patience)
	})
}

// advance has the service try a delivery at its next step.
func advance(ctx context.Context, s *reportstore.Store, d reports.Delivery, now time.Time) error {
	before := d.State
	if slices.Contains(final, before) {
		d = reports.Delivery{Report: d.Report, Address: d.Address, State: reports.New}
	}
	d.Next, d.Changed = now, now
	_, err := s.Change(ctx, d, before) // false if the service was quicker
	return err
}

// serviceRuns returns an error if no service runs that would send.
func (f *reportSendFlags) serviceRuns(cmd *cobra.Command, c *config.Config) error {
	if c.Journal.Postgres != "" {
		return nil // another node may be the one that sends
	}
	service := serviceFlags{cmd: cmd, file: f.file}
	client, err := service.client()
	if err != nil {
		return err
	}
	var status control.Status
	err = request(cmd.Context(), client, answerTime, control.Request{Do: control.DoStatus}, &status)
	var gone *control.Unreachable
	if errors.As(err, &gone) {
		return failed("%w; a report is sent by the running service alone: start it", err)
	}
	return err
}

// follow waits until the service has tried the deliveries, and shows what became of them.
func (f *reportSendFlags) follow(ctx context.Context, cmd *cobra.Command, s *reportstore.Store, all []reportstore.Sent, since time.Time, patience time.Duration) error {
	notes, done := progressTo(cmd, false), func(int) {}
	if notes != nil {
		done = progress(notes, len(all), "delivery")
		defer fmt.Fprint(notes, "\r\x1b[K")
	}
	for end := since.Add(patience); ; {
		tried := 0
		for i := range all {
			now, err := s.Deliveries(ctx, reportstore.Query{ID: all[i].ID, Address: all[i].Address})
			if err != nil {
				return storeError(err)
			}
			if len(now) == 1 {
				all[i] = now[0]
			}
			if d := &all[i].Delivery; d.State != reports.Sending && (d.State != reports.New && d.State != reports.Deferred || d.Next.After(since)) {
				tried++
			}
		}
		done(tried)
		if tried == len(all) || time.Now().After(end) {
			if err := f.show(cmd.OutOrStdout(), all); err != nil {
				return err
			}
			if tried < len(all) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s not tried yet; the service keeps its pace, and \"postvet report list\" shows how far it is\n", layout.Count(len(all)-tried, "address"))
			}
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return failed("interrupted; the service goes on")
		}
	}
}

// show prints deliveries.
func (f *reportSendFlags) show(w io.Writer, all []reportstore.Sent) error {
	rows := make([]reportRow, len(all))
	for i := range all {
		rows[i] = sentRow(&all[i])
	}
	screen, _ := layout.ScreenOf(w, "auto")
	out := &reportListOutput{w: w, screen: screen}
	if f.json {
		return output(out.json(rows))
	}
	return output(out.table(rows, false))
}
