package main

import (
	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

func newPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "explain rules, and try them on stored messages",
		Long: `Policy explains what the configuration does with a message, and tries rules on
stored messages before they decide about mail.`,
		Example: `  postvet policy explain --config /etc/postvet/postvet.toml
  postvet policy test --rules next.toml --history 30d
  postvet policy test --rules next.toml --messages ~/Maildir`,
	}
	group(cmd)
	cmd.AddCommand(newPolicyExplain(), newPolicyTest())
	return cmd
}

// overlay puts a file of rules over a configuration.
func overlay(c *config.Config, file string) (*config.Config, error) {
	o, err := c.Overlay(file)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	return o, nil
}
