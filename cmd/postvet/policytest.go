package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/policy"
)

type policyTestFlags struct {
	configFlags
	messages       []string
	rules, against string
	at             string
	jobs           int
	json, csv, all bool
	received       bool
	recorded       recordedFlags
}

func newPolicyTest() *cobra.Command {
	f := &policyTestFlags{configFlags: configFlags{leaveMode: true}}
	cmd := &cobra.Command{
		Use:   "test {--history TIME | --messages DIR} [--rules FILE]",
		Short: "try rules on stored messages or on the mail of the last days",
		Long: `Test evaluates stored messages, or takes the mail of a time from the journal,
and prints which of them other rules would treat differently, with sums by
action, rule and kind of difference. It changes nothing.

The policy under test is the configuration with the rules of --rules in place of
its own; keys of that file, such as mode and those of [policy], win over its
own. The policy is compared with the unchanged configuration, or with the rules
of --against. With neither flag the configuration alone decides about all
messages.

--mode wins over the mode of the policy under test. The lists policy.monitor_*
and policy.enforce_domains stay in force, and so do rules with mode = "monitor".
Lists that are set are named; to try without one, empty it in the file of
--rules.

With --history, --since or --until, rules decide about what was found when the
mail came, and are compared with what was done then, or with the rules of
--against. Without --config, the configuration is that of the running service.
The files of the journal are read, so that only root and the user of the service
can do it. The journal does not have all facts, unless journal.privacy is
"addresses": if an action depends on others, it is "unknown", and what asked for
them is named. Settings that decide what is found, such as those of [dkim] and
[exempt], cannot be tried on recorded mail; they are named if they were others
then. "postvet explain REFERENCE" tells the story of an example. An interrupt
(Ctrl-C) ends with what was found so far.

The envelope of a message is in the file MESSAGE.envelope, one "key value" a
line: ip, helo, mail-from, rcpt, user, tls, listener, time. Or it is in the
fields X-Envelope-IP, -Helo, -From, -To, -User, -TLS, -Listener and -Time on top
of the message, or postcat printed it. If there is none of these, MAIL FROM is
taken from Return-Path. The client is then unknown and there is no SPF, unless
--received takes the client from the Received field of the last hop into this
host: the topmost one that names a client outside; use it if your own MTA wrote
that field. A client that logged in there (ESMTPA, ESMTPSA) counts as logged in.
DNS records are those of today. Signatures, rules and entries end by the time of
the envelope, or by that of --at for all messages.

A file is one message, an mbox or the output of "postcat -q", and may be
compressed by gzip. In folders all files are read except *.envelope and names
that begin with a dot; of a Maildir, those in cur and new. Trusted addresses and
local submissions are checked too.

Exit codes: 0 no message would be treated differently, 1 some would, 2 wrong
usage or configuration, 3 no message could be read, or it was interrupted.`,
		Example: `  postvet policy test --history 30d --rules next.toml
  postvet policy test --history 7d --mode enforce      what monitoring let pass
  postvet policy test --rules next.toml --messages ~/Maildir/cur --received
  postvet policy test --rules next.toml --against now.toml --messages a,b
  postvet policy test --messages corpus --json | jq .actions`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.messages, "messages", nil, "`DIR` or file with messages; repeatable, and further ones may follow as arguments")
	fl.StringVar(&f.rules, "rules", "", "`FILE` with the rules to try")
	fl.StringVar(&f.against, "against", "", "`FILE` with the rules to compare with (default those of the configuration)")
	fl.IntVar(&f.jobs, "jobs", 8, "`N` files to read at once (1 to 64)")
	fl.StringVar(&f.at, "at", "", "`TIME` at which all messages arrive: RFC 3339 or Unix seconds (default as the envelope says, or now)")
	fl.BoolVar(&f.all, "all", false, "list every message, not only those that differ")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.BoolVar(&f.csv, "csv", false, "print the messages as CSV")
	fl.StringVar(&f.mode, "mode", "", "`MODE` of the policy under test: enforce or monitor")
	f.recorded.add(cmd)
	fl.BoolVar(&f.received, "received", false, "take client, login and time from the last hop into this host if there is no envelope")
	f.addFile(cmd)
	f.addDNS(cmd)
	f.addAuthservID(cmd)
	return cmd
}

