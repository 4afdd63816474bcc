package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/batch"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/policy/foreign"
)

// runMany inspects the domains of --file.
func (f *domainFlags) runMany(cmd *cobra.Command) error {
	screen, err := f.screen(cmd)
	if err != nil {
		return err
	}
	names, err := f.names()
	if err != nil {
		return err
	}
	resolver, err := f.resolver()
	if err != nil {
		return err
	}
	defer resolver.Close()
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	out, show, clear := cmd.OutOrStdout(), func(int) {}, func() {}
	if notes := progressTo(cmd, f.json); notes != nil {
		show, clear = progress(notes, len(names), "domain"), func() { fmt.Fprint(notes, "\r\x1b[K") }
	}
	var sum batch.Summary
	lines := newEncoder(out)
	done := 0
	err = batch.Run(ctx, resolver, names, batch.Options{Inspect: inspect.Options{Selectors: f.selectors}, Timeout: inspectionTimeout}, func(r *inspect.Report) error {
		done++
		show(done)
		sum.Add(r)
		if f.json {
			return lines.Encode(r)
		}
		return nil
	})
	clear()
	switch {
	case err != nil, f.json:
	case f.markdown:
		err = sum.Markdown(out)
	default:
		err = sum.Print(out, screen)
	}
	switch {
	case ctx.Err() != nil:
		return failed("interrupted after %d of %d domains; no result", done, len(names))
	case err != nil:
		return output(err)
	}
	return f.outcome(&sum)
}

// outcome returns the exit code for many domains.
func (f *domainFlags) outcome(sum *batch.Summary) error {
	switch sum.Verdict() {
	case finding.Faulty:
		return exit{code: exitNo}
	case finding.Undetermined:
		return failed("%d of %d lookups failed; try again or another resolver with --resolver", sum.Failed, sum.Lookups)
	}
	return nil
}

// names returns the domains of --file.
func (f *domainFlags) names() ([]string, error) {
	var r io.Reader = f.in
	name := "standard input"
	if f.list != standardInput {
		name = f.list
		file, err := input.Open(f.list)
		if err != nil {
			return nil, failed("%s; name a readable file with one domain a line", fileError(f.list, err))
		}
		defer file.Close()
		r = file
	}
	names, err := batch.ReadNames(r)
	switch {
	case errors.Is(err, batch.ErrEmpty):
		return nil, usage("%s has no names; write one domain a line", foreign.Terminal(name, foreign.Whole))
	case errors.Is(err, batch.ErrTooLong):
		return nil, usage("%s %v; split it", foreign.Terminal(name, foreign.Whole), err)
	case err != nil:
		return nil, failed("%s; name a readable file with one domain a line", fileError(name, err))
	}
	return names, nil
}
