package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

func newKeyCheck() *cobra.Command {
	f := &keyFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [DOMAIN]",
		Short: "compare the keys with what the DNS shows",
		Long: `Check asks all name servers for the record of each key, of one domain or of all,
and then the resolver. It says what is wrong: absent, cut off, doubled, typed
with quotes, of another key, private, in test mode, under a wildcard; and which
name server shows something else or does not answer. A key whose record is wrong
does not sign.

Keys whose end has begun (see "postvet key list") are left out.

Exit codes: 0 the DNS shows all keys, 1 something is wrong, 2 wrong usage, 3
lookups failed or the directory cannot be read.`,
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
	f.addLife(cmd)
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
	l, err := f.life(cmd, false)
	if err != nil {
		return err
	}
	defer l.close()
	resolver, err := f.resolver()
	if err != nil {
		return err
	}
	defer resolver.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), maxCheck)
	defer cancel()
	entries = slices.DeleteFunc(entries, func(e keys.Entry) bool { return e.Key != nil && l.ending(e.Key) })
	rows := make([]keyRow, len(entries))
	var worst finding.List
	failed := false
	for i, e := range entries {
		rows[i] = rowOf(e)
		if e.Key == nil {
			rows[i].Findings.Error("the file cannot be used: "+rows[i].Problem, "")
		} else {
			rows[i].addState(e.Key, l.o.States)
			rows[i].Findings, rows[i].Servers = keys.CheckServers(ctx, resolver, l.o.Ask, e.Key, all)
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

// ending reports whether the end of a key has begun, so that its record may be what it is.
func (l *life) ending(k *keys.Key) bool {
	s, _ := l.o.States.Get(states.ID(k.Fingerprint(), k.Name()))
	return slices.Contains([]states.State{states.Retiring, states.Revoked, states.Gone, states.Revealed}, s.Now())
}
