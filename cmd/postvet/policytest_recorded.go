package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/evaluation"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
)

// recordedFlags are the flags of policy test that take mail from the journal.
type recordedFlags struct {
	history, since, until, dir, socket string
}

func (f *recordedFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.history, "history", "", "take the mail of the last `TIME`, such as 30d or 12h, from the journal")
	fl.StringVar(&f.since, "since", "", "take the mail since `TIME` from the journal: a duration before now, or 2026-11-29[T10:00]")
	fl.StringVar(&f.until, "until", "", "only mail before `TIME`, as for --since")
	fl.StringVar(&f.dir, "journal", "", "read the journal in `DIR`, without the service")
	fl.StringVar(&f.socket, "socket", "", "control socket of the service, as `PATH`, to find its journal")
}

// wanted reports whether a flag asks for mail of the journal.
func (f *recordedFlags) wanted(cmd *cobra.Command) bool {
	for _, name := range []string{"history", "since", "until", "journal", "socket"} {
		if cmd.Flags().Changed(name) {
			return true
		}
	}
	return false
}

// times returns the time of the mail that is wanted.
func (f *recordedFlags) times(cmd *cobra.Command, now time.Time) (since, until time.Time, err error) {
	if cmd.Flags().Changed("history") {
		if cmd.Flags().Changed("since") {
			return since, until, usage("--history beside --since; write one of them")
		}
		if since, err = parseTime(f.history, now); err != nil || f.history == "" || since.After(now) {
			return since, until, usage("--history: %q is no time; write one such as 30d or 12h", f.history)
		}
	}
	if cmd.Flags().Changed("since") {
		if since, err = parseTime(f.since, now); err != nil {
			return since, until, usage("--since: %v", err)
		}
	}
	if until, err = parseTime(f.until, now); err != nil {
		return since, until, usage("--until: %v", err)
	}
	if until.IsZero() {
		until = now
	}
	if !since.Before(until) {
		return since, until, usage("--until is not after the beginning; write a later time")
	}
	return since, until, nil
}

// runRecorded tries rules on recorded mail.
func (f *policyTestFlags) runRecorded(cmd *cobra.Command, args []string) error {
	since, until, err := f.recorded.times(cmd, time.Now())
	if err != nil {
		return err
	}
	for _, flag := range []string{"messages", "received", "at"} {
		if cmd.Flags().Changed(flag) || len(args) > 0 {
			return usage("stored messages and the journal at once; leave out --%s and files, or --history", flag)
		}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	dir, file, err := f.findJournal(ctx)
	if err != nil {
		return err
	}
	c := config.Default()
	if file != "" {
		if c, err = loadFile(file); err != nil {
			return err
		}
	}
	before, after, err := f.policies(c)
	if err != nil {
		return err
	}
	o := evaluation.Recorded(sqlite.NewReader(dir), after, since, until)
	o.All, o.Jobs = f.all, 0
	if cmd.Flags().Changed("jobs") {
		o.Jobs = f.jobs
	}
	by, with := f.describePolicies(file)
	if cmd.Flags().Changed("against") {
		r := before.Rules("")
		o.Before = &r
	}
	return f.judge(ctx, cmd, o, dir, by, with)
}

// judge runs, and prints what was found. The error is the exit code.
func (f *policyTestFlags) judge(ctx context.Context, cmd *cobra.Command, o *trial.Recorded, dir, by, with string) error {
	out := f.outcomeWriter(cmd.OutOrStdout())
	if f.json || f.csv || f.all {
		o.Sink = out.write
	}
	notes := cmd.ErrOrStderr()
	terminal := layout.IsTerminal(notes)
	if terminal {
		o.Progress = recordedProgress(notes)
	}
	r, err := o.Run(ctx)
	if terminal {
		fmt.Fprint(notes, "\r\x1b[K")
	}
	var pe *fs.PathError
	switch {
	case errors.As(err, &pe):
		return failed("%s; read it as root or as the user of the service, or name the directory of the journal with --journal", fileError(dir, err))
	case err != nil:
		return output(err)
	}
	r.History.By, r.History.With = by, with
	namesUnreadable(notes, r)
	if err := out.end(r); err != nil {
		return output(err)
	}
	switch {
	case !r.History.Complete:
		return failed("interrupted; this is what was found up to %s", cmp.Or(r.History.Reached, "then"))
	case r.Messages == 0 && len(r.Unreadable) > 0:
		return failed("no message could be read; see \"postvet journal verify\"")
	case r.Messages == 0:
		return failed("the journal has no message of that time; see \"postvet journal status\"")
	case r.Differing > 0:
		return exit{code: exitNo}
	}
	return nil
}

// outcomeWriter returns the output that the flags ask for.
func (f *policyTestFlags) outcomeWriter(w io.Writer) outcomeWriter {
	switch {
	case f.json:
		return &outcomeJSON{w: w}
	case f.csv:
		return &outcomeCSV{w: csv.NewWriter(w)}
	}
	return &outcomeText{w: w, all: f.all}
}

// recordedProgress shows how far a run has come, at most ten times a second.
func recordedProgress(w io.Writer) func(int, int, string) {
	var last time.Time
	return func(messages, differing int, file string) {
		if now := time.Now(); now.Sub(last) >= 100*time.Millisecond {
			last = now
			day, _, _ := strings.Cut(file, ".")
			fmt.Fprintf(w, "\r\x1b[K%s, %d treated differently, %s", layout.Count(messages, "message"), differing, day)
		}
	}
}

// findJournal returns the directory of the journal, and the configuration to try or to put
// rules over; "" for the defaults.
func (f *policyTestFlags) findJournal(ctx context.Context) (dir, file string, err error) {
	if f.cmd.Flags().Changed("config") {
		file = f.file
	} else if _, err := os.Stat(packagedConfig); err == nil {
		file = packagedConfig
	}
	if f.cmd.Flags().Changed("journal") {
		return f.recorded.dir, file, nil
	}
	j := &journalFlags{serviceFlags: serviceFlags{cmd: f.cmd, socket: f.recorded.socket, file: f.file}}
	s, err := j.source(ctx)
	if err != nil {
		return "", "", err
	}
	if s.dir != "" {
		return s.dir, file, nil
	}
	state, err := s.status(ctx)
	if err != nil {
		return "", "", err
	}
	_, _ = s.page(ctx, rows.Query{Limit: 1}) // has the service write what waits
	if !f.cmd.Flags().Changed("config") {
		var status control.Status
		if err := request(ctx, s.client, answerTime, control.Request{Do: control.DoStatus}, &status); err != nil {
			return "", "", err
		}
		file = status.Config.File
	}
	return state.Directory, file, nil
}

// describePolicies says what decides, and what that is compared with.
func (f *policyTestFlags) describePolicies(file string) (by, with string) {
	base := "the configuration " + file
	if file == "" {
		base = "the default configuration"
	}
	by, with = base, "what was done then"
	if f.cmd.Flags().Changed("rules") {
		by = "the rules of " + f.rules + " over " + base
	}
	if f.cmd.Flags().Changed("mode") {
		by += " with --mode " + f.mode
	}
	if f.cmd.Flags().Changed("against") {
		with = "the rules of " + f.against + " over " + base
	}
	return by, with
}
