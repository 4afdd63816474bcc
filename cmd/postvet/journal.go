package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/livetrace"
	"github.com/postvet/postvet/policy/foreign"
)

// longTime is how long a command waits for an answer that reads all files.
const longTime = 10 * time.Minute

func newJournal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "look after the journal of past messages",
		Long: `The journal keeps what was found and decided about each message, if
journal.directory names a place for it. "postvet history" searches it, "postvet
explain" tells the story of a message, and these commands look after its files.`,
		Example: "  postvet journal status",
	}
	group(cmd)
	cmd.AddCommand(newJournalStatus(), newJournalVerify(), newJournalForget(), newJournalExport(), newJournalMigrate())
	return cmd
}

func newJournalStatus() *cobra.Command {
	f := &journalFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show how the journal does",
		Long: `Status shows where the journal is, what it keeps of addresses, how far back it
goes, how large it is, and whether messages are missing in it.

Exit codes: 0 shown, 3 the journal cannot be written or read.`,
		Example: "  postvet journal status",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.source(cmd.Context())
			if err != nil {
				return err
			}
			j, err := s.status(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), j)
			} else {
				err = writeJournal(cmd.OutOrStdout(), j)
			}
			if err != nil {
				return output(err)
			}
			if j.Problem != "" {
				return exit{exitFailed, nil}
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// status describes the journal.
func (s *source) status(ctx context.Context) (j control.Journal, err error) {
	if s.dir == "" {
		return j, request(ctx, s.client, answerTime, control.Request{Do: control.DoJournalStatus}, &j)
	}
	files, err := sqlite.Files(s.dir)
	if err != nil {
		return j, failed("%s; name the directory of the journal with --journal", fileError(s.dir, err))
	}
	j.Directory, j.Running = s.dir, sqlite.InUse(s.dir)
	if s.config != nil {
		j.Privacy = string(s.config.Journal.Privacy)
	}
	j.Add(files)
	return j, nil
}

// writeJournal writes the state of the journal for a person.
func writeJournal(w io.Writer, j control.Journal) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, foreign.Terminal(fmt.Sprintf(format, args...), foreign.Whole))
	}
	line("directory", "%s", j.Directory)
	if j.Privacy != "" {
		line("privacy", "%s", j.Privacy)
	}
	switch {
	case j.Problem != "":
		line("problem", "%s", j.Problem)
	case j.Running:
		line("state", "written by the service")
	default:
		line("state", "no service writes it")
	}
	if !j.Oldest.IsZero() {
		line("oldest", "%s", j.Oldest.Format(time.DateOnly))
	}
	days := 0
	for _, f := range j.Files {
		switch {
		case f.Problem != "" && strings.HasSuffix(f.Name, ".db"):
			line("damaged", "%s, %s: %s", f.Name, megabytes(f.Octets), f.Problem)
			days++
		case f.Problem != "":
			line("aside", "%s, %s: %s", f.Name, megabytes(f.Octets), f.Problem)
		default:
			days++
		}
	}
	line("size", "%s in %s", megabytes(j.Octets), layout.Count(days, "file"))
	if j.Written != nil {
		line("written", "%d of accepted mail, %d of other mail since the start", j.Written["accepted"], j.Written["rest"])
		line("missing", "%d of accepted mail, %d of other mail since the start", j.Dropped["accepted"], j.Dropped["rest"])
	}
	if s := j.Shipping; s != nil {
		writeShipping(line, s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeShipping writes how the journal is sent to a database.
func writeShipping(line func(name, format string, args ...any), s *control.Shipping) {
	if s.Problem == "" {
		line("postgres", "node %s, %s behind", s.Node, time.Duration(s.LagSeconds*float64(time.Second)).Round(time.Second))
	} else {
		line("postgres", "node %s, failing since %s: %s", s.Node, s.Since.Local().Format(time.DateTime), s.Problem)
	}
	line("sent", "%d of accepted mail, %d of other mail since the start", s.Sent["accepted"], s.Sent["rest"])
	if n := s.Lost["accepted"] + s.Lost["rest"]; n > 0 {
		line("unsent", "%d of accepted mail, %d of other mail were removed before they were sent", s.Lost["accepted"], s.Lost["rest"])
	}
}

func megabytes(octets int64) string { return fmt.Sprintf("%.1f MB", float64(octets)/(1<<20)) }

func newJournalVerify() *cobra.Command {
	f := &journalFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "read all files and say what is wrong with them",
		Long: `Verify reads every file and every message in it, and says how many there are and
what is wrong. It changes nothing.

Exit codes: 0 all is well, 1 something is wrong, 3 the journal could not be
read.`,
		Example: "  postvet journal verify",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.source(cmd.Context())
			if err != nil {
				return err
			}
			var files []rows.File
			if s.dir == "" {
				err = request(cmd.Context(), s.client, longTime, control.Request{Do: control.DoJournalVerify}, &files)
			} else if files, err = sqlite.Verify(cmd.Context(), s.dir); err != nil {
				err = failed("%s; name the directory of the journal with --journal", fileError(s.dir, err))
			}
			if err != nil {
				return err
			}
			return writeFiles(cmd.OutOrStdout(), files, asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// writeFiles writes what was found in files, and returns the answer no if something is
// wrong.
func writeFiles(w io.Writer, files []rows.File, asJSON bool) error {
	wrong := 0
	for _, f := range files {
		if f.Problem != "" {
			wrong++
		}
	}
	if asJSON {
		if err := printJSON(w, files); err != nil {
			return output(err)
		}
	} else {
		for _, f := range files {
			what := layout.Count(f.Rows, "message")
			if f.Problem != "" {
				what = foreign.Terminal(f.Problem, foreign.Whole)
			}
			if _, err := fmt.Fprintf(w, "%-32s %10s  %s\n", f.Name, megabytes(f.Octets), what); err != nil {
				return output(err)
			}
		}
	}
	switch {
	case wrong > 0 && asJSON:
		return exit{exitNo, nil}
	case wrong > 0:
		return answerNo("%s with a problem; what is not needed may be removed, also while the service runs", layout.Count(wrong, "file"))
	}
	return nil
}

func newJournalForget() *cobra.Command {
	f := &journalFlags{}
	var address, domain, client string
	cmd := &cobra.Command{
		Use:   "forget",
		Short: "remove the messages of a person, a domain or a client",
		Long: `Forget removes messages from all files, and overwrites what they held. --address
removes those from and to an address, --domain those of authors in a domain and
those from and to it, with the domain's DNS records that were kept, and --client
those of a client or network. The numbers of the domain in "postvet top" are
added to those of other names; the numbers of a client's network stay.

Not changed are audit.log in the journal's directory, which has who asked for
what; files that were set aside, which "postvet journal status" shows; and files
of "postvet journal export". The files of the days are made anew. If that takes
long, the service writes what came meanwhile a minute later.

An address is found only if journal.privacy was "hashed" or "addresses" at the
time of the message.

Exit codes: 0 done, even if there was nothing, 2 wrong usage, 3 the journal
could not be changed.`,
		Example: `  postvet journal forget --address ann@example.org
  postvet journal forget --domain example.org
  postvet journal forget --client 192.0.2.1`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			queries, err := forgetQueries(address, domain, client)
			if err != nil {
				return err
			}
			s, err := f.source(cmd.Context())
			if err != nil {
				return err
			}
			n := 0
			for _, q := range queries {
				some, err := s.forget(cmd.Context(), q)
				if err != nil {
					return err
				}
				n += some
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s forgotten\n", layout.Count(n, "message"))
			return output(err)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&address, "address", "", "`ADDRESS` of a sender or recipient")
	cmd.Flags().StringVar(&domain, "domain", "", "`DOMAIN` of authors, senders or recipients")
	cmd.Flags().StringVar(&client, "client", "", "`ADDRESS` or network of the client")
	return cmd
}

// forgetQueries returns the queries for exactly one of the flags.
func forgetQueries(address, domain, client string) ([]rows.Query, error) {
	var all []rows.Query
	switch {
	case address != "" && domain == "" && client == "":
		if !strings.Contains(address, "@") {
			return nil, usage("--address %q is no address; write one such as ann@example.org, or use --domain", address)
		}
		all = rows.ForgetAddress(address)
	case domain != "" && address == "" && client == "":
		all = rows.ForgetDomain(domain)
	case client != "" && address == "" && domain == "":
		p, err := livetrace.ParseClient(client)
		if err != nil {
			return nil, usage("--client: %v", err)
		}
		all = []rows.Query{{Client: p}}
	default:
		return nil, usage("write one of --address, --domain and --client")
	}
	for i := range all {
		if err := all[i].Check(); err != nil {
			return nil, usage("%v", err)
		}
	}
	return all, nil
}

// forget removes the rows that a query selects.
func (s *source) forget(ctx context.Context, q rows.Query) (int, error) {
	if s.dir == "" {
		var out control.Forgotten
		err := s.ask(ctx, control.DoJournalForget, q, longTime, &out)
		return out.Messages, err
	}
	if err := sqlite.Audit(s.dir, sqlite.Audited{UID: os.Getuid(), Do: "forget", Query: &q}); err != nil {
		return 0, failed("%s; become root or the user of the service", fileError(s.dir, err))
	}
	reader := sqlite.NewReader(s.dir)
	if s.config != nil && s.config.Journal.Postgres != "" {
		node, err := s.config.Journal.NodeName()
		if err != nil {
			return 0, failed("%v", err)
		}
		n, err := (&postgres.Database{DSN: s.config.Journal.Postgres}).Forget(ctx, reader, node, q)
		if err != nil {
			return n, failed("%v", err)
		}
		return n, nil
	}
	n, err := reader.Forget(ctx, q)
	if err != nil {
		return n, failed("%s; become root or the user of the service", fileError(s.dir, err))
	}
	return n, nil
}
