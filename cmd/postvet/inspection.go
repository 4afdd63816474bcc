package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/dnscache"
)

// inspectionTimeout bounds an inspection, whatever the domain publishes.
const inspectionTimeout = 2 * time.Minute

// inspectionFlags are the flags of a command that inspects what the DNS has.
type inspectionFlags struct {
	configFlags
	json  bool
	color string
}

func (f *inspectionFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	addColor(cmd, &f.color)
	f.addDNS(cmd)
}

// inspection is a report of such a command.
type inspection interface {
	Print(io.Writer, layout.Screen) error
	Verdict() finding.Verdict
}

// inspect prints the report that look returns with its totals. The error is that of look, or
// has the exit code of the report. partly is what is said of a report that is undetermined
// although all lookups were answered.
func (f *inspectionFlags) inspect(cmd *cobra.Command, partly string, look func(context.Context, *dnscache.Resolver) (inspection, finding.Totals, error)) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	resolver, err := f.resolver()
	if err != nil {
		return err
	}
	defer resolver.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), inspectionTimeout)
	defer cancel()
	report, totals, err := look(ctx, resolver)
	if err != nil {
		return err
	}
	if f.json {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		err = report.Print(cmd.OutOrStdout(), screen)
	}
	if err != nil {
		return output(err)
	}
	switch report.Verdict() {
	case finding.Faulty:
		return exit{code: exitNo}
	case finding.Undetermined:
		if totals.Failed == 0 {
			return failed("%s", partly)
		}
		return failed("%d of %d lookups failed; try again or another resolver with --resolver", totals.Failed, totals.Lookups)
	}
	return nil
}
