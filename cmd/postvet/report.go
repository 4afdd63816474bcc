package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/policy/foreign"
)

func newReport(in *os.File) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report",
		Short: "DMARC reports: those that we send, and those of others",
		Long: `Report is about the reports that receivers send about a domain: aggregate
reports and failure reports of DMARC (RFC 9990, RFC 9991, and RFC 7489 before
them), and reports of SMTP TLS Reporting (RFC 8460).

Reports that we send, if the section [report] of the configuration says so:
"check" says whether they can be sent, "preview" shows today's, "list" and
"show" what was made and what became of it, "send" sends one now, "suppress" and
"forget" see to it that somebody gets none. postvet-reports(7) has the lines to
begin with.

Reports of others: "sources" says who sends as your domain, and whether it is
ready for p=reject; "received" and "failures" list what came by mail to
report.inbox, "read" shows what is in files, and "check FILE" says whether a
report is valid.`,
		Example: `  postvet report check
  postvet report preview example.org
  postvet report list --state bounced
  postvet report sources example.org ~/Maildir`,
	}
	group(cmd)
	cmd.AddCommand(newReportList(), newReportShow(), newReportPreview(), newReportSend(), newReportSuppress(), newReportForget(),
		newReportCheck(in), newReportRead(in), newReportSources(in), newReportReceived(), newReportFailures())
	return cmd
}

// reportFiles reads the reports in files, folders and standard input.
type reportFiles struct {
	in    *os.File
	names []string
	// unopened and files are how many names could not be opened, and how many there were.
	unopened, files int
}

// standardInput is the name of standard input.
const standardInput = "-"

// read reads all reports into a sink. What cannot be read comes to the sink too.
func (f *reportFiles) read(sink received.Sink, notes io.Writer) error {
	var all []string
	var missing []*received.Report
	for _, name := range f.names {
		if name == standardInput {
			all = append(all, name)
			continue
		}
		below, err := mailbox.Files([]string{name})
		if err != nil {
			missing = append(missing, &received.Report{Place: received.Place{File: name}, Err: input.Cause(err)})
		}
		all = append(all, below...)
	}
	if len(all) > mailbox.MaxFiles {
		return usage("there are more than %d files; name a part of them", mailbox.MaxFiles)
	}
	f.files, f.unopened = len(all)+len(missing), len(missing)
	for _, m := range missing {
		if err := sink.End(m); err != nil {
			return output(err)
		}
	}
	done := func(int) {}
	if notes != nil && len(all) > 1 {
		done = progress(notes, len(all), "file")
		defer fmt.Fprint(notes, "\r\x1b[K")
	}
	r := received.New(sink)
	for i, name := range all {
		if err := f.one(r, name); err != nil {
			return output(err)
		}
		done(i + 1)
	}
	return nil
}

// one reads one file.
func (f *reportFiles) one(r *received.Reader, name string) error {
	if name != standardInput {
		return r.File(name)
	}
	in, err := input.Standard(f.in)
	if err != nil {
		return err
	}
	if in == nil {
		in = errReader{errors.New("is empty")}
	}
	return r.Read(in, "standard input")
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// progressTo returns where progress is shown: where a person sees it, but not what is
// printed beside it.
func progressTo(cmd *cobra.Command, printed bool) io.Writer {
	w := cmd.ErrOrStderr()
	if !layout.IsTerminal(w) || printed && layout.IsTerminal(cmd.OutOrStdout()) {
		return nil
	}
	return w
}

// placeText returns a place for a person.
func placeText(p received.Place) string {
	text := foreign.Terminal(p.File, foreign.Whole)
	if p.Message > 0 {
		text += fmt.Sprintf(", message %d", p.Message)
	}
	if p.Where != "" {
		text += ", " + foreign.Terminal(p.Where, foreign.Whole)
	}
	return text
}

// unreadReport writes why a report could not be read.
func unreadReport(w io.Writer, r *received.Report) {
	fmt.Fprintf(w, "postvet: %s: %s\n", placeText(r.Place), foreign.Terminal(r.Err.Error(), 500))
}
