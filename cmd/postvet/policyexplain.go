package main

import (
	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/policytext"
)

func newPolicyExplain() *cobra.Command {
	var (
		s           configFlags
		facts, keys bool
	)
	cmd := &cobra.Command{
		Use:   "explain [RULES]",
		Short: "print in words what is done with a message, in order",
		Long: `Explain prints the rules in the order in which they are asked: what Postvet
itself sees to, the rules of your own, and what results and configuration lead
to. With a file of RULES it shows these instead of those of the configuration.`,
		Example: `  postvet policy explain --config /etc/postvet/postvet.toml
  postvet policy explain next.toml
  postvet policy explain --keys     what a rule can ask without an expression
  postvet policy explain --facts    what an expression can name`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch w := cmd.OutOrStdout(); {
			case facts:
				return output(writeFacts(w))
			case keys:
				return output(writeRuleKeys(w))
			}
			c, err := s.load()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if c, err = overlay(c, args[0]); err != nil {
					return err
				}
			}
			return output(policytext.Write(cmd.OutOrStdout(), c))
		},
	}
	cmd.Flags().BoolVar(&facts, "facts", false, "print what expressions can name")
	cmd.Flags().BoolVar(&keys, "keys", false, "print the keys of a rule")
	s.addFile(cmd)
	return cmd
}
