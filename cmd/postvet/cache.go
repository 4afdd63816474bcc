package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

func newCache(in *os.File) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "look into the DNS cache of the service, empty or fill it",
		Long: `Cache shows the answers that the running service has cached for a name, or
removes them: after a record was corrected, the next message looks it up again.
It also brings them to another machine, whose cache is then as warm.`,
		Example: `  postvet cache show _dmarc.example.org
  postvet cache flush example.org --below
  ssh mx1 postvet cache export | postvet cache fetch --from -`,
	}
	group(cmd)
	cmd.AddCommand(newCacheShow(), newCacheFlush(), newCacheExport(), newCacheFetch(in))
	return cmd
}

func newCacheShow() *cobra.Command {
	var f serviceFlags
	var asJSON bool
	q := control.Request{Do: control.DoCacheShow}
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "print the cached answers for a name",
		Long: `Show prints the answers that the cache has for a name: the type, the outcome of
the lookup (found, no data, nxdomain, or a failure), how long the answer stays,
and the records, quoted. A proven "nxdomain" of a name above is shown too.
Nothing is looked up.

Exit codes: 0 there are answers, 1 there are none, 3 the service could not be
asked.`,
		Example: `  postvet cache show _dmarc.example.org
  postvet cache show example.org --below --type MX`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.Name = args[0]; q.Name == "" {
				return usage("the name is empty; write a domain such as _dmarc.example.org")
			}
			q.Type = strings.ToUpper(q.Type)
			var c control.Contents
			if err := f.do(cmd.Context(), answerTime, q, &c); err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if asJSON {
				if err := printJSON(w, c); err != nil {
					return output(err)
				}
			} else if err := c.Write(w); err != nil {
				return output(err)
			}
			if len(c.Answers) == 0 {
				if asJSON {
					return exit{exitNo, nil}
				}
				return answerNo("the cache has nothing for %s; --below shows what it has below", foreign.Word(q.Name, 255))
			}
			return nil
		},
	}
	f.addSocket(cmd)
	cmd.Flags().StringVar(&q.Type, "type", "", "only this `TYPE`: "+strings.Join(control.TypeNames(), ", "))
	cmd.Flags().BoolVar(&q.Below, "below", false, "show the names below it too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newCacheFlush() *cobra.Command {
	var f serviceFlags
	q := control.Request{Do: control.DoCacheFlush}
	cmd := &cobra.Command{
		Use:   "flush NAME",
		Short: "remove a name from the cache",
		Long: `Flush removes the answers for a name, of all types, from the cache, and prints
how many there were. With --below it also removes those for the names below it;
--all empties the cache. The next message that needs an answer looks it up
again.

Exit codes: 0 done, even if there was nothing, 3 the service could not be asked.`,
		Example: `  postvet cache flush _dmarc.example.org
  postvet cache flush example.org --below
  postvet cache flush --all`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case q.All && (len(args) > 0 || q.Below):
				return usage("--all beside a name or --below; write one of them")
			case !q.All && (len(args) == 0 || args[0] == ""):
				return usage("no name to remove; write a domain, or --all")
			case !q.All:
				q.Name = args[0]
			}
			var flushed control.Flushed
			if err := f.do(cmd.Context(), answerTime, q, &flushed); err != nil {
				return err
			}
			_, err := cmd.OutOrStdout().Write([]byte(layout.Count(flushed.Answers, "answer") + " forgotten\n"))
			return output(err)
		},
	}
	f.addSocket(cmd)
	cmd.Flags().BoolVar(&q.Below, "below", false, "remove the names below it too")
	cmd.Flags().BoolVar(&q.All, "all", false, "remove everything")
	return cmd
}
