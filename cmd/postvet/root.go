package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// run is main with its arguments and streams passed in. It returns the exit code.
func run(args []string, in *os.File, out, errOut io.Writer) int {
	root := newRoot(in)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitDone
	}
	var e exit
	if !errors.As(err, &e) || e.err != nil {
		complain(errOut, err)
	}
	return codeOf(err)
}

// helpColumns are the columns of help texts.
const helpColumns = 80

func newRoot(in *os.File) *cobra.Command {
	root := &cobra.Command{
		Use:   "postvet",
		Short: "authenticate incoming mail",
		Long: `Postvet checks incoming mail by SPF, DKIM, ARC and DMARC. It is a milter for
Postfix and Sendmail: it refuses or holds forged mail as the forged domain asks,
and writes its results into the field Authentication-Results.

Begin with "postvet serve": it needs no configuration and prints the lines for
your MTA. "postvet check" shows what would happen to one message, "postvet
domain" shows what a domain publishes for mail, "postvet status" shows the state
of the running service, and "postvet trace" why its messages fare as they do,
with every lookup, SPF term, signature and alignment.

Exit codes: 0 done; 1 the answer is no (check: the message would not be
accepted; config check: the file has faults; domain: something is wrong); 2
wrong usage or configuration; 3 could not (input or output, DNS, a port in use).`,
		Example: `  postvet serve                          the milter, on 127.0.0.1:8890
  postvet check --ip 192.0.2.1 --helo mx.example.org \
      --mail-from a@example.org message.eml
  postvet domain example.org             MX, SPF, DKIM, DMARC, with findings
  postvet route ann@example.org          the way of mail to an address
  postvet trace --from example.org       live messages of a domain, step by step
  postvet explain 1R407AG0YWNWK          why a message was refused
  postvet top                            whose mail fails most, this week
  postvet policy explain                 what is done with a message, in order
  postvet config default > postvet.toml  every key with default and comment`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       thisBuild(), // --version
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetUsageTemplate(strings.NewReplacer(
		".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", helpColumns),
		`[command] --help" for more information about a command.`, `[command] --help" for more.`,
	).Replace(root.UsageTemplate()))
	root.Flags().Bool("version", false, "print the version, as the command does")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%s; see \"%s --help\"", strings.ReplaceAll(err.Error(), "\n", " "), cmd.CommandPath())
	})
	group(root)
	root.AddCommand(newServe(), newCheck(in), newSign(in), newKey(), newDomain(in), newRoute(), newPolicy(), newConfig(),
		newStatus(), newReload(), newLogLevel(), newTrace(), newHistory(), newExplain(), newHeld(), newTop(), newJournal(), newCache(in), newVersion(), newManual())
	root.AddCommand(newReport(in), newWeb(in))
	root.SetHelpCommand(newHelp())
	completeValues(root)
	return root
}

// group sets up a command that only has subcommands. Alone it prints its help, and
// for an unknown subcommand it suggests a known one.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		remedy := fmt.Sprintf("see %q", cmd.CommandPath()+" --help")
		if cmd.SuggestionsMinimumDistance <= 0 {
			cmd.SuggestionsMinimumDistance = 2
		}
		if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
			remedy = fmt.Sprintf("did you mean %q?", s[0])
		}
		return usage("unknown command %q; %s", args[0], remedy)
	}
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "show the help of a command",
		Example: "  postvet help check",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("no command %q; see \"postvet --help\"", strings.Join(args, " "))
			}
			return found.Help()
		},
	}
}

// args allows a number of arguments. Its error has one line.
func args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		switch n := len(given); {
		case n < least:
			return usage("an argument is missing; write %q", cmd.UseLine())
		case n > most && most == 0:
			return usage("unexpected argument %q; write %q", given[0], cmd.UseLine())
		case n > most:
			return usage("too many arguments, the first is %q, then %q; write %q", given[0], given[1], cmd.UseLine())
		}
		return nil
	}
}
