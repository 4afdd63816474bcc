package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

func newKeyCheck() *cobra.Command {
	f := &keyFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [DOMAIN]",
		Short: "compare the keys with what the DNS shows",
		Long: `Check looks up the record of each key, of one domain or of all, and says what is
wrong with it: absent, cut off, doubled, typed with quotes, of another key, in
test mode. A key whose record is wrong does not sign.

Exit codes: 0 the DNS shows all keys, 1 something is wrong, 2 wrong usage, 3 lookups
failed or the directory cannot be read.`,
		Example: `  postvet key check
  postvet key check example.org --resolver 9.9.9.9`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			domain := ""
			if len(args) == 1 {
				domain = args[0]
			}
			return f.check(cmd, domain, asJSON)
		},
	}
	f.add(cmd)
	f.addDNS(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// maxCheck bounds the time of a check.
const maxCheck = 10 * time.Minute

func (f *keyFlags) check(cmd *cobra.Command, domain string, asJSON bool) error {
	entries, all, err := f.entries(domain)
	if err != nil {
		return err
	}
	resolver, err := f.resolver()
	if err != nil {
		return err
	}
	defer resolver.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), maxCheck)
	defer cancel()
	rows := make([]keyRow, len(entries))
	var worst finding.List
	failed := false
	for i, e := range entries {
		rows[i] = rowOf(e)
		if e.Key == nil {
			rows[i].Findings.Error("the file cannot be used: "+rows[i].Problem, "")
		} else {
			rows[i].Findings = keys.Check(ctx, resolver, e.Key, all)
		}
		for _, x := range rows[i].Findings {
			failed = failed || x.DNSFailure
		}
		worst = append(worst, rows[i].Findings...)
		if asJSON {
			continue
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", foreign.Terminal(dkim.KeyName(e.Selector, e.Domain), foreign.Whole)); err != nil {
			return output(err)
		}
		if err := writeFindings(cmd.OutOrStdout(), rows[i].Findings); err != nil {
			return err
		}
	}
	if asJSON {
		if err := printJSON(cmd.OutOrStdout(), rows); err != nil {
			return output(err)
		}
	}
	switch {
	case worst.Worst() == finding.Error:
		return exit{code: exitNo}
	case failed:
		return exit{exitFailed, fmt.Errorf("some lookups failed; try again or another resolver with --resolver")}
	case worst.Worst() == finding.Warning:
		return exit{code: exitNo}
	}
	return nil
}
