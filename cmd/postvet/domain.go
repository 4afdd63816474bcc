package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
)

// domainTimeout bounds an inspection, whatever the domain publishes.
const domainTimeout = 2 * time.Minute

type domainFlags struct {
	configFlags
	selectors []string
	json      bool
	color     string
}

func newDomain() *cobra.Command {
	f := &domainFlags{}
	cmd := &cobra.Command{
		Use:   "domain NAME",
		Short: "show what a domain publishes for mail",
		Long: `Domain shows what a domain publishes for mail, what is wrong with it, and what
to publish instead: its MX hosts and their addresses, what protects mail on the
way to them (DANE, MTA-STS, TLS-RPT), its SPF record as a tree with the number
of lookups, its DKIM keys, and the DMARC record that governs it. "postvet route"
shows the way of mail step by step, and looks at the hosts themselves.

The DNS has no list of DKIM selectors. Well-known ones are looked up; name
others with --selector. The tag s= of the domain's signatures has them.

Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage, 3 too many
lookups failed to tell.`,
		Example: `  postvet domain example.org
  postvet domain --selector s2026 --selector mail example.org
  postvet domain --json example.org | jq .dmarc`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	cmd.Flags().StringArrayVar(&f.selectors, "selector", nil, "DKIM `SELECTOR` to look up; repeatable")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	addColor(cmd, &f.color)
	f.addDNS(cmd)
	return cmd
}

func (f *domainFlags) run(cmd *cobra.Command, name string) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	resolver, err := f.resolver()
	if err != nil {
		return err
	}
	defer resolver.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), domainTimeout)
	defer cancel()
	report := inspect.Inspect(ctx, resolver, name, inspect.Options{Selectors: f.selectors})
	if report.Exists == inspect.Invalid {
		return usage("%q is no domain name; write one such as example.org", name)
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
	case inspect.Faulty:
		return exit{code: exitNo}
	case inspect.Undetermined:
		if report.Failed == 0 {
			return failed("some lookups failed; see the lines marked dns")
		}
		return failed("%d of %d lookups failed; try again or another resolver with --resolver", report.Failed, report.Lookups)
	}
	return nil
}
