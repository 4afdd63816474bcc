package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
)

func newConfigCheck() *cobra.Command {
	var file, userName string
	var m mtaFlags
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "check a file, and whether the MTA is set up for it",
		Long: `Check reads a file as "serve" would, and reports every fault with file, line,
key and remedy. It warns of settings that are valid but may not do what was
meant, and of rules and entries whose "until" is over; one that ends within 14
days is a note.

Variables POSTVET_* of the environment count too, as for "serve", and those that
stand for no key are a warning.

It also judges whether the user that the service runs as can read the file and
all that it names, by the modes, owners and access control lists on the way: the
user of the unit postvet.service for a file in the folder of that unit's, or the
one that --user names.

With --mta it also checks how Postfix or Sendmail is set up on this machine:
whether each service that takes mail asks Postvet, can open its socket (from its
chroot too) and waits longer than Postvet may take; what happens to mail while
Postvet is away; which other milters are asked; which clients the MTA trusts and
[exempt] does not; whether a content filter hands mail back; and the name under
which results are written. If the file does not say where to listen, the running
service is asked over its control socket, or else the packaged socket units are
read; a line says which. Without FILE the defaults are compared.

Exit codes: 0 there are no faults, though there may be warnings, 1 there are
faults, 3 a file cannot be read.`,
		Example: `  postvet config check /etc/postvet/postvet.toml && systemctl reload postvet
  postvet config check /etc/postvet/postvet.toml --mta postfix
  postvet config check --mta sendmail --mta-config /etc/mail/sendmail.cf`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := fileArgument(cmd, file, args)
			if err != nil {
				return err
			}
			if name == "" && m.mta == "" {
				return usage("no file to check; write \"postvet config check FILE\"")
			}
			var found finding.List
			c, err := loadEnvironment()
			if name != "" {
				c, err = loadFile(name)
				var faults config.Errors
				if errors.As(err, &faults) {
					return exit{exitNo, faults}
				}
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: valid\n", name); err != nil {
					return output(err)
				}
				if found, err = checkUser(c, name, userName, mtasetup.ServiceOf(mtasetup.UnitFolders...)); err != nil {
					return err
				}
				found = append(found, warnings(c, time.Now())...)
				found = append(found, unknownVariables()...)
			} else if err != nil {
				return err
			}
			if m.mta != "" {
				more, err := m.check(cmd.Context(), c, name)
				if err != nil {
					return err
				}
				found = append(found, more...)
			}
			found.WorstFirst()
			if err := writeFindings(cmd.OutOrStdout(), found); err != nil {
				return err
			}
			if found.Worst() == finding.Error {
				return exit{code: exitNo}
			}
			return nil
		},
	}
	m.add(cmd)
	cmd.Flags().StringVar(&userName, "user", "", "`NAME` of the user that the service runs as (default that of the unit postvet.service)")
	cmd.Flags().StringVar(&file, "config", "", "the `FILE`, as for serve")
	return cmd
}

// unknownVariables returns a warning for each variable with which serve does not start.
func unknownVariables() finding.List {
	var found finding.List
	var faults config.Errors
	if errors.As(config.UnknownVariables(os.Environ()), &faults) {
		for _, f := range faults {
			found.Warning(f.File+": "+f.Problem+", with which the service does not start", f.Remedy)
		}
	}
	return found
}

// warnings returns the warnings and notes about a configuration as findings.
func warnings(c *config.Config, now time.Time) finding.List {
	var found finding.List
	for _, of := range []struct {
		faults config.Errors
		add    func(text, fix string)
	}{
		{c.StartFaults(), found.Error},
		{c.Warnings(), found.Warning},
		{c.Expired(now), found.Warning},
		{c.EndingSoon(now), found.Note},
		{c.Notes(), found.Note},
	} {
		for _, w := range of.faults {
			said := *w
			said.Remedy = ""
			of.add(said.Error(), w.Remedy)
		}
	}
	return found
}
