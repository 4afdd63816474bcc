package main

import (
	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "check, show or begin a configuration",
		Long: `Config works on configuration files without starting anything. Postvet needs no
file: a key that is not set has its default.`,
		Example: `  postvet config default > /etc/postvet/postvet.toml
  postvet config check /etc/postvet/postvet.toml && systemctl reload postvet
  postvet config show /etc/postvet/postvet.toml`,
	}
	group(cmd)
	cmd.AddCommand(newConfigCheck(), newConfigShow(), newConfigDefault(), newConfigImport())
	return cmd
}

func newConfigShow() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "show [FILE]",
		Short: "print every key with its value",
		Long: `Show prints every key with the value that it has under a file and the variables
POSTVET_*, and the line or variable that set it. Without them it prints the
defaults. The output is valid TOML.`,
		Example: `  postvet config show /etc/postvet/postvet.toml | grep -v '# default'`,
		Args:    args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := fileArgument(cmd, file, args)
			if err != nil {
				return err
			}
			load := loadEnvironment
			if name != "" {
				load = func() (*config.Config, error) { return loadFile(name) }
			}
			c, err := load()
			if err != nil {
				return err
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
		Long:    "Default prints a configuration file to begin with: every key with its default\nand a comment. It changes nothing.",
		Example: "  postvet config default > /etc/postvet/postvet.toml",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return output(config.WriteDefault(cmd.OutOrStdout()))
		},
	}
}

// fileArgument returns the file, which is an argument or the flag --config, as for
// serve.
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
