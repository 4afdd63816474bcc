package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/policy/dmarc/report"
)

type reportReadFlags struct {
	reportStoreFlags
	json, csv, all bool
	store          bool
	color          string
}

func newReportRead(in *os.File) *cobra.Command {
	f := &reportReadFlags{}
	cmd := &cobra.Command{
		Use:   "read FILE|DIR|-...",
		Short: "show reports in files, messages and mailboxes",
		Long: `Read shows the reports in files: aggregate reports, failure reports and TLS
reports, as XML or JSON, compressed by gzip or zip, or as they come by mail: in
a message, an mbox, or the cur and new of a Maildir. In folders all files are
read but those whose names begin with a dot, links and pipes. "-" is standard
input, for a pipe from an alias.

What a report has against its standard is read as it is meant, and listed below
it by a name. A report that came before, by reporter, domain, id, period and
content, is named and does not count. Nobody vouches for what a report says:
anybody can send one.

With --json, each report is one object on one line: kind (aggregate, failure or
tls), file, where (in an archive or message), mail (the message that it came
in), findings, messages, and an object that is named as its kind. Its keys are
the elements or fields of the standard in lower case, with "_" between words:
org_name, policy_published, auth_failure. An aggregate report has records too,
with source_ip, count, disposition, dkim_aligned, spf_aligned, reasons,
header_from, envelope_from, dkim and spf.

With --csv, each record of an aggregate report is one line; values that a
spreadsheet would take for a formula begin with an apostrophe.

With --store the reports are also kept beside those that come by mail, for
"postvet report sources", "received" and "failures". They count there, since you
chose the files.

Exit codes: 0 all could be read, 1 some could not, 2 wrong usage, 3 nothing that
was named could be opened.`,
		Example: `  postvet report read google.com!example.org!1795737600!1795823999.zip
  postvet report read ~/Maildir --json | jq 'select(.kind == "failure")'
  postvet report read --csv reports/ > reports.csv
  postvet report read --store ~/Maildir/.dmarc > /dev/null`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, &reportFiles{in: in, names: args})
		},
		Args: cobra.ArbitraryArgs,
	}
	f.reportStoreFlags.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.store, "store", false, "keep the reports too, with those that come by mail")
	fl.BoolVar(&f.json, "json", false, "print JSON, one report a line")
	fl.BoolVar(&f.csv, "csv", false, "print CSV, one record a line")
	fl.BoolVar(&f.all, "all", false, "show all records with all results, not only the first of each report")
	addColor(cmd, &f.color)
	return cmd
}

func (f *reportReadFlags) run(cmd *cobra.Command, files *reportFiles) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	switch {
	case len(files.names) == 0:
		return usage("no report; name files or folders, or - for standard input")
	case f.json && f.csv:
		return usage("--json beside --csv; write one of them")
	case !f.store && cmd.Flags().Changed("directory"):
		return usage("--directory without --store; it says where reports are kept")
	}
	sums := &reportSums{problems: cmd.ErrOrStderr()}
	out := cmd.OutOrStdout()
	switch {
	case f.json:
		sums.to = &reportObjects{w: out}
	case f.csv:
		sums.to = newReportCSV(out)
	default:
		sums.to = &reportTable{w: out, screen: screen, all: f.all}
	}
	if err := f.read(cmd, files, sums); err != nil {
		return err
	}
	if !f.json && !f.csv && sums.read > 0 {
		if err := sums.write(out, max(screen.Width, reportWidth)); err != nil {
			return output(err)
		}
	}
	switch {
	case sums.read == 0 && files.unopened == files.files:
		return exit{code: exitFailed}
	case sums.unread > 0:
		return exit{code: exitNo}
	}
	return nil
}

// read reads the files into a sink, and keeps what they have if that is asked for.
func (f *reportReadFlags) read(cmd *cobra.Command, files *reportFiles, sink received.Sink) error {
	if !f.store {
		return files.read(sink, progressTo(cmd, true))
	}
	s, err := f.keep(cmd.Context())
	if err != nil {
		return err
	}
	defer s.Close()
	k := newKeepingSink(cmd.Context(), s, sink)
	if err := files.read(k, progressTo(cmd, true)); err != nil {
		if k.failure != nil {
			return k.failure
		}
		return err
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "postvet: %s kept, %d there before\n", layout.Count(k.kept, "report"), k.known)
	return output(err)
}

// reportSums counts reports on their way to where they are written.
type reportSums struct {
	to       received.Sink
	problems io.Writer

	read, unread, duplicates int // reports
	aggregate, failure, tls  int
	messages, passed         int64
	now                      passedMessages // of the report that is being read
}

// passedMessages are the messages of a report, and those of them that passed DMARC.
type passedMessages struct{ all, passed int64 }

// Record implements [received.Sink].
func (s *reportSums) Record(p received.Place, h *report.Head, r *report.Record) error {
	s.now.all += r.Count
	if r.Passed() {
		s.now.passed += r.Count
	}
	return s.to.Record(p, h, r)
}

// End implements [received.Sink].
func (s *reportSums) End(r *received.Report) error {
	now := s.now
	s.now = passedMessages{}
	switch {
	case r.Err != nil:
		s.unread++
		unreadReport(s.problems, r)
	case r.DuplicateOf != nil:
		s.read++
		s.duplicates++
	default:
		s.read++
		s.messages += now.all
		s.passed += now.passed
		switch r.Kind {
		case received.Aggregate:
			s.aggregate++
		case received.Failure:
			s.failure++
		case received.TLS:
			s.tls++
		}
	}
	return s.to.End(r)
}

// write writes the sums for a person.
func (s *reportSums) write(w io.Writer, width int) error {
	text := fmt.Sprintf("%s of %s: %d passed DMARC, %d failed", layout.Count(s.aggregate, "aggregate report"), layout.Count(s.messages, "message"), s.passed, s.messages-s.passed)
	if s.failure > 0 {
		text += "; " + layout.Count(s.failure, "failure report")
	}
	if s.tls > 0 {
		text += "; " + layout.Count(s.tls, "TLS report")
	}
	if s.duplicates > 0 {
		text += "; " + layout.Count(s.duplicates, "duplicate")
	}
	if s.unread > 0 {
		text += fmt.Sprintf("; %d could not be read", s.unread)
	}
	_, err := fmt.Fprintln(w, strings.Join(layout.Lines(text, width, 0), "\n  "))
	return err
}
