package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "check, show or begin a configuration",
		Long: `Config works on configuration files without starting anything. Postvet needs
none; what a file leaves out has its default.`,
		Example: `  postvet config default > /etc/postvet/postvet.toml
  postvet config check /etc/postvet/postvet.toml && systemctl reload postvet
  postvet config show /etc/postvet/postvet.toml`,
	}
	group(cmd)
	cmd.AddCommand(newConfigCheck(), newConfigShow(), newConfigDefault(), newConfigImport())
	return cmd
}

func newConfigCheck() *cobra.Command {
	var file string
	var m mtaFlags
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "say whether a file is valid, and whether the MTA is set up for it",
		Long: `Check reads a file as "serve" would, and reports every fault with file, line,
key and what would be right. It warns of settings that are valid and may yet not
do what was meant.

With --mta it also looks at how Postfix or Sendmail is set up on this machine:
whether each service that takes mail asks Postvet, may open its socket (also
from its chroot), waits longer than Postvet may take, what becomes of mail while
Postvet is away, which other milters are asked, and under which name results are
written. FILE may be left out then: the defaults are compared.

Exit codes: 0 all is well or there are only warnings, 1 there are faults, 3 a
file is not readable.`,
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
			c := config.Default()
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
				if err := writeFindings(cmd.OutOrStdout(), warnings(c)); err != nil {
					return err
				}
			}
			if m.mta == "" {
				return nil
			}
			return m.check(cmd.OutOrStdout(), c)
		},
	}
	m.add(cmd)
	cmd.Flags().StringVar(&file, "config", "", "the `FILE`, as for serve")
	return cmd
}

// warnings are those of a configuration, as findings are printed.
func warnings(c *config.Config) finding.List {
	var found finding.List
	for _, w := range c.Warnings() {
		said := *w
		said.Remedy = ""
		found.Warning(said.Error(), w.Remedy)
	}
	return found
}

func newConfigShow() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "show [FILE]",
		Short: "print what is in force",
		Long: `Show prints every key with the value that is in force with a file, and the line
that set it. Without a file it prints the defaults. The output is valid TOML.`,
		Example: `  postvet config show /etc/postvet/postvet.toml | grep -v '# default'`,
		Args:    args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := fileArgument(cmd, file, args)
			if err != nil {
				return err
			}
			c := config.Default()
			if name != "" {
				if c, err = loadFile(name); err != nil {
					return err
				}
			}
			return output(c.Write(cmd.OutOrStdout()))
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the `FILE`, as for serve")
	return cmd
}

func newConfigDefault() *cobra.Command {
	return &cobra.Command{
		Use:     "default",
		Short:   "print every key with its default and a comment",
		Long:    "Default prints a configuration file with every key, its default and a comment:\nthe one to begin with. It changes nothing.",
		Example: "  postvet config default > /etc/postvet/postvet.toml",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return output(config.WriteDefault(cmd.OutOrStdout()))
		},
	}
}

// fileArgument takes the file as argument or as flag, so that the flags of a
// serve line can be pasted.
func fileArgument(cmd *cobra.Command, flag string, args []string) (string, error) {
	switch {
	case len(args) == 0 && !cmd.Flags().Changed("config"):
		return "", nil
	case len(args) == 1 && cmd.Flags().Changed("config"):
		return "", usage("two files, %q and %q; name one", flag, args[0])
	case len(args) == 1:
		flag = args[0]
	}
	if flag == "" {
		return "", usage("the file has an empty name; write \"%s\"", cmd.UseLine())
	}
	return flag, nil
}
