package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// words are the values that a shell offers for flags of these names; the flag takes no
// others, or these are the usual ones.
var words = map[string][]string{
	"fields": {"default", "strict", "lists"},
	"color":  {"auto", "always", "never"},
	"mode":   {"enforce", "monitor"},
	"mta":    {"postfix", "sendmail"},
	"tls":    {"TLSv1.2", "TLSv1.3"},
	"for":    {"10m", "1h", "24h"},
	"watch":  {"2s", "10s", "1m"},
	"type":   control.TypeNames(),
	"by":     counts.FieldNames(),
	"action": rows.Actions,
	"dmarc":  rows.DMARCResults,
	"day":    {"today", "yesterday"},
}

// fileKinds are the endings of the files that flags of these names take; all files
// without an ending.
var fileKinds = map[string][]string{
	"config": {"toml"}, "rules": {"toml"}, "against": {"toml"}, "output": {"toml"},
	"messages": nil, "key": nil, "log": nil, "milter-order": nil, "mta-config": nil,
	"opendkim": nil, "opendmarc": nil, "pyspf": nil, "openarc": nil, "opendmarc-reports": nil, "mail-dmarc": nil,
}

// completeValues has the shell complete the values of flags and arguments. A value that
// is neither a word of a few nor a file is not completed: names of files would stand
// where an address belongs.
func completeValues(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == "bool" || f.Name == "socket" {
			return // a path, or an address that may be one
		}
		complete := cobra.NoFileCompletions
		if kinds, isFile := fileKinds[f.Name]; isFile {
			complete = filesOf(kinds)
		} else if w, ok := words[f.Name]; ok {
			complete = cobra.FixedCompletions(completions(w), cobra.ShellCompDirectiveNoFileComp)
		}
		// It fails only if the flag does not exist, or is completed elsewhere.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
	})
	switch cmd.CommandPath() {
	case "postvet log-level":
		cmd.ValidArgsFunction = firstArgument(config.LogLevels(), cobra.ShellCompDirectiveNoFileComp)
	case "postvet top":
		cmd.ValidArgsFunction = firstArgument(topWords(), cobra.ShellCompDirectiveNoFileComp)
	case "postvet cache show", "postvet cache flush":
		// What is most often mended; the domain follows.
		cmd.ValidArgsFunction = firstArgument([]string{"_dmarc."}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)
	case "postvet report sources":
		cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 { // a domain
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		}
	case "postvet config check", "postvet config show", "postvet policy explain":
		cmd.ValidArgsFunction = filesOf([]string{"toml"})
	case "postvet report list", "postvet report show", "postvet report preview", "postvet report forget",
		"postvet report suppress list", "postvet report suppress add", "postvet report suppress remove":
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	case "postvet domain", "postvet route", "postvet status", "postvet trace", "postvet reload", "postvet serve", "postvet version", "postvet config default":
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, c := range cmd.Commands() {
		completeValues(c)
	}
}

// filesOf completes names of files with one of the endings, all if there are none.
func filesOf(endings []string) cobra.CompletionFunc {
	if len(endings) == 0 {
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	}
	return cobra.FixedCompletions(completions(endings), cobra.ShellCompDirectiveFilterFileExt)
}

// firstArgument completes the first argument, and none behind it.
func firstArgument(all []string, how cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completions(all), how
	}
}

func completions(all []string) []cobra.Completion { return slices.Clone(all) }
