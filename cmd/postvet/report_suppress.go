package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/foreign"
)

func newReportSuppress() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "suppress",
		Short: "choose addresses that get no reports",
		Long: `Suppress is about addresses that get no DMARC reports although a domain asks for
them there. The service adds those that its reports bounce from, for 30 days,
then 90, then 365; a report that is taken ends that. You can add others: an
address, or "@" and a domain for all its addresses. A reload is not needed.

report.exclude of the configuration leaves out domains for good, also as the
subject of reports.`,
		Example: `  postvet report suppress list
  postvet report suppress add dmarc@example.org --reason "asked us to stop"
  postvet report suppress add @example.net --for 90d
  postvet report suppress remove dmarc@example.org`,
	}
	group(cmd)
	cmd.AddCommand(newReportSuppressList(), newReportSuppressAdd(), newReportSuppressRemove())
	return cmd
}

// suppressionJSON is a suppression in JSON.
type suppressionJSON struct {
	Address string     `json:"address"`
	Until   *time.Time `json:"until,omitempty"`
	Active  bool       `json:"active"`
	By      string     `json:"by"`
	Reason  string     `json:"reason"`
	Strikes int        `json:"strikes"`
	Since   *time.Time `json:"since,omitempty"`
}

func newReportSuppressList() *cobra.Command {
	f := &reportStoreFlags{}
	var asJSON, asCSV, all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "show the addresses that get no reports",
		Long: `List shows the addresses that get no reports, until when, and who has set it:
admin, smtp (the server refused the address), or bounce. Those that have ended
are kept a while, since the next one of the same address lasts longer; --all
shows them.

With --json, each line is one object: address, until (absent for ever), active,
by, reason, strikes, since.

Exit codes: 0 there are some, 1 there are none, 2 wrong usage, 3 they could not
be read.`,
		Example: `  postvet report suppress list
  postvet report suppress list --all --json | jq 'select(.strikes > 2)'`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON && asCSV {
				return usage("--json beside --csv; write one of them")
			}
			var found []reports.Suppression
			err := f.use(func(ctx context.Context, s *reportstore.Store, _ *config.Config) (err error) {
				found, err = s.Suppressions(ctx)
				return storeError(err)
			})
			if err != nil {
				return err
			}
			var rows []suppressionJSON
			for _, x := range found {
				active := x.Until.IsZero() || x.Until.After(time.Now())
				if active || all {
					rows = append(rows, suppressionJSON{x.Address, seconds(x.Until), active, x.By, x.Reason, x.Strikes, seconds(x.Since)})
				}
			}
			if err := writeSuppressions(cmd.OutOrStdout(), rows, asJSON, asCSV); err != nil {
				return output(err)
			}
			if len(rows) == 0 {
				return answerNo("all addresses get reports")
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "show those that have ended too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print CSV")
	return cmd
}

