package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// runSince prints what has changed. The answer is no (exit code 1) if anything has.
func (f *domainFlags) runSince(cmd *cobra.Command, name string) error {
	screen, err := f.screen(cmd)
	if err != nil {
		return err
	}
	domain, ok := message.NormalizeDomain(strings.TrimSpace(name))
	if !ok {
		return usage("%q is no domain name; write one such as example.org", name)
	}
	now := time.Now()
	since, err := parseTime(f.since, now)
	if err != nil {
		return usage("--since: %v", err)
	}
	journal, state, err := f.changeSources()
	if err != nil {
		return err
	}
	c := domainhistory.NewChanges(domain, since, time.Local)
	if err := c.ReadWatch(state); err != nil {
		return failed("%s; look at watch.state, or leave it out with --journal", foreign.Terminal(err.Error(), foreign.Whole))
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), searchTime)
	defer cancel()
	if err := c.ReadJournal(ctx, journal); err != nil {
		return failed("%s; name the directory of the journal with --journal", fileError(journal, err))
	}
	if err := f.print(cmd.OutOrStdout(), screen, c); err != nil {
		return output(err)
	}
	switch {
	case len(c.Sources) == 0:
		return failed("nothing is known of %s: neither the state of [watch] nor the journal has records of it; name it in watch.domains", domain)
	case len(c.Records)+len(c.Errors) > 0:
		return exit{code: exitNo}
	}
	return nil
}

// changeSources returns the directory of the journal and the file of the watch, "" for none.
func (f *domainFlags) changeSources() (journal, state string, err error) {
	if f.cmd.Flags().Changed("journal") {
		return f.journal, "", nil
	}
	c, err := f.serviceConfig()
	if err != nil {
		return "", "", err
	}
	if c != nil {
		journal, state = c.Journal.Directory, c.Watch.State
	}
	if journal == "" && state == "" {
		return "", "", usage("there is neither a journal nor a watch; name the directory of a journal with --journal, or the service's file with --config")
	}
	return journal, state, nil
}
