package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// transferTime is how long a command waits for a snapshot on its way.
const transferTime = control.TransferTime + answerTime

func newCacheExport() *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "write the cached answers for the cache of another machine",
		Long: `Export writes a snapshot of the answers that the running service has in its
cache, at most 64 MB, to standard output. "cache fetch" loads it into the cache
of another machine. It has the records that were found, with what is left of
their TTL. It shows who writes to whom, so keep it from others.

Exit codes: 0 done, 2 standard output is a terminal, 3 the service could not be
asked.`,
		Example: `  ssh mx1 postvet cache export | postvet cache fetch --from -
  postvet cache export > answers && scp answers mx2:`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			if layout.IsTerminal(w) {
				return usage("a snapshot is no text for a terminal; write it to a file with >, or to \"postvet cache fetch --from -\"")
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), transferTime)
			defer cancel()
			if err := c.Export(ctx, w); err != nil {
				if !ofService(err) {
					return output(err)
				}
				return requestError(err)
			}
			return nil
		},
	}
	f.addSocket(cmd)
	return cmd
}

// ofService reports whether an error comes from the service, or from the way to it.
func ofService(err error) bool {
	var r *control.Refusal
	var u *control.Unreachable
	return errors.As(err, &r) || errors.As(err, &u)
}

func newCacheFetch(in *os.File) *cobra.Command {
	var f serviceFlags
	var from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fetch",
		Short: "load the answers that the cache of another machine has",
		Long: `Fetch loads the answers that the DNS cache of another machine has into that of
the running service, and prints how many there were. Each lives for what is left
of its TTL, at most for an hour. Answers that the service has found itself stay.
Failures, and names or records that do not exist, are not taken.

--from says whose: - is a snapshot that "cache export" wrote there, on standard
input; a path is one in a file. The service itself asks https://HOST:PORT, a
machine that serves its answers ([peers] in postvet.toml(5)), and unix:PATH, the
control socket of another service. Without --from it asks those of warm_from in
[dns], as at its start.

The other machine is believed about every name, and could forge keys and
policies: take only what your own machines wrote. Its word about DNSSEC counts
only with warm_trust_ad. The age of a snapshot in a pipe or file is told by the
clocks of both machines. See postvet-dns(7).

Exit codes: 0 done, 2 wrong usage, 3 the snapshot could not be loaded, or the
service could not be asked.`,
		Example: `  ssh mx1 postvet cache export | postvet cache fetch --from -
  postvet cache fetch --from https://mx1.example.org:8894
  postvet cache fetch`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" && cmd.Flags().Changed("from") {
				return usage("--from is empty; write a source, a file, or - for standard input")
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), transferTime)
			defer cancel()
			fetched, err := fetchSnapshot(ctx, c, in, from)
			if err != nil {
				return err
			}
			if asJSON {
				return output(printJSON(cmd.OutOrStdout(), fetched))
			}
			_, err = io.WriteString(cmd.OutOrStdout(), fetched.Text()+"\n")
			return output(err)
		},
	}
	f.addSocket(cmd)
	cmd.Flags().StringVar(&from, "from", "", "whose answers, as `SOURCE`: https://HOST:PORT, unix:PATH, a file, or - for standard input (default those of dns.warm_from)")
	_ = cmd.RegisterFlagCompletionFunc("from", filesOf(nil)) // it fails only if the flag does not exist
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// fetchSnapshot has the service load the snapshot of a source.
func fetchSnapshot(ctx context.Context, c *control.Client, in *os.File, from string) (control.Fetched, error) {
	if from != "" && !strings.Contains(from, "://") && !strings.HasPrefix(from, "unix:") {
		return loadSnapshot(ctx, c, in, from)
	}
	var f control.Fetched
	if err := c.Do(ctx, control.Request{Do: control.DoCacheFetch, Source: from}, &f); err != nil {
		return f, requestError(err)
	}
	return f, nil
}

// loadSnapshot has the service load the snapshot of a file, or of standard input.
func loadSnapshot(ctx context.Context, c *control.Client, in *os.File, from string) (control.Fetched, error) {
	source, snapshot, err := openSnapshot(in, from)
	if err != nil {
		return control.Fetched{}, err
	}
	defer snapshot.Close()
	f, err := c.Load(ctx, snapshot)
	switch {
	case err != nil && !ofService(err):
		return f, failed("%s: %v; write the snapshot again", source, input.Cause(err))
	case err != nil:
		return f, requestError(err)
	}
	f.Source = source
	return f, nil
}

// openSnapshot opens a file, or standard input, and says how it is called.
func openSnapshot(in *os.File, from string) (source string, snapshot io.ReadCloser, err error) {
	if from == "-" {
		r, err := input.Standard(in)
		switch {
		case err != nil:
			return "", nil, failed("standard input cannot be read: %v; look at the command before |", input.Cause(err))
		case r == nil:
			return "", nil, failed("standard input is empty; look at what the command before | says")
		}
		return "standard input", io.NopCloser(r), nil
	}
	file, err := input.Open(from)
	if err != nil {
		return "", nil, failed("%s; name a file that \"postvet cache export\" wrote, or - for standard input", fileError(from, err))
	}
	return foreign.Terminal(from, foreign.Whole), file, nil
}
