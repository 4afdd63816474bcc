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
	json     bool
	markdown bool
	color    string
}

func (f *inspectionFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&f.markdown, "markdown", false, "print Markdown, for a ticket")
	addColor(cmd, &f.color)
	f.addDNS(cmd)
}

// screen returns the screen behind the output, if the flags fit together.
func (f *inspectionFlags) screen(cmd *cobra.Command) (layout.Screen, error) {
	if f.json && f.markdown {
		return layout.Screen{}, usage("--json beside --markdown; write one of them")
	}
	return screenOf(cmd, f.color)
}

// printable is an answer of such a command. --json prints it too.
type printable interface {
	Print(io.Writer, layout.Screen) error
	Markdown(io.Writer) error
}

// inspection is a report of such a command.
type inspection interface {
	printable
	Verdict() finding.Verdict
}

// print prints an answer in the form that the flags ask for.
func (f *inspectionFlags) print(w io.Writer, screen layout.Screen, answer printable) error {
	switch {
	case f.json:
		return printJSON(w, answer)
	case f.markdown:
		return answer.Markdown(w)
	}
	return answer.Print(w, screen)
}

// inspect prints the report that look returns with its totals. The error is that of look, or
// has the exit code of the report. partly is what is said of a report that is undetermined
// although all lookups were answered.
func (f *inspectionFlags) inspect(cmd *cobra.Command, partly string, look func(context.Context, *dnscache.Resolver) (inspection, finding.Totals, error)) error {
	screen, err := f.screen(cmd)
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
	if err := f.print(cmd.OutOrStdout(), screen, report); err != nil {
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
