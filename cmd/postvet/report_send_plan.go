package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/policy/foreign"
)

// plannedRow is what would become of a domain of a day, in JSON.
type plannedRow struct {
	Day       string           `json:"day"`
	Domain    string           `json:"domain"`
	Messages  int64            `json:"messages"`
	Why       string           `json:"why"`
	At        *time.Time       `json:"at,omitempty"`
	Problem   string           `json:"problem,omitempty"`
	Addresses []plannedAddress `json:"addresses"`
}

type plannedAddress struct {
	Address string        `json:"address"`
	State   reports.State `json:"state"`
	Reason  string        `json:"reason,omitempty"`
}

// plan shows what would be sent about a day.
func (f *reportSendFlags) plan(cmd *cobra.Command) error {
	day, err := parseDay(f.day, time.Now())
	if err != nil {
		return err
	}
	return f.use(func(ctx context.Context, s *reportstore.Store, c *config.Config) error {
		if c.Report.Send == config.ReportSendOff {
			return usage("report.send is off, so that nothing would be sent; set send = \"known\" in a copy of the configuration, and name it with --config")
		}
		dns, err := c.NewResolver(nil)
		if err != nil {
			return failed("%w", err)
		}
		defer dns.Close()
		unsigned := *c // a plan signs and submits nothing
		unsigned.Report.DKIMDomain, unsigned.Report.DKIMSelector = "", ""
		o, err := service.ReportOptions(&unsigned, dns, func() *keys.Source { return nil }, version)
		if err != nil {
			return failed("%w", err)
		}
		o.Store = s
		sender, err := reportsending.New(o)
		if err != nil {
			return failed("%w", err)
		}
		if day == 0 {
			if day, err = openDay(ctx, s); err != nil {
				return storeError(err)
			}
		}
		return f.planDay(ctx, cmd, s, sender, day)
	})
}

// openDay returns yesterday if reports of it are still to be made, else today.
func openDay(ctx context.Context, s *reportstore.Store) (reports.Day, error) {
	today := reports.DayOf(time.Now())
	for _, p := range []reportstore.Progress{reportstore.SubjectOpen, reportstore.SubjectClosed} {
		all, err := s.Subjects(ctx, reportstore.SubjectQuery{Progress: p, Day: today - 1, Limit: 1})
		if err != nil {
			return 0, err
		}
		if len(all) > 0 {
			return today - 1, nil
		}
	}
	return today, nil
}

// planDay prints a row for each domain of a day whose report was not made yet.
func (f *reportSendFlags) planDay(ctx context.Context, cmd *cobra.Command, s *reportstore.Store, sender *reportsending.Sender, day reports.Day) error {
	wanted := map[int64]bool{}
	for _, p := range []reportstore.Progress{reportstore.SubjectOpen, reportstore.SubjectClosed} {
		all, err := s.Subjects(ctx, reportstore.SubjectQuery{Progress: p, Day: day})
		if err != nil {
			return storeError(err)
		}
		for i := range all {
			wanted[all[i].ID] = true
		}
	}
	if len(wanted) == 0 {
		return answerNo("no report about %s is still to be made; \"postvet report list\" has those that are made", day)
	}
	notes, done := progressTo(cmd, true), func(int) {}
	if notes != nil {
		done = progress(notes, len(wanted), "domain")
		defer fmt.Fprint(notes, "\r\x1b[K")
	}
	n, e := 0, newEncoder(cmd.OutOrStdout())
	var broken error
	err := sender.Plan(ctx, day, func(p *reportsending.Planned) bool {
		if !wanted[p.Subject.ID] {
			return true
		}
		n++
		done(n)
		r := planned(p)
		if f.json {
			broken = e.Encode(r)
		} else {
			if n == 1 {
				_, broken = fmt.Fprintf(cmd.OutOrStdout(), plannedForm, "domain, "+r.Day, "messages", "report")
			}
			if broken == nil {
				broken = r.write(cmd.OutOrStdout())
			}
		}
		return broken == nil
	})
	if err != nil {
		return storeError(err)
	}
	return output(broken)
}

// plannedForm is a line of the table of a plan.
const plannedForm = "%-40s  %10s  %s\n"

// planned returns the row of a plan.
func planned(p *reportsending.Planned) *plannedRow {
	r := &plannedRow{Day: p.Subject.Day.String(), Domain: p.Subject.Policy.Domain, Why: string(p.Why), At: seconds(p.At), Problem: p.Problem, Addresses: []plannedAddress{}}
	for _, n := range p.Subject.Messages {
		r.Messages += n
	}
	for _, a := range p.Addresses {
		r.Addresses = append(r.Addresses, plannedAddress{a.Address, a.State, a.Reason})
	}
	return r
}

// skipWords are the reasons for no report, for a person.
var skipWords = map[reportsending.Why]string{
	reportsending.WhyOff: "nothing is sent (report.send)", reportsending.WhyOwn: "it is the domain of our own reports", reportsending.WhyExcluded: "report.exclude leaves it out",
	reportsending.WhyNoAddress: "its record names no address that can be used", reportsending.WhyRideAlong: "only bounces, reports or forged mail came",
	reportsending.WhyUnknown: "seen on one day alone", reportsending.WhyNotListed: "report.known does not list it",
	reportsending.WhyInvalid: "no valid report can be made", reportsending.WhyTooLate: "the day ended too long ago",
}

// skipText returns why there is no report, for a person.
func skipText(why string) string {
	if text, ok := skipWords[reportsending.Why(why)]; ok {
		return why + ": " + text
	}
	return why
}

// write writes a row for a person.
func (r *plannedRow) write(w io.Writer) error {
	what := "none"
	note := skipText(r.Why)
	if r.Why == "" {
		what, note = "yes", r.Problem
		if r.At != nil {
			what = r.At.Format("01-02 15:04") + " UTC"
		}
	}
	if _, err := fmt.Fprintf(w, plannedForm, fit(r.Domain, 40), strconv.FormatInt(r.Messages, 10), what); err != nil {
		return err
	}
	if note != "" {
		if _, err := fmt.Fprintf(w, "    %s\n", fit(note, reportWidth-4)); err != nil {
			return err
		}
	}
	for _, a := range r.Addresses {
		text := "to " + foreign.Terminal(a.Address, 320)
		if a.State != reports.New {
			text += ": " + string(a.State) + ", " + foreign.Terminal(a.Reason, 300)
		}
		for i, line := range layout.Lines(text, reportWidth-6, 0) {
			indent := "    "
			if i > 0 {
				indent = "      "
			}
			if _, err := fmt.Fprintln(w, indent+line); err != nil {
				return err
			}
		}
	}
	return nil
}