func (f *policyTestFlags) run(cmd *cobra.Command, args []string) error {
	if f.jobs < 1 || f.jobs > 64 {
		return usage("--jobs: %d is out of bounds; write 1 to 64", f.jobs)
	}
	if f.json && f.csv {
		return usage("--json beside --csv; write one of them")
	}
	if f.recorded.wanted(cmd) {
		return f.runRecorded(cmd, args)
	}
	now, err := f.clock()
	if err != nil {
		return err
	}
	names := append(messageNames(f.messages), args...)
	if len(names) == 0 {
		return usage("no messages; name files or directories with --messages")
	}
	c, err := f.load()
	if err != nil {
		return err
	}
	before, after, err := f.policies(c)
	if err != nil {
		return err
	}
	files, err := mailbox.Files(names)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return failed("%s; name files or directories with messages", fileError(pe.Path, err))
		}
		return failed("%v", err)
	}
	rows, err := f.evaluate(cmd, c, before, after, now, files)
	if err != nil {
		return err
	}
	return f.print(cmd, rows, before != nil)
}

// clock returns the clock of messages that have no time of their own.
func (f *policyTestFlags) clock() (func() time.Time, error) {
	if f.at == "" {
		return time.Now, nil
	}
	at, err := mailbox.ParseTime(f.at)
	if err != nil {
		return nil, usage("--at: %v", err)
	}
	return trial.ClockAt(at), nil
}

// messageNames splits values of --messages at their commas, unless a file has such a
// name, as the files of a Maildir have.
func messageNames(given []string) []string {
	var names []string
	for _, g := range given {
		if _, err := os.Lstat(g); err == nil {
			names = append(names, g)
		} else {
			names = append(names, strings.Split(g, ",")...)
		}
	}
	return names
}

// policies returns the configurations to compare; before is nil if there is
// only one.
func (f *policyTestFlags) policies(c *config.Config) (before, after *config.Config, err error) {
	over := func(flag, file string) (*config.Config, error) {
		if !f.cmd.Flags().Changed(flag) {
			return c, nil
		}
		return overlay(c, file)
	}
	if before, err = over("against", f.against); err != nil {
		return nil, nil, err
	}
	if after, err = over("rules", f.rules); err != nil {
		return nil, nil, err
	}
	if f.cmd.Flags().Changed("mode") {
		if after, err = after.With("--mode", "mode", f.mode); err != nil {
			return nil, nil, exit{exitUsage, err}
		}
	}
	f.noteExceptions(f.cmd.ErrOrStderr(), after)
	if before == after {
		before = nil
	}
	return before, after, nil
}

// evaluate evaluates the files under one policy or two.
func (f *policyTestFlags) evaluate(cmd *cobra.Command, c, before, after *config.Config, now func() time.Time, files []string) ([]trial.Row, error) {
	under, err := newEvaluation(c)
	if err != nil {
		return nil, err
	}
	defer under.resolver.Close()
	if note := under.learn(cmd.Context()); note != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "postvet: %s\n", note)
	}
	rules := after.Rules(under.AuthservID)
	o := trial.Options{
		Checker: func(now func() time.Time) *policy.Checker { return under.Checker(now, false) },
		Now:     now, SameTime: f.at != "", Received: f.received, After: &rules, Jobs: f.jobs,
		MaxBytes: int64(c.Limits.HeaderBytes) + int64(c.Limits.BodyBytes),
	}
	if before != nil {
		rules := before.Rules(under.AuthservID)
		o.Before = &rules
	}
	if w := cmd.ErrOrStderr(); layout.IsTerminal(w) {
		o.Progress = progress(w, len(files), "file")
		defer fmt.Fprint(w, "\r\x1b[K")
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	rows, err := trial.Run(ctx, files, o)
	if err != nil {
		return nil, failed("interrupted; no result")
	}
	return rows, nil
}

// progress shows how far a run has come, at most ten times a second.
func progress(w io.Writer, of int, noun string) func(int) {
	var last time.Time
	return func(done int) {
		if now := time.Now(); now.Sub(last) >= 100*time.Millisecond || done == of {
			last = now
			fmt.Fprintf(w, "\r%d of %s", done, layout.Count(of, noun))
		}
	}
}