func writeSuppressions(w io.Writer, rows []suppressionJSON, asJSON, asCSV bool) error {
	switch {
	case asJSON:
		e := newEncoder(w)
		for _, r := range rows {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	case asCSV:
		c := csv.NewWriter(w)
		_ = c.Write([]string{"address", "until", "active", "by", "reason", "strikes", "since"})
		for _, r := range rows {
			_ = writeCells(c, []string{r.Address, cellTime(r.Until), strconv.FormatBool(r.Active), r.By, r.Reason, strconv.Itoa(r.Strikes), cellTime(r.Since)})
		}
		c.Flush()
		return c.Error()
	}
	for _, r := range rows {
		until := "for ever"
		if r.Until != nil {
			until = "until " + r.Until.Format(time.DateOnly)
		}
		if !r.Active {
			until = "ended " + r.Until.Format(time.DateOnly)
		}
		if _, err := fmt.Fprintf(w, "%-44s  %-16s  %s\n", fit(r.Address, 44), until, foreign.Terminal(r.By, 16)); err != nil {
			return err
		}
		if r.Reason != "" {
			if _, err := fmt.Fprintf(w, "    %s\n", fit(r.Reason, reportWidth-4)); err != nil {
				return err
			}
		}
	}
	return nil
}

// byAdmin is who has set a suppression by hand. The service leaves it as it is.
const byAdmin = "admin"

func newReportSuppressAdd() *cobra.Command {
	f := &reportStoreFlags{}
	var long, reason string
	cmd := &cobra.Command{
		Use:   "add ADDRESS|@DOMAIN...",
		Short: "send no reports to an address, or to all of a domain",
		Long: `Add has an address, or all addresses of a domain, get no reports, for ever or
for a time. It takes the place of what was there. A report that is under way is
held back too, unless the server has taken it.

Exit codes: 0 done, 2 wrong usage, 3 it could not be written.`,
		Example: `  postvet report suppress add dmarc@example.org --reason "asked us to stop"
  postvet report suppress add @example.net --for 90d`,
		Args: args(1, maxAddresses),
		RunE: func(cmd *cobra.Command, names []string) error {
			now := time.Now()
			x := reports.Suppression{Reason: reason, By: byAdmin, Since: now}
			if long != "" {
				var err error
				if x.Until, err = parseFor(long, now); err != nil {
					return err
				}
			}
			return f.each(cmd, names, func(ctx context.Context, s *reportstore.Store, address string) (string, error) {
				x.Address = address
				text := address + " gets no reports"
				if !x.Until.IsZero() {
					text += " until " + x.Until.UTC().Format(time.DateTime) + " UTC"
				}
				return text, s.Suppress(ctx, x)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&long, "for", "", "for this `TIME`, such as 12h or 30d (default for ever)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, as a `TEXT` for the list")
	return cmd
}

func newReportSuppressRemove() *cobra.Command {
	f := &reportStoreFlags{}
	cmd := &cobra.Command{
		Use:   "remove ADDRESS|@DOMAIN...",
		Short: "send reports to an address again",
		Long: `Remove ends what "add" or a bounce began, and forgets how often the address was
suppressed. Reports that were held back are not sent later; "postvet report
send ID" sends one.

Exit codes: 0 done, 1 one of them was not suppressed, 2 wrong usage, 3 it could
not be written.`,
		Example: "  postvet report suppress remove dmarc@example.org",
		Args:    args(1, maxAddresses),
		RunE: func(cmd *cobra.Command, names []string) error {
			absent := ""
			err := f.each(cmd, names, func(ctx context.Context, s *reportstore.Store, address string) (string, error) {
				was, err := s.Unsuppress(ctx, address)
				if !was {
					absent = address
					return "", err
				}
				return address + " gets reports again", err
			})
			if err == nil && absent != "" {
				return answerNo("%s was not suppressed", absent)
			}
			return err
		},
	}
	f.add(cmd)
	return cmd
}

// maxAddresses bounds the addresses of one command.
const maxAddresses = 1000

// each calls do with the store and each address, and prints what it returns.
func (f *reportStoreFlags) each(cmd *cobra.Command, names []string, do func(context.Context, *reportstore.Store, string) (string, error)) error {
	var addresses []string
	for _, n := range names {
		a, err := reportAddress(n)
		if err != nil {
			return err
		}
		addresses = append(addresses, a)
	}
	return f.use(func(ctx context.Context, s *reportstore.Store, _ *config.Config) error {
		for _, a := range addresses {
			text, err := do(ctx, s, a)
			if err != nil {
				return storeError(err)
			}
			if text == "" {
				continue
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), foreign.Terminal(text, foreign.Whole)); err != nil {
				return output(err)
			}
		}
		return nil
	})
}

// parseFor parses how long something lasts from now on: a duration, with d for days.
func parseFor(s string, now time.Time) (time.Time, error) {
	then, err := parseTime(s, now)
	if err != nil || !then.Before(now) || now.Sub(then) > maxFor {
		return time.Time{}, usage("--for: %q is no time of at most 10 years; write one such as 12h or 30d", s)
	}
	return now.Add(now.Sub(then)), nil
}

const maxFor = 3660 * 24 * time.Hour
