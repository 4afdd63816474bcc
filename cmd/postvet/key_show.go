package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/policy/foreign"
)

func newKeyShow() *cobra.Command {
	f := &keyFlags{}
	var selector, form string
	cmd := &cobra.Command{
		Use:   "show DOMAIN",
		Short: "print the records of a domain's keys again",
		Long: `Show prints the TXT record of each key of a domain, from the private key. The
name of the record stands on standard error.

Exit codes: 0 printed, 1 there is no such key or a file cannot be used, 2 wrong
usage, 3 the directory cannot be read.`,
		Example: "  postvet key show example.org --form quoted",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			entries, _, err := f.entries(args[0])
			if err != nil {
				return err
			}
			shown := 0
			var faulty error
			for _, e := range entries {
				switch {
				case selector != "" && e.Selector != selector:
				case e.Err != nil:
					faulty = exit{exitNo, e.Err}
				default:
					fmt.Fprintf(cmd.ErrOrStderr(), "%s\n", e.Key.Name())
					if err := writeRecord(cmd, e.Key, form); err != nil {
						return err
					}
					shown++
				}
			}
			if faulty != nil {
				return faulty
			}
			if shown == 0 {
				return answerNo("%s has no key with the selector %s", args[0], foreign.Word(selector, 100))
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&selector, "selector", "", "only the key of this `SELECTOR`")
	addForm(cmd, &form)
	return cmd
}
